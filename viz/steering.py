"""What is added to a stream, in words and numbers: the steerings of a moment, and the draft of the next one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from model_runtime.moment import Steer
from model_runtime.records import Floats
from viz.labels import quoted, shorten
from viz.payload import pack
from viz.sentences import say

_NAMED: Final = 24  # characters of each side's name
_SPACE: Final = "·"


def side_names(plus: Sequence[str], minus: Sequence[str]) -> tuple[str, str]:
    """Names both sides of a steering by what differs between their texts, where that leaves something of each.

    Args:
        plus: The visible labels of the tokens of the text that is added.
        minus: Those of the text that is taken off.
    """
    shorter = min(len(plus), len(minus))
    begin = 0
    while begin < shorter and plus[begin] == minus[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and plus[-1 - end] == minus[-1 - end]:
        end += 1
    if begin + end >= shorter:
        begin = end = 0
    named = ("".join(side[begin : len(side) - end]).strip(_SPACE) for side in (plus, minus))
    first, second = (quoted(name, _NAMED) for name in named)
    return first, second


def steers_payload(steers: Sequence[Steer], labels: Callable[[tuple[int, ...]], list[str]]) -> list[dict[str, Any]]:
    """Returns what the page says about each steering of a moment, in their order.

    Args:
        steers: The steerings.
        labels: Gives the visible labels of token ids.

    Returns:
        For each its numbers, `name`, “France” less “Japan”, and `about`, both texts with the tokens whose vectors are
        taken.
    """
    return [_steer_payload(steer, labels(steer.plus[0]), labels(steer.minus[0])) for steer in steers]


def _steer_payload(steer: Steer, plus: list[str], minus: list[str]) -> dict[str, Any]:
    first, second = side_names(plus, minus)
    sides = ((plus, steer.plus[1]), (minus, steer.minus[1]))
    plus_told, minus_told = (
        say("{text} at {token} ({position})", text=quoted("".join(side), 80), token=quoted(side[place]), position=place)
        for side, place in sides
    )
    return {
        "layer": steer.layer,
        "strength": steer.strength,
        "start": steer.start,
        "name": f"{first} \u2212 {second}",
        "about": say("{plus} minus {minus}", plus=plus_told, minus=minus_told),
    }


def side_payload(text: str, labels: Sequence[str], position: int, error: str = "") -> dict[str, Any]:
    """Returns one text of a draft: its tokens and which of them is chosen, or why it cannot be read."""
    return {"text": text, "tokens": list(labels), "position": position, "error": error}


@dataclass(frozen=True)
class DifferenceLengths:
    """How long the difference of two tokens' vectors is in each stream, and how long they are themselves.

    Attributes:
        length: [stream] of the difference.
        usual: [stream] the mean length of the two vectors, by which that of the difference is to be judged.
    """

    length: Floats
    usual: Floats


def difference_lengths(plus: Sequence[Floats], minus: Sequence[Floats]) -> DifferenceLengths:
    """Measures the difference of two tokens' vectors.

    Args:
        plus: [stream] [width] the vectors of the token that is added.
        minus: [stream] [width] those of the token that is taken off.
    """
    one, other = np.stack(plus), np.stack(minus)
    usual = (np.linalg.norm(one, axis=1) + np.linalg.norm(other, axis=1)) / 2
    return DifferenceLengths(np.linalg.norm(one - other, axis=1), usual)


def lengths_payload(lengths: DifferenceLengths) -> dict[str, Any]:
    """Returns the lengths as the page gets them: `length` and `usual`."""
    return {"length": pack(lengths.length), "usual": pack(lengths.usual)}


def described(steer: Steer, name: str) -> str:
    """Says in a few words what is added: how many times which difference, to which stream, from where on."""
    strength = shorten(f"{steer.strength:g}".replace("-", "\u2212"), 12)
    what = f"{strength} \u00d7 ({name})"
    if steer.start == 0:
        return say("{what} is added to stream {stream} everywhere.", what=what, stream=steer.layer)
    return say(
        "{what} is added to stream {stream} from position {start} on.", what=what, stream=steer.layer, start=steer.start
    )
