"""The draft of a steering: two texts, and the token of each whose vector is taken. Its vectors' difference is added."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from model_runtime.errors import BadMoment
from viz.sentences import later, say

MOST_CHARACTERS: Final = 2_000  # of each text
LAST: Final = -1  # a text's last token, however many it has
_UNREADABLE: Final = later("The two texts for steering cannot be read. Reload the page to begin anew.")


@dataclass(frozen=True)
class Direction:
    """From one text towards another.

    Attributes:
        plus: The text towards which is steered.
        minus: The text away from which is steered.
        plus_position: The token of `plus` whose vector is taken, LAST for its last.
        minus_position: Likewise for `minus`.
    """

    plus: str = "The capital of France is"
    minus: str = "The capital of Japan is"
    plus_position: int = LAST
    minus_position: int = LAST

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        return asdict(self)


def read_direction(content: object) -> Direction:
    """Reads a draft that a page sent.

    Raises:
        BadMoment: It is none, or a text is too long.
    """
    if not isinstance(content, dict):
        raise BadMoment(say(_UNREADABLE))
    plus, minus = _text(content.get("plus")), _text(content.get("minus"))
    return Direction(plus, minus, _position(content.get("plus_position")), _position(content.get("minus_position")))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadMoment(say(_UNREADABLE))
    if len(value) > MOST_CHARACTERS:
        raise BadMoment(
            say(
                "A text for steering has {count} characters; use at most {most}.",
                count=len(value),
                most=MOST_CHARACTERS,
            )
        )
    return value


def _position(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not LAST <= value <= MOST_CHARACTERS:
        raise BadMoment(say(_UNREADABLE))
    return value
