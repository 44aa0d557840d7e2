"""The logit lens as a grid: a row for each stream and each midpoint, a column for each token, a word in each cell."""

import math
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from model_runtime.lens_records import LensGrid
from model_runtime.records import Integers
from viz.labels import visible
from viz.payload import pack
from viz.sentences import say
from viz.window import Window

LensColour = Literal["probability", "rank", "entropy", "divergence"]
LENS_COLOURS: Final[tuple[LensColour, ...]] = get_args(LensColour)


def lens_payload(lens: LensGrid, labels: list[str], window: Window, cursor: int, vocabulary: int) -> dict[str, Any]:
    """Turns the lens into the grid that `LensView` draws.

    Args:
        lens: The grid. Its midpoints are rows of their own where it has them.
        labels: [token] visible labels of the whole text.
        window: The tokens to draw.
        cursor: The token whose column is marked.
        vocabulary: How many tokens have a probability.

    Returns:
        Rows in the order of the computation, each with its name and its half step: stream k is 2k, the midpoint of
        block k is 2k + 1. `first_lead` and `settled` are half steps, too: see `leads`. `most` is what the scale of the
        divergence ends with, in nats.
    """
    part = slice(window.start, window.stop)
    readings = row_readings(lens.ids.shape[0], lens.middle is not None)
    first, settled = leads(lens)
    ids = _rows(lens, "ids")[:, part]
    targets = lens.target_ids[part]
    columns = ("probability", "target_rank", "target_probability", "entropy", "divergence")
    return {
        "labels": labels[part],
        "start": window.start,
        "total": window.total,
        "cursor": cursor,
        "readings": readings,
        "rows": [row_name(reading, lens.ids.shape[0]) for reading in readings],
        "ids": pack(ids),
        **{name: pack(_rows(lens, name)[:, part]) for name in columns},
        "target_ids": pack(targets),
        "first_lead": pack(first[part]),
        "settled": pack(settled[part]),
        "words": {str(token): visible(lens.vocabulary[token]) for token in np.unique(np.append(ids, targets)).tolist()},
        "vocabulary": vocabulary,
        "most": _round_up(float(np.nanmax(_rows(lens, "divergence")))),
        "shown": window.describe(),
    }


def leads(lens: LensGrid) -> tuple[Integers, Integers]:
    """Where the final choice comes first, counting the midpoints where the lens has them.

    Returns:
        [token] the half step of the first row in which the final choice leads, and that of the first row from which on
        it stays first.
    """
    readings = np.array(row_readings(lens.ids.shape[0], lens.middle is not None))
    led = _rows(lens, "target_rank") == 0
    behind = led[::-1].argmin(0)  # rows from the output down to the last that is not led
    settled = np.where(led.all(0), 0, len(led) - behind)
    return readings[led.argmax(0)], readings[np.minimum(settled, len(led) - 1)]


def stream_names(streams: int) -> list[str]:
    """What the rows of all streams are called, from the embedding to the output."""
    return [row_name(2 * stream, streams) for stream in range(streams)]


def row_readings(streams: int, middle: bool) -> list[int]:
    """The half steps that a lens of so many streams has a row for, from the embedding to the output."""
    return list(range(0, 2 * streams - 1, 1 if middle else 2))


def nearest_reading(reading: int, streams: int, middle: bool) -> int:
    """The row that is shown for a half step: itself, or the next stream where midpoints are not shown."""
    reading = min(reading, 2 * (streams - 1))
    return reading if middle or reading % 2 == 0 else reading + 1


def row_name(reading: int, streams: int) -> str:
    """What the row of a half step is called."""
    stream, middle = divmod(reading, 2)
    if middle:
        return say("after attention {layer}", layer=stream)
    if stream == 0:
        return say("{stream} embedding", stream=0)
    if stream == streams - 1:
        return say("{stream} output", stream=stream)
    return say("{stream} after block {block}", stream=stream, block=stream - 1)


def _rows(lens: LensGrid, name: str) -> NDArray[Any]:
    """One [row, token] array of the lens, its midpoints between its streams."""
    streams: NDArray[Any] = getattr(lens, name)
    if lens.middle is None:
        return streams
    between: NDArray[Any] = getattr(lens.middle, name)
    rows = np.empty((len(streams) + len(between), *streams.shape[1:]), streams.dtype)
    rows[::2], rows[1::2] = streams, between
    return rows


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ...: an end for a scale that changes seldom."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)
