"""What is pinned for comparison: one head or several as one map, of the text that is shown or of one kept with it."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

from model_runtime import Moment
from model_runtime.errors import BadMoment, OutOfRange
from model_runtime.head_records import Head
from viz.head_names import head_name

Method = Literal["head", "mean", "maximum", "rollout"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
Scope = Literal["head", "pinned", "layer", "all"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
MOST_PINS: Final = 8
_MOST_INDEX: Final = 2**15


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
            return f"{self.method} of layer {self.heads[0][0]}"
        if self.scope == "all":
            return f"{self.method} of all heads"
        names = [head_name(*head) for head in self.heads]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"{self.method} of {', '.join(names[:3])}{more}"

    def to_json(self) -> dict[str, Any]:
        """Returns the pin as plain JSON."""
        return {**asdict(self), "heads": [list(head) for head in self.heads]}


def read_pins(content: object) -> tuple[Pin, ...]:
    """Reads the pins that a page sent.

    Raises:
        InputError: They are no pins.
    """
    if not isinstance(content, list) or len(content) > MOST_PINS:
        raise OutOfRange(f"The page's view holds no readable pins; up to {MOST_PINS} can be read. Reload the page.")
    return tuple(_read(pin) for pin in content)


def _read(content: object) -> Pin:
    if not isinstance(content, dict):
        raise BadMoment("A pinned head cannot be read. Reload the page to begin anew.")
    method, scope, heads = content.get("method"), content.get("scope"), content.get("heads")
    moment, cursor = content.get("moment", ""), content.get("cursor", 0)
    readable = (
        method in METHODS
        and scope in SCOPES
        and (method == "head") == (scope == "head")
        and isinstance(moment, str)
        and _is_index(cursor, 2**31)
        and isinstance(heads, list)
        and len(heads) <= MOST_PINS * MOST_PINS
        and (len(heads) > 0) == (scope != "all")
        and all(isinstance(head, list) and len(head) == 2 for head in heads)
        and all(_is_index(index, _MOST_INDEX) for head in heads for index in head)
    )
    if not readable:
        raise BadMoment("A pinned head cannot be read. Reload the page to begin anew.")
    if moment:
        Moment.from_text(moment)
    return Pin(method, scope, tuple((layer, head) for layer, head in heads), moment, cursor)


def _is_index(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < most
