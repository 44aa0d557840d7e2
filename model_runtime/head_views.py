"""Many heads in one answer: by where they look, and combined."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from model_runtime.engine import Engine
from model_runtime.errors import OutOfRange
from model_runtime.head_records import CombinedMap, Head, HeadPairs, HeadRanking
from model_runtime.heads import ablated, key_value_heads, shape_of
from model_runtime.layer_weights import attending, rows_at
from model_runtime.moment import Moment
from model_runtime.recording import Recording
from model_runtime.records import AttentionMap, Floats

Wide = NDArray[np.float64]
# Half of what a layer's output carries comes from its own position by the residual connection (Abnar and Zuidema 2020).
RESIDUAL = 0.5


def ranking(
    engine: Engine, recording: Recording, moment: Moment, query: int, keys: Sequence[int], hidden: Sequence[int]
) -> HeadRanking:
    """Every head's weight from one query on some keys."""
    weights = np.full(shape_of(engine), np.nan, np.float32)
    share = weights.copy()
    with engine.running():
        for layer in attending(engine, recording):
            row = rows_at(engine, recording, layer, [query]).without(hidden)
            weights[layer, : len(row.weights)] = row.weights[:, 0, list(keys)].sum(-1).cpu().numpy()
            share[layer, : len(row.weights)] = row.hidden[:, 0].cpu().numpy()
    shared = key_value_heads(engine, recording)
    present = np.argwhere(shared >= 0)
    order = present[np.argsort(-weights[tuple(present.T)], kind="stable")]
    rank = np.full(weights.shape, -1, np.int64)
    rank[tuple(order.T)] = np.arange(len(order))
    return HeadRanking(
        query=query,
        keys=tuple(keys),
        weights=weights,
        rank=rank,
        order=order.astype(np.int64),
        key_value_head=shared,
        ablated=ablated(engine, moment),
        hidden_positions=tuple(hidden),
        hidden=share,
    )


def strongest_pairs(attention: AttentionMap, top: int, hidden: Sequence[int]) -> HeadPairs:
    """The visible pairs of a head with the largest weights."""
    queries, keys = np.nonzero(attention.visible)
    weights = attention.weights[queries, keys]
    order = np.argsort(-weights, kind="stable")[:top]
    return HeadPairs(
        layer=attention.layer,
        head=attention.head,
        queries=queries[order].astype(np.int64),
        keys=keys[order].astype(np.int64),
        weights=weights[order],
        hidden_positions=tuple(hidden),
    )


def combined_map(attention: Callable[[int, int], AttentionMap], method: str, heads: Sequence[Head]) -> CombinedMap:
    """Several heads as one map.

    Rollout goes from the first to the last layer of which a head is chosen: each layer passes on half of what a
    position had, and half of what the mean of its chosen heads brings. Layers without a chosen head are left out.

    Args:
        attention: Gives the map of one head.
        method: "mean", "maximum" or "rollout".
        heads: (layer, head) of each.

    Raises:
        OutOfRange: No head, or no such method.
    """
    if method not in ("mean", "maximum", "rollout"):
        raise OutOfRange(f"Heads cannot be combined by {method!r}; use 'mean', 'maximum' or 'rollout'.")
    chosen = sorted(set(heads))
    if not chosen:
        raise OutOfRange("No head is chosen; choose one or more to combine.")
    if method == "rollout":
        return _rollout(attention, chosen)
    weights: Wide | None = None
    for layer, head in chosen:  # one map at a time: all heads of a large model would not fit
        own = attention(layer, head)
        row = np.column_stack([own.weights, own.sink]).astype(np.float64)
        if weights is None:
            weights, visible = row, own.visible
        else:
            weights = weights + row if method == "mean" else np.maximum(weights, row)
            visible = visible | own.visible
    assert weights is not None  # at least one head is chosen
    found: Floats = (weights / len(chosen) if method == "mean" else weights).astype(np.float32)
    return CombinedMap(method, tuple(chosen), found[:, :-1].copy(), visible.copy(), found[:, -1].copy())


def _rollout(attention: Callable[[int, int], AttentionMap], heads: Sequence[Head]) -> CombinedMap:
    """The share of each key's input in each query's stream after the last layer, and what can be reached at all."""
    flow: Wide | None = None
    reach: Wide | None = None
    for layer in sorted({layer for layer, _ in heads}):
        maps = [attention(at, head) for at, head in heads if at == layer]
        itself = np.eye(len(maps[0].weights))
        mean = np.mean([own.weights for own in maps], axis=0, dtype=np.float64)
        step = RESIDUAL * itself + (1 - RESIDUAL) * mean
        seen = np.logical_or.reduce([own.visible for own in maps]) | (itself > 0)
        flow = step if flow is None else step @ flow
        reach = (seen if reach is None else (seen.astype(np.float64) @ reach > 0)).astype(np.float64)
    assert flow is not None  # at least one head is chosen
    assert reach is not None
    sink = np.clip(1 - flow.sum(1), 0, 1).astype(np.float32)
    return CombinedMap("rollout", tuple(heads), flow.astype(np.float32), reach > 0, sink)
