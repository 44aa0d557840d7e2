"""How alike two heads look, and a map of all heads by it."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from model_runtime.engine import Engine
from model_runtime.errors import OutOfRange
from model_runtime.head_records import CombinedMap, Head, HeadDistance, HeadSimilarity
from model_runtime.layer_weights import attending, formula_of, rows_at
from model_runtime.recording import Recording
from model_runtime.records import AttentionMap

# Weights that are compared for one map of heads: some seconds on a laptop.
COMPARED = 2**26
FEWEST_QUERIES = 4
WEIGHTS_AT_ONCE = 2**21  # 16 MB of float64


def distance_between(one: AttentionMap | CombinedMap, other: AttentionMap | CombinedMap) -> HeadDistance:
    """How far two maps are from each other, query by query; they may be of two moments of equal length.

    Raises:
        OutOfRange: The maps are of different lengths.
    """
    if one.weights.shape != other.weights.shape:
        raise OutOfRange(
            f"The maps are over {len(one.weights)} and {len(other.weights)} tokens; only maps of equal length compare."
        )
    rows = [torch.from_numpy(np.column_stack([map_.weights, map_.sink])).double() for map_ in (one, other)]
    divergence = _divergence(*(_normalised(row) for row in rows)).numpy().astype(np.float32)
    distance = np.sqrt(divergence)
    known = ~np.isnan(divergence)
    return HeadDistance(
        divergence=divergence,
        distance=distance,
        mean_divergence=float(divergence[known].mean(dtype=np.float64)) if known.any() else float("nan"),
        mean_distance=float(distance[known].mean(dtype=np.float64)) if known.any() else float("nan"),
    )


def nearest(similarity: HeadSimilarity, layer: int, head: int, count: int = 5) -> list[tuple[Head, float]]:
    """The heads most alike one head, each with its distance, the nearest first; equals by layer, then head.

    Raises:
        OutOfRange: The similarity knows no such head.
    """
    places = np.flatnonzero((similarity.heads == (layer, head)).all(1))
    if not len(places):
        raise OutOfRange(f"L{layer} H{head} is not among the heads that were compared.")
    row = similarity.distance[places[0]]
    order = [int(index) for index in np.argsort(row, kind="stable") if index != places[0]]
    return [((int(similarity.heads[i, 0]), int(similarity.heads[i, 1])), float(row[i])) for i in order[:count]]


def head_similarity(engine: Engine, recording: Recording, hidden: Sequence[int]) -> HeadSimilarity:
    """All pairs of heads. Where that is much, some evenly spaced queries are compared instead of all."""
    layers = attending(engine, recording)
    heads = np.array([(layer, head) for layer in layers for head in range(formula_of(engine, layer).heads)], np.int64)
    tokens = len(recording.ids)
    most = max(FEWEST_QUERIES, 2 * COMPARED // (len(heads) ** 2 * tokens))
    first = min(len(hidden), tokens - 1)  # before that a row may have nothing left
    count = min(most, tokens - first)
    queries = np.unique(np.linspace(tokens - 1, first, count).round().astype(np.int64))
    with engine.running():
        parts = [rows_at(engine, recording, layer, queries.tolist()).without(hidden) for layer in layers]
        whole = torch.cat([torch.cat([part.weights, part.sink[..., None]], -1) for part in parts])
        distance = _pairwise(_normalised(whole)).cpu().numpy()
    coordinates, explained = scaled(distance)
    return HeadSimilarity(
        heads=heads,
        distance=distance.astype(np.float32),
        coordinates=coordinates.astype(np.float32),
        explained=explained,
        queries=queries,
        hidden_positions=tuple(hidden),
    )


def _normalised(rows: torch.Tensor) -> torch.Tensor:
    """Rows that sum to one; NaN where a row holds nothing."""
    total = rows.sum(-1, keepdim=True)
    return rows / torch.where(total > 0, total, float("nan"))


def _divergence(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The Jensen-Shannon divergence to base 2 over the last dimension."""
    middle = torch.special.entr((one + other) / 2)
    nats = (middle - (torch.special.entr(one) + torch.special.entr(other)) / 2).sum(-1)
    bits: torch.Tensor = nats / math.log(2)
    return bits.clamp(0, 1)


def _pairwise(rows: torch.Tensor) -> torch.Tensor:
    """[head, head] the mean distance of rows [head, query, key], rows that hold nothing left out."""
    count, queries, keys = rows.shape
    total = torch.zeros(count, count, dtype=torch.float64, device=rows.device)
    compared = torch.zeros_like(total)
    block = max(1, WEIGHTS_AT_ONCE // (count * keys))
    for begin in range(0, queries, block):
        part = rows[:, begin : begin + block].double()  # the root of a small difference needs the digits
        entropy = torch.special.entr(part).sum(-1)  # [head, query]
        for index in range(count - 1):
            middle = torch.special.entr((part[index] + part[index + 1 :]) / 2).sum(-1)
            nats = middle - (entropy[index] + entropy[index + 1 :]) / 2
            distance = (nats / math.log(2)).clamp(0, 1).sqrt()
            total[index, index + 1 :] += distance.nansum(-1)
            compared[index, index + 1 :] += (~distance.isnan()).sum(-1)
    mean: torch.Tensor = total / compared.clamp(min=1)
    return mean.add(mean.T)


def scaled(distance: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """Classical multidimensional scaling (Torgerson 1952) to two dimensions.

    Args:
        distance: [item, item] symmetric, zero on the diagonal.

    Returns:
        [item, 2] coordinates, the larger axis first, and the share of the squared distances' variance that they show
        (0 to 1; distances that fit no space have negative parts, which count by their size).
    """
    count = len(distance)
    centre = np.eye(count) - 1 / max(count, 1)
    inner = -0.5 * centre @ np.asarray(distance, np.float64) ** 2 @ centre
    values, vectors = np.linalg.eigh((inner + inner.T) / 2)
    values, vectors = values[::-1], vectors[:, ::-1]
    coordinates = np.zeros((count, 2))
    shown = min(2, count)
    coordinates[:, :shown] = vectors[:, :shown] * np.sqrt(np.maximum(values[:shown], 0))
    largest = np.abs(coordinates).argmax(0)
    coordinates *= np.where(coordinates[largest, [0, 1]] < 0, -1, 1)
    total = np.abs(values).sum()
    return coordinates, float(np.maximum(values[:2], 0).sum() / total) if total > 0 else 1.0
