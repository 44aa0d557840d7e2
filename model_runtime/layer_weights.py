"""The weights of all heads of a layer, some queries at a time, so that a long text needs little memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from model_runtime.anatomy import window
from model_runtime.engine import Engine
from model_runtime.recording import Recording
from model_runtime.weights import Formula, scores_of, softmax_with_sink

# Weights that are held at once: 64 MB of float32.
WEIGHTS_AT_ONCE = 2**24
FEW = 4  # queries that are fetched one by one


@dataclass(frozen=True)
class Rows:
    """Some neighbouring queries of all heads of a layer.

    Attributes:
        begin: The position of the first.
        weights: [head, query, key] float32; the keys are those of the whole text.
        sink: [head, query] the share that goes to the model's own sink.
        visible: [query, key].
        hidden: [head, query] the share that was taken out before the rest was renormalised; 0 where nothing was.
    """

    begin: int
    weights: torch.Tensor
    sink: torch.Tensor
    visible: torch.Tensor
    hidden: torch.Tensor

    def without(self, positions: Sequence[int]) -> "Rows":
        """The rows with these keys and the model's own sink taken out, and the rest renormalised.

        A row with nothing left is all zeros and wholly hidden.
        """
        if not positions:
            return self
        weights = self.weights.clone()
        weights[..., list(positions)] = 0
        rest = weights.sum(-1)
        weights /= torch.where(rest > 0, rest, 1)[..., None]
        return Rows(self.begin, weights, torch.zeros_like(self.sink), self.visible, (1 - rest).clamp(0, 1))


def attending(engine: Engine, recording: Recording) -> list[int]:
    """The layers whose attention can be read."""
    recorder = engine.recorder
    return [
        layer
        for layer, keys in enumerate(recording.keys)
        if keys is not None and recorder.formulas[layer] is not None and layer not in recorder.unreadable
    ]


def formula_of(engine: Engine, layer: int) -> Formula:
    """The formula of an attending layer."""
    formula = engine.recorder.formulas[layer]
    assert formula is not None  # asked only of layers that attended
    return formula


def window_of(engine: Engine, layer: int) -> int | None:
    """The sliding window of a layer in tokens, None where it sees everything before it or has no attention."""
    formula = engine.recorder.formulas[layer]
    if formula is None:
        return None
    return formula.window if formula.window is not None else window(engine.anatomy.config, layer)


def rows_at(engine: Engine, recording: Recording, layer: int, positions: Sequence[int]) -> Rows:
    """Any queries of an attending layer; `begin` is the first's. Enter within `engine.running()`."""
    formula, keys = formula_of(engine, layer), recording.keys[layer]
    assert keys is not None  # asked only of layers that attended
    if len(positions) <= FEW:  # of a reduced recording, only these are computed again
        query = torch.cat([recording.layer_queries(layer, one, one + 1) for one in positions], dim=1)
        visible = torch.cat([recording.visible(layer, one, one + 1) for one in positions])
    else:
        low, high = min(positions), max(positions) + 1
        chosen = torch.tensor(positions, device=keys.device) - low
        query = recording.layer_queries(layer, low, high)[:, chosen]
        visible = recording.visible(layer, low, high)[chosen]
    return _rows(formula, query, keys, visible, positions[0])


def all_rows(engine: Engine, recording: Recording, layer: int, first: int = 0, block: int = 1) -> Iterator[Rows]:
    """All queries of an attending layer, some at a time. Enter within `engine.running()`.

    Args:
        engine: The model.
        recording: The text's.
        layer: The layer.
        first: The query to begin with.
        block: Every part but the last has a multiple of so many queries.
    """
    formula, keys = formula_of(engine, layer), recording.keys[layer]
    assert keys is not None  # asked only of layers that attended
    queries, tokens = recording.layer_queries(layer, first), len(recording.ids)
    count = max(1, WEIGHTS_AT_ONCE // (formula.heads * tokens * block)) * block
    for begin in range(first, tokens, count):
        visible = recording.visible(layer, begin, min(begin + count, tokens))
        yield _rows(formula, queries[:, begin - first : begin - first + count], keys, visible, begin)


def _rows(formula: Formula, query: torch.Tensor, keys: torch.Tensor, visible: torch.Tensor, begin: int) -> Rows:
    weights, sink = softmax_with_sink(scores_of(query, keys, formula, visible), formula.sinks)
    return Rows(begin, weights, sink, visible, torch.zeros_like(sink))
