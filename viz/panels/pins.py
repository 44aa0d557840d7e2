"""What is pinned for comparison: one head or several as one map, of the text that is shown or of one kept with it."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeVar, get_args

from model_runtime import Moment
from model_runtime.errors import BadMoment, OutOfRange
from model_runtime.head_records import Head
from viz.head_names import head_name
from viz.sentences import later, say
from viz.terms import term

Method = Literal["head", "mean", "maximum", "rollout"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
Scope = Literal["head", "pinned", "layer", "all"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
MOST_PINS: Final = 8
_MOST_INDEX: Final = 2**15
_UNREADABLE: Final = later("A pinned head cannot be read. Reload the page to begin anew.")

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Pin:
    """One pinned map.

    Attributes:
        method: "head" for a single head, else how several become one map.
        scope: Which heads: one, those that were pinned, a layer's, or all.
        heads: (layer, head) of each; for a layer one of its heads, for all none.
        moment: The text of the moment that is kept with it; "" where it follows the one that is shown.
        cursor: The query that was selected in a kept moment.
    """

    method: Method
    scope: Scope
    heads: tuple[Head, ...]
    moment: str = ""
    cursor: int = 0

    @property
    def name(self) -> str:
        """What it is called, such as "L2 H5" or "mean of layer 2"."""
        if self.scope == "head":
            return head_name(*self.heads[0])
        if self.scope == "layer":
            return say("{method} of layer {layer}", method=term(self.method), layer=self.heads[0][0])
        if self.scope == "all":
            return say("{method} of all heads", method=term(self.method))
        names = [head_name(*head) for head in self.heads]
        told = ", ".join(names[:3])
        if len(names) > 3:
            told = say("{heads} and {count} more", heads=told, count=len(names) - 3)
        return say("{method} of {heads}", method=term(self.method), heads=told)

    def to_json(self) -> dict[str, Any]:
        """Returns the pin as plain JSON."""
        return {**asdict(self), "heads": [list(head) for head in self.heads]}


def read_pins(content: object) -> tuple[Pin, ...]:
    """Reads the pins that a page sent.

    Raises:
        InputError: They are no pins.
    """
    if not isinstance(content, list) or len(content) > MOST_PINS:
        raise OutOfRange(
            say("The page's view holds no readable pins; up to {most} can be read. Reload the page.", most=MOST_PINS)
        )
    return tuple(_read(pin) for pin in content)


def _read(content: object) -> Pin:
    if not isinstance(content, dict):
        raise BadMoment(say(_UNREADABLE))
    heads, moment, cursor = content.get("heads"), content.get("moment", ""), content.get("cursor", 0)
    if not isinstance(heads, list) or len(heads) > MOST_PINS or not isinstance(moment, str):
        raise BadMoment(say(_UNREADABLE))
    method, scope = _choice(content.get("method"), METHODS), _choice(content.get("scope"), SCOPES)
    # One head is itself; several need a way to become one; all need no list.
    if (method == "head") != (scope == "head") or (scope == "all") == bool(heads) or not _is_index(cursor, 2**31):
        raise BadMoment(say(_UNREADABLE))
    if moment:
        Moment.from_text(moment)
    return Pin(method, scope, tuple(_head(head) for head in heads), moment, cursor)


def _head(content: object) -> Head:
    if not isinstance(content, list) or len(content) != 2 or not all(_is_index(one, _MOST_INDEX) for one in content):
        raise BadMoment(say(_UNREADABLE))
    return content[0], content[1]


def _choice(value: object, choices: tuple[Choice, ...]) -> Choice:
    for choice in choices:
        if value == choice:
            return choice
    raise BadMoment(say(_UNREADABLE))


def _is_index(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < most
