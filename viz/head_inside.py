"""Inside one head, for one query: every number between the query vector and the head's output, row by row."""

from typing import Any

import numpy as np

from model_runtime.inside_head_records import InsideHead
from viz.payload import pack
from viz.window import Window


def inside_payload(inside: InsideHead, labels: list[str], window: Window, key_value_heads: int) -> dict[str, Any]:
    """Turns the inside of a head into the payload of `InsideView`.

    Args:
        inside: The head.
        labels: [token] visible labels of the whole text.
        window: The tokens to draw; of those, the keys up to the query are rows.
        key_value_heads: How many key/value heads the model has in a layer.

    Returns:
        Arrays are the record's, cut to the rows. `rest` stands for the keys that are not drawn: how many they are, the
        sum of their weights and the sum of their weighted values, so that the columns still add up.
    """
    rows = slice(window.start, min(window.stop, inside.position + 1))
    before = slice(0, rows.start)
    visible = np.flatnonzero(inside.visible)
    numbers = {
        "keys": inside.keys[rows],
        "products": inside.products[rows],
        "raw": inside.raw_score[rows],
        "scaled": inside.scaled_score[rows],
        "score": inside.score[rows],
        "visible": inside.visible[rows],
        "weights": inside.weights[rows],
        "values": inside.values[rows],
        "weighted": inside.weighted_values[rows],
        "query": inside.query,
        "output": inside.output,
    }
    return {
        **{name: pack(values) for name, values in numbers.items()},
        "layer": inside.layer,
        "head": inside.head,
        "key_value_head": inside.key_value_head,
        "key_value_heads": key_value_heads,
        "shared_with": list(inside.shared_with),
        "position": inside.position,
        "labels": labels[rows],
        "query_label": labels[inside.position],
        "start": rows.start,
        "first_visible": int(visible[0]) if len(visible) else inside.position,
        "window": inside.window,
        "bias": None if inside.bias is None else pack(inside.bias[rows]),
        "scale": inside.scale,
        "softcap": inside.softcap,
        "sink_score": inside.sink_score,
        "sink": inside.sink,
        "ablated": inside.ablated,
        "computed_from": inside.computed_from,
        "rest": {
            "count": rows.start,
            "weight": float(inside.weights[before].sum(dtype=np.float64)),
            "weighted": pack(inside.weighted_values[before].sum(axis=0, dtype=np.float64).astype(np.float32)),
        },
        "shown": Window(rows.start, rows.stop, inside.position + 1).describe(),
    }
