"""The logit lens as a heatmap: streams upwards, tokens across, the predicted token written in each cell."""

from typing import Any, Final, Literal, get_args

import numpy as np

from model_runtime.lens_records import LensGrid
from viz.labels import plotly_text, visible
from viz.payload import pack
from viz.window import Window

LensColour = Literal["probability", "rank", "entropy", "divergence"]
LENS_COLOURS: Final[tuple[LensColour, ...]] = get_args(LensColour)
_CELL_CHARACTERS = 8


def lens_figure(lens: LensGrid, labels: list[str], window: Window, cursor: int) -> dict[str, Any]:
    """Draws the top token of every stream inside a window of tokens, coloured by its probability.

    Args:
        lens: The grid.
        labels: [token] visible labels of the whole text.
        window: The tokens to draw.
        cursor: The token whose column is marked.

    Returns:
        A plotly figure without colours, which the page adds. Row 0, the embedding, lies at the bottom, the output on
        top.
    """
    part = slice(window.start, window.stop)
    shown = np.unique(lens.ids[:, part]).tolist()
    written = {token: plotly_text(visible(lens.vocabulary[token]), _CELL_CHARACTERS) for token in shown}
    streams = lens.ids.shape[0]
    column = cursor - window.start
    return {
        "data": [
            {
                "type": "heatmap",
                "z": pack(np.ascontiguousarray(lens.probability[:, part])),
                "zmin": 0.0,
                "zmax": 1.0,
                "text": [[written[int(token)] for token in row] for row in lens.ids[:, part]],
                "texttemplate": "%{text}",
                "hoverinfo": "none",
                "showscale": False,
                "xgap": 1,
                "ygap": 1,
                "meta": {"scale": "sequential"},
            }
        ],
        "layout": {
            "xaxis": {
                "tickmode": "array",
                "tickvals": list(range(window.size)),
                "ticktext": [plotly_text(label, _CELL_CHARACTERS) for label in labels[part]],
                "range": [-0.5, window.size - 0.5],
                "side": "bottom",
                "tickangle": 0,
                "showgrid": False,
                "zeroline": False,
            },
            "yaxis": {"range": [-0.5, streams - 0.5], "showticklabels": False, "showgrid": False, "zeroline": False},
            "shapes": [
                {
                    "type": "rect",
                    "x0": column - 0.5,
                    "x1": column + 0.5,
                    "y0": -0.5,
                    "y1": streams - 0.5,
                    "line": {"width": 2},
                    "name": "cursor",
                }
            ],
        },
    }


def lens_payload(lens: LensGrid, labels: list[str], window: Window, cursor: int) -> dict[str, Any]:
    """Turns the grid into the payload of `LensView`: the figure, and the numbers that hovering a cell shows."""
    part = slice(window.start, window.stop)
    used = np.unique(np.concatenate([lens.ids[:, part].ravel(), lens.target_ids[part]]))
    return {
        "figure": lens_figure(lens, labels, window, cursor),
        "labels": labels[part],
        "start": window.start,
        "cursor": cursor,
        "rows": stream_names(lens.ids.shape[0]),
        "ids": pack(np.ascontiguousarray(lens.ids[:, part])),
        "probability": pack(np.ascontiguousarray(lens.probability[:, part])),
        "target_ids": pack(np.ascontiguousarray(lens.target_ids[part])),
        "target_rank": pack(np.ascontiguousarray(lens.target_rank[:, part])),
        "target_probability": pack(np.ascontiguousarray(lens.target_probability[:, part])),
        "vocabulary": {str(int(token)): visible(lens.vocabulary[int(token)]) for token in used},
        "shown": window.describe(),
    }


def stream_names(streams: int) -> list[str]:
    """Returns what each row is called, from the embedding to the output."""
    last = streams - 1
    return ["0 embedding", *(f"{stream} after block {stream - 1}" for stream in range(1, last)), f"{last} output"]
