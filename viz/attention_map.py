"""One head's attention as a heatmap: queries down, keys across."""

from typing import Any, Final

import numpy as np

from model_runtime.head_records import CombinedMap
from model_runtime.records import AttentionMap, Floats
from viz.colours import Transfer
from viz.head_names import head_name
from viz.labels import plotly_text
from viz.payload import TypedArray, pack
from viz.sentences import say, say_many
from viz.token_strip import Measure
from viz.units import Units
from viz.window import Window

# Beyond this many rows the cells are drawn as one image: as exact, and many times faster.
MOST_CELLS: Final = 256


def attention_figure(
    attention: AttentionMap | CombinedMap,
    labels: list[str],
    window: Window,
    cursor: int,
    colour: Transfer = "linear",
) -> dict[str, Any]:
    """Draws the weights of one head inside a window.

    Args:
        attention: The head; of a long text, at least the window's queries.
        labels: [row] visible labels of the whole map: of tokens, or of words where it is merged.
        window: The rows to draw, as queries and as keys.
        cursor: The row that is marked.
        colour: How weights become colours.

    Returns:
        A plotly figure without colours, which the page adds for light or dark. Its weights are exact float32: `z` of a
        heatmap, or in a large window the lower triangle row by row, from which the page paints an image. Masked cells
        are NaN, so that the background shows and no colour of the scale stands for them.
    """
    part, rows = slice(window.start, window.stop), _rows(attention, window)
    weights = np.where(attention.visible[rows, part], attention.weights[rows, part], np.float32(np.nan))
    positions = list(range(window.size))
    names = [plotly_text(label) for label in labels[part]]
    ticks = {"tickmode": "array", "tickvals": positions, "ticktext": names, "showgrid": False, "zeroline": False}
    row = cursor - window.start
    return {
        "data": [_cells(weights.astype(np.float32), colour)],
        "layout": {
            "xaxis": {**ticks, "range": [-0.5, window.size - 0.5], "side": "top", "tickangle": -90},
            "yaxis": {**ticks, "range": [window.size - 0.5, -0.5]},
            "shapes": [_outline(-0.5, window.size - 0.5, row - 0.5, row + 0.5)],
        },
    }


def attention_payload(
    attention: AttentionMap, units: Units, window: Window, cursor: int, colour: Transfer = "linear"
) -> dict[str, Any]:
    """Turns one head into the payload of `AttentionView`: the figure, and what hovering and the caption say.

    Args:
        attention: The head, over the units.
        units: The tokens or words that its rows stand for.
        window: The units to draw.
        cursor: The unit of the selected query.
        colour: How weights become colours.
    """
    part, rows = slice(window.start, window.stop), _rows(attention, window)
    outside = attention.weights[rows, : window.start].sum(axis=1, dtype=np.float64).astype(np.float32)
    return {
        "figure": attention_figure(attention, units.labels, window, cursor, colour),
        "labels": units.labels[part],
        "last": pack(units.last[part]),
        "units": units.name,
        "start": window.start,
        "cursor": cursor,
        "layer": attention.layer,
        "head": attention.head,
        "colour": colour,
        "outside": pack(outside),
        "sink": pack(attention.sink[rows]),
        "hidden": hidden_share(attention, cursor),
        "shown": window.describe(units.name),
    }


def looks_at_payload(attention: AttentionMap, units: Units, cursor: int) -> dict[str, Any]:
    """Turns the selected row of one head into the payload of `HeadSide`.

    Args:
        attention: The head, over the units.
        units: The tokens or words that its rows stand for.
        cursor: The unit of the selected query.

    Returns:
        Among others `row`, the exact weights over the whole text up to the query; NaN where it cannot look.
    """
    own = cursor - attention.begin
    seen = attention.visible[own, : cursor + 1]
    return {
        "row": pack(np.where(seen, attention.weights[own, : cursor + 1], np.float32(np.nan)).astype(np.float32)),
        "labels": units.labels[: cursor + 1],
        "last": pack(units.last[: cursor + 1]),
        "cursor": int(units.last[cursor]),
        "layer": attention.layer,
        "head": attention.head,
        "hidden": hidden_share(attention, cursor),
        "facts": _facts(attention),
    }


def attention_measure(attention: AttentionMap, cursor: int, tokens: int = 0) -> Measure:
    """Returns how much the selected token attends to each token, for shading the strip. NaN where it cannot look.

    Args:
        attention: The head, over tokens.
        cursor: The selected token.
        tokens: Length of the text, where the map ends before it does.
    """
    own = cursor - attention.begin
    weights = np.full(max(tokens, attention.weights.shape[1]), np.nan, np.float32)
    seen = np.flatnonzero(attention.visible[own])
    weights[seen] = attention.weights[own, seen]
    hidden = hidden_share(attention, cursor)
    head = head_name(attention.layer, attention.head)
    told = say("attention from the selected token, {head}", head=head)
    if hidden is not None:
        share = f"{100 * hidden['row']:.1f}"
        told = say(
            "attention from the selected token, {head}, without the {share} % that are hidden", head=head, share=share
        )
    return Measure(weights, told, "", 1.0)


def hidden_share(attention: AttentionMap | CombinedMap, cursor: int) -> dict[str, float] | None:
    """Returns how much of the selected row, and of the map's rows on average, was hidden, 0 to 1; None for nothing."""
    if attention.hidden is None:
        return None
    row = attention.hidden[cursor - attention.begin]
    return {"row": float(row), "mean": float(attention.hidden.mean(dtype=np.float64))}


def _rows(attention: AttentionMap | CombinedMap, window: Window) -> slice:
    """A window's queries among those of a map."""
    return slice(window.start - attention.begin, window.stop - attention.begin)


def lower_triangle(weights: Floats) -> TypedArray:
    """Packs the lower triangle of a square [query, key] row by row: what a causal model can see."""
    return pack(weights[np.tril_indices(len(weights))])


def _cells(weights: Floats, colour: Transfer) -> dict[str, Any]:
    """The trace of a figure: a heatmap, or what the page paints an image from."""
    size = len(weights)
    meta = {"scale": "sequential", "colour": colour}
    if size > MOST_CELLS:
        return {"type": "image", "meta": {**meta, "size": size, "triangle": lower_triangle(weights)}}
    gap = 1 if size <= 64 else 0
    return {
        "type": "heatmap",
        "z": pack(weights),
        "zmin": 0.0,
        "zmax": 1.0,
        "hoverinfo": "none",
        "showscale": False,
        "xgap": gap,
        "ygap": gap,
        "meta": meta,
    }


def _facts(attention: AttentionMap) -> str:
    source = attention.computed_from
    reads = say("reads key/value head {head}", head=attention.key_value_head)
    sees = say("sees everything before it")
    if attention.window is not None:
        sees = say_many(
            "sliding window of {count} token",
            "sliding window of {count} tokens",
            attention.window,
            count=attention.window,
        )
    computed = say("computed in float32")
    if source != "float32":
        computed = say("computed in float32 from the model's {dtype} queries and keys", dtype=source)
    return f"{reads} · {sees} · {computed}"


def _outline(left: float, right: float, top: float, bottom: float) -> dict[str, Any]:
    """A frame in the selection's colour, which the page adds."""
    return {"type": "rect", "x0": left, "x1": right, "y0": top, "y1": bottom, "line": {"width": 2}, "name": "cursor"}
