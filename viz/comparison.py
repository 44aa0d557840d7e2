"""Heads side by side: pinned maps on one scale, the difference of two, and all heads by how alike they look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_runtime.head_records import CombinedMap, Head, HeadDistance, HeadSimilarity
from model_runtime.records import AttentionMap, Floats, Integers
from viz.payload import pack
from viz.window import Window

SMALLEST_TOP = 0.01  # a scale for differences that are all but nothing would show rounding


@dataclass(frozen=True)
class Pinned:
    """One map of the comparison.

    Attributes:
        name: What it is, such as "L2 H5".
        about: What else is known of it, such as the key/value head it reads.
        when: Which text it is about, in plain labels.
        head: The head that a click opens, None for a map of several.
        map: The map; None where there is none.
        labels: [token] visible labels of its text.
        window: The tokens to draw.
        cursor: The query whose row is marked.
        problem: Why there is no map.
    """

    name: str
    about: str
    when: str
    head: Head | None
    map: AttentionMap | CombinedMap | None
    labels: list[str]
    window: Window
    cursor: int
    problem: str = ""


def card_payload(pinned: Pinned) -> dict[str, Any]:
    """Turns one pinned map into a card: its exact float32 weights inside the window, NaN where masked."""
    card: dict[str, Any] = {
        "name": pinned.name,
        "about": pinned.about,
        "when": pinned.when,
        "head": list(pinned.head) if pinned.head else None,
        "problem": pinned.problem,
    }
    if pinned.map is None:
        return card
    window, hidden = pinned.window, pinned.map.hidden
    return {
        **card,
        "weights": pack(_shown(pinned.map, window)),
        "labels": pinned.labels[window.start : window.stop],
        "start": window.start,
        "cursor": pinned.cursor,
        "shown": window.describe(),
        "hidden": None if hidden is None else float(hidden.mean(dtype=np.float64)),
    }


def difference_payload(one: Pinned, other: Pinned, distance: HeadDistance) -> dict[str, Any]:
    """Turns two maps of equal length into their difference and their distance, query by query.

    Returns:
        `difference` [query, key] is the first's weight minus the second's, NaN where both are masked; `top` bounds it
        on both sides. `distance` [query] covers the window, `mean` all queries.
    """
    if one.map is None or other.map is None:
        raise ValueError("a difference needs two maps")
    window = one.window
    part = slice(window.start, window.stop)
    difference = one.map.weights[part, part] - other.map.weights[part, part]
    seen = one.map.visible[part, part] | other.map.visible[part, part]
    difference = np.where(seen, difference, np.float32(np.nan)).astype(np.float32)
    return {
        "names": [one.name, other.name],
        "difference": pack(difference),
        "top": max(SMALLEST_TOP, float(np.nanmax(np.abs(difference), initial=0.0))),
        "labels": one.labels[part],
        "other_labels": other.labels[part],
        "start": window.start,
        "cursor": one.cursor,
        "distance": pack(distance.distance[part].astype(np.float32)),
        "mean": _finite(distance.mean_distance),
    }


def similarity_payload(
    similarity: HeadSimilarity,
    key_value_head: Integers,
    label: Integers,
    label_names: Sequence[str],
    near: Sequence[tuple[Head, float]],
) -> dict[str, Any]:
    """Turns the likeness of all heads into the payload of the map and of the list of nearest heads.

    Args:
        similarity: The likeness.
        key_value_head: [layer, head] the key/value head that each reads.
        label: [layer, head] each head's label as its place in `label_names`.
        label_names: What the labels are called.
        near: The heads most alike the selected one, with their distances.
    """
    layers, heads = similarity.heads[:, 0], similarity.heads[:, 1]
    return {
        "heads": pack(similarity.heads),
        "coordinates": pack(similarity.coordinates.astype(np.float32)),
        "key_value": pack(key_value_head[layers, heads]),
        "label": pack(label[layers, heads]),
        "label_names": list(label_names),
        "explained": similarity.explained,
        "queries": len(similarity.queries),
        "hides": len(similarity.hidden_positions),
        "nearest": [[*head, distance, int(key_value_head[head])] for head, distance in near],
    }


def _shown(map_: AttentionMap | CombinedMap, window: Window) -> Floats:
    part = slice(window.start, window.stop)
    return np.where(map_.visible[part, part], map_.weights[part, part], np.float32(np.nan)).astype(np.float32)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
