"""The residual stream: how long its vectors are, how blocks turn them, how they lie to each other, and one in full."""

from typing import Any, Final

import numpy as np

from model_runtime.records import Floats
from model_runtime.stream_records import ResidualTable, StreamSimilarity, TokenSimilarity
from viz.labels import quoted
from viz.payload import pack
from viz.sentences import say, say_many
from viz.window import Window

# A vector so many times as long as the median of its stream is named.
OUTLIER: Final = 5.0
MOST_OUTLIERS: Final = 3
LARGEST: Final = 10  # dimensions of a vector that are listed


def residual_payload(table: ResidualTable, window: Window) -> dict[str, Any]:
    """Turns the table into the grids and the map of `ResidualView`.

    Args:
        table: The table.
        window: The tokens to draw.

    Returns:
        The record's numbers, cut to the window, and `edges`: the map's [low, high] on both axes over all streams of
        these tokens, so that the axes hold still while the stream changes.
    """
    part = slice(window.start, window.stop)
    points = table.points[:, part]
    grids = {
        "norm": table.norm,
        "turn": table.turn,
        "attention": table.attention_norm,
        "mlp": table.mlp_norm,
    }
    return {
        **{name: pack(values[:, part]) for name, values in grids.items()},
        "streams": table.norm.shape[0],
        "points": pack(points),
        "edges": [[float(points[..., axis].min()), float(points[..., axis].max())] for axis in (0, 1)],
        "explained": [float(share) for share in table.explained],
        "fitted": table.fitted,
    }


def outliers(norm: Floats, labels: list[str]) -> str:
    """Names the tokens whose vectors are far longer than the others', each in the stream where it is longest by factor.

    Args:
        norm: [stream, token] lengths.
        labels: [token] visible labels.

    Returns:
        A sentence, the longest first.
    """
    median = np.median(norm, axis=1, keepdims=True)
    factor = np.divide(norm, median, out=np.ones(norm.shape, np.float64), where=median > 0)
    stream = factor.argmax(axis=0)
    largest = factor.max(axis=0)
    far = [int(token) for token in np.argsort(-largest, kind="stable") if largest[token] >= OUTLIER]
    if not far:
        return say("No vector is {times} or more times as long as the median of its stream.", times=f"{OUTLIER:g}")
    told = [
        say(
            "{token} ({position}) is {times} times as long as the median in stream {stream}",
            token=quoted(labels[token]),
            position=token,
            times=f"{largest[token]:,.0f}",
            stream=stream[token],
        )
        for token in far[:MOST_OUTLIERS]
    ]
    more = len(far) - len(told)
    if more:
        rest = say_many(
            "{count} more token is {times} or more times as long",
            "{count} more tokens are {times} or more times as long",
            more,
            times=f"{OUTLIER:g}",
        )
        told.append(rest)
    return say("{clause}.", clause="; ".join(told))


def similarity_payload(streams: StreamSimilarity, raw: TokenSimilarity, centred: TokenSimilarity) -> dict[str, Any]:
    """Turns what is like what into two grids: the cursor's token from stream to stream, and token with token.

    Args:
        streams: Of the cursor's token.
        raw: Of the tokens that are shown, in the selected stream.
        centred: The same with the mean vector taken off.
    """
    return {
        "alike": pack(streams.cosine),
        "pairs": {"raw": pack(raw.cosine), "centred": pack(centred.cosine)},
        "first": raw.first,
        "count": len(raw.cosine),
    }


def vector_payload(vector: Floats) -> dict[str, Any]:
    """Turns one vector into the heat strip and the list of its largest dimensions.

    Args:
        vector: [width] one token's vector in one stream.
    """
    order = np.argsort(-np.abs(vector), kind="stable")[:LARGEST]
    squares = np.square(vector, dtype=np.float64)
    total = float(squares.sum())
    return {
        "vector": pack(vector),
        "top": float(np.abs(vector).max()),
        "length": float(np.sqrt(total)),
        "largest": [[int(index), float(vector[index])] for index in order],
        "share": float(squares[order].sum() / total) if total else 0.0,
    }
