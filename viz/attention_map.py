"""One head's attention as a heatmap: queries down, keys across."""

from typing import Any

import numpy as np

from model_runtime.records import AttentionMap
from viz.labels import plotly_text
from viz.payload import pack
from viz.token_strip import Measure
from viz.window import Window


def attention_figure(attention: AttentionMap, labels: list[str], window: Window, cursor: int) -> dict[str, Any]:
    """Draws the weights of one head inside a window.

    Args:
        attention: The head.
        labels: [token] visible labels of the whole text.
        window: The tokens to draw, as queries and as keys.
        cursor: The query whose row is marked.

    Returns:
        A plotly figure without colours, which the page adds for light or dark. `z` are the exact float32 weights;
        masked cells are NaN, so that the background shows and no colour of the scale stands for them.
    """
    part = slice(window.start, window.stop)
    weights = np.where(attention.visible[part, part], attention.weights[part, part], np.float32(np.nan))
    positions = list(range(window.size))
    names = [plotly_text(label) for label in labels[part]]
    ticks = {"tickmode": "array", "tickvals": positions, "ticktext": names, "showgrid": False, "zeroline": False}
    row = cursor - window.start
    return {
        "data": [
            {
                "type": "heatmap",
                "z": pack(weights.astype(np.float32)),
                "zmin": 0.0,
                "zmax": 1.0,
                "hoverinfo": "none",
                "showscale": False,
                "xgap": 1 if window.size <= 64 else 0,
                "ygap": 1 if window.size <= 64 else 0,
                "meta": {"scale": "sequential"},
            }
        ],
        "layout": {
            "xaxis": {**ticks, "range": [-0.5, window.size - 0.5], "side": "top", "tickangle": -90},
            "yaxis": {**ticks, "range": [window.size - 0.5, -0.5]},
            "shapes": [_outline(-0.5, window.size - 0.5, row - 0.5, row + 0.5)],
        },
    }


def attention_payload(attention: AttentionMap, labels: list[str], window: Window, cursor: int) -> dict[str, Any]:
    """Turns one head into the payload of `AttentionView`: the figure, and what the panel says beside it.

    Args:
        attention: The head.
        labels: [token] visible labels of the whole text.
        window: The tokens to draw.
        cursor: The selected query; `row` holds its exact weights over the whole text.
    """
    part = slice(window.start, window.stop)
    outside = attention.weights[part, : window.start].sum(axis=1, dtype=np.float64).astype(np.float32)
    return {
        "figure": attention_figure(attention, labels, window, cursor),
        "labels": labels,
        "start": window.start,
        "cursor": cursor,
        "layer": attention.layer,
        "head": attention.head,
        "row": pack(attention.weights[cursor, : cursor + 1]),
        "outside": pack(outside),
        "sink": pack(attention.sink[part]),
        "shown": window.describe(),
        "facts": _facts(attention),
    }


def attention_measure(attention: AttentionMap, cursor: int) -> Measure:
    """Returns how much the selected token attends to each token, for shading the strip. NaN where it cannot look."""
    weights = np.where(attention.visible[cursor], attention.weights[cursor], np.float32(np.nan)).astype(np.float32)
    return Measure(weights, f"attention from the selected token, L{attention.layer} H{attention.head}", "", 1.0)


def _facts(attention: AttentionMap) -> str:
    source = attention.computed_from
    rounded = "" if source == "float32" else f" from the model's {source} queries and keys"
    sees = "sees everything before it" if attention.window is None else f"sliding window of {attention.window} tokens"
    return f"reads key/value head {attention.key_value_head} · {sees} · computed in float32{rounded}"


def _outline(left: float, right: float, top: float, bottom: float) -> dict[str, Any]:
    """A frame in the selection's colour, which the page adds."""
    return {"type": "rect", "x0": left, "x1": right, "y0": top, "y1": bottom, "line": {"width": 2}, "name": "cursor"}
