"""What the runtime answers about attention heads: frozen records, as in `records`.

Arrays over [layer, head] cover every block and the most heads that any block has. Cells that do not exist (a block
without attention, a block with fewer heads) are NaN, -1, False or "" by their type. A *head* is always a query head,
counted from 0, named by (layer, head).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_runtime.records import Booleans, Floats, Integers, seal

Texts = NDArray[np.str_]
Bytes = NDArray[np.uint8]
Head = tuple[int, int]  # layer, head


@dataclass(frozen=True)
class HeadMeasure:
    """What one measure of a `HeadTable` means.

    Attributes:
        name: Its key in `HeadTable.measures`.
        unit: "nats", "tokens" or "share" (0 to 1).
        meaning: One sentence.
    """

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class HeadLabel:
    """One label that a head can get.

    Attributes:
        name: As it stands in `HeadTable.label`.
        condition: When a head gets it, with the thresholds, in terms of `HeadTable.decided_on`.
        meaning: What such a head does, in one sentence.
    """

    name: str
    condition: str
    meaning: str


@dataclass(frozen=True)
class HeadTable:
    """What every head does, measured.

    Attributes:
        label: [layer, head] a name from `head_measures.LABELS`; "" where there is no head.
        measures: name -> [layer, head], on the model's weights as they are; `head_measures.MEASURES` says what each
            means. `duplicate` and `induction` are NaN where nothing repeats, the `_random` ones where the random run
            does not fit the context.
        decided_on: name -> [layer, head], the shares that the labels were decided on: without the first token and the
            model's own sink, as `head_measures` defines. NaN where nothing is left to decide on.
        key_value_head: [layer, head] the key/value head that each reads; -1 where there is no head.
        windows: [layer] the sliding window in tokens, None where a layer sees everything before it or has no attention.
        ablated: [layer, head] True where the moment switches the head off. Its weights are still computed, and unused.
    """

    label: Texts
    measures: Mapping[str, Floats]
    decided_on: Mapping[str, Floats]
    key_value_head: Integers
    windows: tuple[int | None, ...]
    ablated: Booleans

    def __post_init__(self) -> None:
        grid = self.key_value_head.shape
        seal(self, label=grid, ablated=grid, windows=grid[:1])
        for name, values in [*self.measures.items(), *self.decided_on.items()]:
            values.flags.writeable = False
            if values.shape != grid:
                raise ValueError(f"measure {name} has shape {values.shape}; the record calls for {grid}")


@dataclass(frozen=True)
class HeadMosaic:
    """All heads at a glance: each head's weights pooled into a few cells by their maximum, as bytes.

    The maximum keeps a single strong weight visible however many tokens share its cell. For exact weights ask for the
    one head.

    Attributes:
        cells: [layer, head, row, column] 0 to 255, that is round(255 * sqrt(largest weight in the cell)); on the linear
            scale round(255 * largest weight). 0 where the mask hides everything and where there is no head.
        scale: "sqrt" or "linear".
        edges: [row + 1] cell i, as row and as column, is about the tokens edges[i] to edges[i + 1] - 1. In a long text
            they are multiples of a power of two, the last one excepted.
        exists: [layer, head] False where there is no head.
        key_value_head: [layer, head] the key/value head that each reads; -1 where there is no head.
        ablated: [layer, head] True where the moment switches the head off.
        hidden_positions: The key positions that were hidden before pooling, the rest of each row renormalised.
        hidden: [layer, head] the mean share of a row that was hidden, 0 to 1; NaN where there is no head.
    """

    cells: Bytes
    scale: str
    edges: Integers
    exists: Booleans
    key_value_head: Integers
    ablated: Booleans
    hidden_positions: tuple[int, ...]
    hidden: Floats

    def __post_init__(self) -> None:
        grid, side = self.exists.shape, len(self.edges) - 1
        seal(self, cells=(*grid, side, side), key_value_head=grid, ablated=grid, hidden=grid)


@dataclass(frozen=True)
class HeadRanking:
    """Which heads look from one token at some others.

    Attributes:
        query: The position that looks.
        keys: The positions looked at.
        weights: [layer, head] the query's weights on the keys, summed, 0 to 1. NaN where there is no head.
        rank: [layer, head] 0 for the head with the most; equals by layer, then head. -1 where there is no head.
        order: [head, 2] (layer, head) by rank.
        key_value_head: [layer, head] the key/value head that each reads; -1 where there is no head.
        ablated: [layer, head] True where the moment switches the head off.
        hidden_positions: The key positions that were hidden before summing, the rest of the row renormalised.
        hidden: [layer, head] the share of the query's row that was hidden, 0 to 1; NaN where there is no head.
    """

    query: int
    keys: tuple[int, ...]
    weights: Floats
    rank: Integers
    order: Integers
    key_value_head: Integers
    ablated: Booleans
    hidden_positions: tuple[int, ...]
    hidden: Floats

    def __post_init__(self) -> None:
        grid = self.weights.shape
        seal(self, rank=grid, key_value_head=grid, ablated=grid, hidden=grid, order=(int((self.rank >= 0).sum()), 2))


@dataclass(frozen=True)
class HeadPairs:
    """The pairs of tokens that one head connects most.

    Attributes:
        layer: Block index.
        head: Query head index.
        queries: [pair] the positions that look.
        keys: [pair] the positions looked at.
        weights: [pair] 0 to 1, the largest first; equals by query, then key.
        hidden_positions: The key positions that were hidden first, the rest of each row renormalised.
    """

    layer: int
    head: int
    queries: Integers
    keys: Integers
    weights: Floats
    hidden_positions: tuple[int, ...]

    def __post_init__(self) -> None:
        seal(self, queries=self.weights.shape, keys=self.weights.shape)


@dataclass(frozen=True)
class CombinedMap:
    """Several heads as one map; it can be drawn wherever an `AttentionMap` can.

    Attributes:
        method: "mean" (rows and sinks sum to one), "maximum" (cell by cell; rows need not sum to one) or "rollout"
            (how much of each key's input reaches each query through the layers, after Abnar and Zuidema 2020; what
            goes into a model's own sink on the way is lost, so rows and `sink` sum to one).
        heads: The heads combined, in order.
        weights: [query, key] 0 to 1.
        visible: [query, key] False where every combined head's mask hides the key; the weight there is exactly 0.
        sink: [query] the share that goes to the model's own attention sink; for the maximum the largest.
        hidden: [query] the share that was taken out before the rest was renormalised; None where nothing was hidden.
        begin: The position of the first query: always 0.
    """

    method: str
    heads: tuple[Head, ...]
    weights: Floats
    visible: Booleans
    sink: Floats
    hidden: Floats | None = None
    begin: int = 0

    def __post_init__(self) -> None:
        tokens = self.weights.shape[0]
        seal(self, weights=(tokens, tokens), visible=(tokens, tokens), sink=(tokens,))
        if self.hidden is not None:
            seal(self, hidden=(tokens,))


@dataclass(frozen=True)
class HeadDistance:
    """How far two maps are from each other, query by query.

    Attributes:
        divergence: [query] the Jensen-Shannon divergence of the two rows to base 2: 0 (equal) to 1 (no key in common).
            A model's own sink counts as one more key; rows that do not sum to one are normalised first. NaN where a row
            holds nothing.
        distance: [query] its square root, the Jensen-Shannon distance, 0 to 1; a metric.
        mean_divergence: Over the queries, NaN left out.
        mean_distance: Over the queries, NaN left out.
    """

    divergence: Floats
    distance: Floats
    mean_divergence: float
    mean_distance: float

    def __post_init__(self) -> None:
        seal(self, distance=self.divergence.shape)


@dataclass(frozen=True)
class HeadSimilarity:
    """All heads by how alike they look at the text.

    Attributes:
        heads: [head, 2] (layer, head) of each.
        distance: [head, head] the mean Jensen-Shannon distance (see `HeadDistance`) over `queries`, 0 to 1.
        coordinates: [head, 2] a map on which near means alike: classical multidimensional scaling of `distance`.
            Axes have no meaning of their own; the sign is fixed so that the largest entry of each is positive.
        explained: The share of the squared distances' variance that the two axes show, 0 to 1.
        queries: [query] the positions that were compared: all of them, or some evenly spaced ones where that is much.
        hidden_positions: The key positions that were hidden first, the rest of each row renormalised.
    """

    heads: Integers
    distance: Floats
    coordinates: Floats
    explained: float
    queries: Integers
    hidden_positions: tuple[int, ...]

    def __post_init__(self) -> None:
        count = len(self.heads)
        seal(self, heads=(count, 2), distance=(count, count), coordinates=(count, 2))
