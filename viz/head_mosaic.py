"""All heads at a glance: the payload of the mosaic, and what every grid of layers and heads is drawn from."""

from typing import Any

import numpy as np

from model_runtime.head_records import HeadMosaic, Texts
from model_runtime.records import Booleans, Integers
from viz.head_names import heads_where, shares
from viz.payload import pack
from viz.sentences import say
from viz.terms import term


def grid_payload(key_value_head: Integers, ablated: Booleans) -> dict[str, Any]:
    """Returns what every grid of layers x heads needs: its size, what shares what, what is switched off.

    Args:
        key_value_head: [layer, head] the key/value head that each reads; -1 where there is no head.
        ablated: [layer, head] True where a head is switched off.
    """
    layers, heads = key_value_head.shape
    return {
        "layers": layers,
        "heads": heads,
        "groups": pack(key_value_head),
        "shared": shares(key_value_head),
        "ablated": heads_where(ablated),
    }


def mosaic_payload(mosaic: HeadMosaic, tokens: int, label: Texts | None = None) -> dict[str, Any]:
    """Turns the mosaic into the payload of `HeadMosaicView`.

    Args:
        mosaic: The record; on the square-root scale.
        tokens: How many tokens the text has.
        label: [layer, head] what each head does, where that is known.

    Returns:
        The record's bytes as they are, and how much each head had hidden.
    """
    side = mosaic.cells.shape[2]
    spans = np.diff(mosaic.edges)
    return {
        **grid_payload(mosaic.key_value_head, mosaic.ablated),
        "cells": pack(mosaic.cells),
        "side": side,
        "labels": None if label is None else [[term(name) for name in row] for row in label.tolist()],
        "hidden": pack(mosaic.hidden) if mosaic.hidden_positions else None,
        "mean_hidden": _mean(mosaic) if mosaic.hidden_positions else None,
        "pooled": say("one cell a token") if side >= tokens else _pooled(int(spans.min()), int(spans.max())),
    }


def _pooled(fewest: int, most: int) -> str:
    per_cell = str(most) if fewest == most else say("{low} to {high}", low=fewest, high=most)
    return say("one cell for {count} tokens, its largest weight", count=per_cell)


def _mean(mosaic: HeadMosaic) -> float:
    """The mean share that was hidden, over the heads that exist."""
    return float(np.nanmean(mosaic.hidden, dtype=np.float64))
