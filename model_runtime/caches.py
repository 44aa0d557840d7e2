"""Caches that keep every key, can go back and can be branched."""

from copy import copy, deepcopy
from typing import Any

from transformers import DynamicCache
from transformers.cache_utils import (
    DummyLayer,
    DynamicIndexedLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionAndSlidingWindowAttentionLayer,
)

# Cache layers that are extended by making new tensors and cut by taking views. A dummy holds nothing of its own.
GROWING = (DynamicLayer, DynamicIndexedLayer, DummyLayer)


def cuttable(cache: DynamicCache) -> bool:
    """Whether a cache can go back; the running states of linear attention cannot."""
    return all(type(layer) in GROWING for layer in cache.layers)


def new_cache(config: Any) -> DynamicCache:
    """An empty cache that keeps every key.

    A sliding layer's own cache would drop the keys before its window, which going back needs; the mask still applies
    the window.
    """
    cache = DynamicCache(config=config)
    cache.layers = [_unwindowed(layer) for layer in cache.layers]
    return cache


def _unwindowed(layer: Any) -> Any:
    """An empty cache layer like this one, which keeps the keys before its window too."""
    if type(layer) is DynamicSlidingWindowLayer:
        return DynamicLayer()
    if type(layer) is LinearAttentionAndSlidingWindowAttentionLayer:
        return LinearAttentionAndFullAttentionLayer(number_of_states=layer.number_of_states)
    return layer


def branch(cache: DynamicCache) -> DynamicCache:
    """A cache that can be extended without the other noticing.

    Key/value layers are extended by making new tensors, so the two share what they have; the states of linear
    attention are written in place, so those are copied.
    """
    branched = copy(cache)
    branched.layers = [_branched(layer) for layer in cache.layers]
    return branched


def _branched(layer: Any) -> Any:
    if type(layer) in GROWING:
        shared = object.__new__(type(layer))  # as `copy` does, at a tenth of the time: each token takes one a layer
        vars(shared).update(vars(layer))
        return shared
    if type(layer) is not LinearAttentionAndFullAttentionLayer:
        return deepcopy(layer)
    branched = copy(layer)  # its keys and values grow, its states are dicts of tensors
    for name, value in vars(layer).items():
        if isinstance(value, dict):
            setattr(branched, name, deepcopy(value))
    return branched


def widen(cache: DynamicCache, rows: int) -> None:
    """Makes a branched cache of one text, all of whose layers grow, serve several that begin alike, side by side."""
    for layer in cache.layers:
        if isinstance(layer, DynamicLayer) and layer.keys is not None and layer.values is not None:
            layer.keys, layer.values = (part.expand(rows, -1, -1, -1) for part in (layer.keys, layer.values))
        if isinstance(layer, DynamicIndexedLayer) and layer.indexer_keys is not None:
            layer.indexer_keys = layer.indexer_keys.expand(rows, -1, -1)
