"""How heads are written: zero-based, as everywhere on the page."""

import numpy as np

from model_runtime.records import Booleans, Integers


def head_name(layer: int, head: int) -> str:
    """Returns the name of a head, such as "L3 H5"."""
    return f"L{layer} H{head}"


def group_name(key_value_head: int, shared: bool) -> str:
    """Returns which key/value head a head reads, such as "kv 2"; "" where every head has its own."""
    return f"kv {key_value_head}" if shared else ""


def shares(key_value_head: Integers) -> bool:
    """Whether any two heads of a layer read the same key/value head ([layer, head]; -1 where there is no head)."""
    return any(len(set(row[row >= 0].tolist())) < int((row >= 0).sum()) for row in key_value_head)


def heads_where(mask: Booleans) -> list[list[int]]:
    """Returns [layer, head] of every True cell, in order."""
    return [[int(layer), int(head)] for layer, head in np.argwhere(mask)]
