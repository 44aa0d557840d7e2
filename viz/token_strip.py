"""The token strip: the text as the model sees it, token by token, shaded by a measure."""

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np

from model_runtime.records import Floats, TokenTable
from viz.labels import visible
from viz.payload import pack
from viz.sentences import say

Shade = Literal["probability", "surprisal", "entropy", "attention", "contribution", "none"]
SHADES: Final[tuple[Shade, ...]] = get_args(Shade)


@dataclass(frozen=True)
class Measure:
    """One number a token, with what the legend says about it.

    Attributes:
        values: [token] NaN where there is none.
        title: What is measured.
        unit: Its unit, "" for a share.
        top: The value of the deepest shade; 0 is the palest. What lies beyond keeps the deepest shade.
        open_ended: Whether values may lie beyond `top`.
    """

    values: Floats
    title: str
    unit: str
    top: float
    open_ended: bool = False


def labels_of(tokens: TokenTable) -> list[str]:
    """Returns the visible label of every token."""
    return [visible(text, data) for text, data in zip(tokens.text, tokens.bytes, strict=True)]


def token_strip(
    tokens: TokenTable,
    labels: list[str],
    cursor: int,
    shade: Shade,
    vocabulary_size: int,
    attention: Measure | None = None,
) -> dict[str, Any]:
    """Turns the tokens of a moment into the strip.

    Args:
        tokens: The tokens.
        labels: [token] their visible labels.
        cursor: The position that is outlined.
        shade: What the background says. What each token contributed is known to the page alone, which shades by it.
        vocabulary_size: Tokens in the vocabulary: a uniform guess has ln of it as entropy and surprisal.
        attention: The attention of the selected token, needed for the shade "attention".

    Returns:
        The payload of `TokenStrip`; arrays are indexed by position.
    """
    measure = attention if shade == "attention" else _measure(tokens, shade, vocabulary_size)
    return {
        "ids": pack(tokens.ids),
        "labels": labels,
        "newlines": [position for position, text in enumerate(tokens.text) if "\n" in text],
        "special": [int(position) for position in np.flatnonzero(tokens.special)],
        "surprisal": pack(tokens.surprisal),
        "entropy": pack(tokens.entropy),
        "rank": pack(tokens.rank),
        "prompt_length": tokens.prompt_length,
        "cursor": cursor,
        "shade": shade,
        "values": pack(measure.values) if measure else None,
        "legend": _legend(measure) if measure else None,
    }


def _measure(tokens: TokenTable, shade: Shade, vocabulary_size: int) -> Measure | None:
    uniform = float(np.log(vocabulary_size))
    if shade == "probability":
        return Measure(np.exp(-tokens.surprisal), say("probability the model gave this token"), "", 1.0)
    if shade == "surprisal":
        return Measure(tokens.surprisal, say("surprisal"), say("nats"), uniform, open_ended=True)
    if shade == "entropy":
        return Measure(tokens.entropy, say("entropy of the choice"), say("nats"), uniform)
    return None


def _legend(measure: Measure) -> dict[str, Any]:
    return {"title": measure.title, "unit": measure.unit, "top": measure.top, "open": measure.open_ended}
