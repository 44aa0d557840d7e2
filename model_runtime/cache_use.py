"""How many bytes keys and values take, as their tensors have it, and what they would take in other ways."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import DynamicCache

from model_runtime.cache_records import CacheTable, CacheWay
from model_runtime.engine import Engine
from model_runtime.layer_weights import window_of
from model_runtime.moment import Moment
from model_runtime.recording import Recording
from model_runtime.records import Integers

NO_CACHE = (
    "This model does not go on from a cache here, as its steps would not equal one pass over the text: every token "
    "runs the whole text again"
)


@dataclass(frozen=True)
class Shapes:
    """The shapes of keys and values, [layer] each; 0 where a layer keeps none."""

    heads: Integers
    key_value_heads: Integers
    key_width: Integers
    value_width: Integers
    window: Integers
    item_bytes: int

    def bytes_of(self, key_value_heads: Integers, window: Integers, tokens: int) -> int:
        """Bytes of a text's keys and values with so many heads and, where it is not 0, such a window a layer."""
        kept = np.where(window > 0, np.minimum(window, tokens), tokens)
        return int((key_value_heads * (self.key_width + self.value_width) * kept).sum()) * self.item_bytes


def cache_table(
    engine: Engine, recording: Recording, moment: Moment, heads: int, context: int, windows: Sequence[int]
) -> CacheTable:
    """The cache of a text. The caller holds the model's lock.

    Args:
        engine: The model.
        recording: The text's.
        moment: The text, for where its prompt ends.
        heads: Query heads of layers whose attention was not seen.
        context: The most tokens that the model takes.
        windows: The sizes of windows to compare with.
    """
    layers = len(engine.anatomy.layers)
    shapes = _shapes(engine, recording.cache, layers, heads)
    end = np.arange(moment.prompt_length, len(moment.ids) + 1)
    begin = np.append(0, end[:-1])
    held, states = np.zeros((2, layers), np.int64)
    for layer, kept in enumerate(_layers(recording.cache)):
        held[layer] = sum(part.nbytes for part in _keys_and_values(kept))
        states[layer] = _state_bytes(kept)
    return CacheTable(
        begin=begin if recording.cache is not None else np.zeros_like(end),
        end=end,
        heads=shapes.heads,
        key_value_heads=shapes.key_value_heads,
        key_width=shapes.key_width,
        value_width=shapes.value_width,
        window=shapes.window,
        held=held,
        states=states,
        item_bytes=shapes.item_bytes,
        context=context,
        ways=_ways(shapes, len(moment.ids), context, windows) if shapes.key_value_heads.any() else (),
        reason="" if recording.cache is not None else NO_CACHE,
    )


def _shapes(engine: Engine, cache: DynamicCache | None, layers: int, heads: int) -> Shapes:
    table = np.zeros((5, layers), np.int64)
    for layer, kept in enumerate(_layers(cache)):
        for key, value in [_keys_and_values(kept)] if _keys_and_values(kept) else []:
            formula = engine.recorder.formulas[layer]
            own = max(heads, key.shape[1]) if formula is None else formula.heads
            table[:, layer] = own, key.shape[1], key.shape[3], value.shape[3], window_of(engine, layer) or 0
    item = max([key.element_size() for kept in _layers(cache) for key in _keys_and_values(kept)], default=0)
    return Shapes(table[0], table[1], table[2], table[3], table[4], item)


def _ways(shapes: Shapes, tokens: int, context: int, windows: Sequence[int]) -> tuple[CacheWay, ...]:
    """MHA, GQA where it is neither of the others, MQA, the model's own windows, then those asked for."""
    own, everything = shapes.key_value_heads, np.zeros_like(shapes.window)
    every, one = shapes.heads, np.minimum(own, 1)
    groups = np.where((own > 1) & (own < every), own, [_grouped(count) for count in every.tolist()])
    sharings = [("MHA", every), ("GQA", groups), ("MQA", one)]
    if (groups == every).all() or (groups == one).all():
        del sharings[1]
    limits = [shapes.window] if shapes.window.any() else []
    limits += [np.where(own > 0, window, 0) for window in windows]

    def way(name: str, shared: Integers, window: Integers, mine: bool) -> CacheWay:
        sizes = [shapes.bytes_of(shared, window, count) for count in (1, tokens, context)]
        return CacheWay(name, shared.copy(), window.copy(), mine, *sizes)

    return (
        *(way(name, shared, everything, bool((shared == own).all())) for name, shared in sharings),
        *(way("window", own, window, bool((window == shapes.window).all())) for window in limits),
    )


def _grouped(heads: int) -> int:
    """Key/value heads of the largest number of groups that share: of 8 heads 4, of 6 heads 3, of 9 heads 3."""
    return next((heads // size for size in range(2, heads + 1) if heads % size == 0), heads)


def _layers(cache: DynamicCache | None) -> list[object]:
    return [] if cache is None else list(cache.layers)


def _keys_and_values(kept: object) -> tuple[torch.Tensor, ...]:
    """[1, head, token, width] keys and values of one layer of a cache; nothing where it keeps none."""
    pair = (getattr(kept, "keys", None), getattr(kept, "values", None))
    return tuple(part for part in pair if isinstance(part, torch.Tensor) and part.ndim == 4)


def _state_bytes(kept: object) -> int:
    """Bytes of the running states that a layer of a cache holds: of linear attention and of convolutions."""
    groups = [value.values() for value in vars(kept).values() if isinstance(value, dict)]
    return sum(one.nbytes for group in groups for one in group if isinstance(one, torch.Tensor))
