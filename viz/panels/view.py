"""The view: everything the page knows about what it shows. It travels with each action and comes back in each answer.

The server keeps none of it, so a page outlives the server. Every field that comes from a page is checked.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal, TypeVar, get_args

from model_runtime import BadMoment, Moment
from model_runtime.errors import InputError, OutOfRange
from model_runtime.prompt_part_records import MOST_PART, PART_NAMES
from viz.colours import TRANSFERS, Transfer
from viz.labels import shorten
from viz.lens_grid import LENS_COLOURS, LensColour
from viz.panels.choices import Choices, read_choices
from viz.panels.direction import Direction, read_direction
from viz.panels.models import AUTO, PRECISIONS
from viz.panels.pins import Pin, read_pins
from viz.panels.playground import Playground, read_playground
from viz.sentences import later, say
from viz.token_strip import SHADES, Shade

WINDOWS: Final = (32, 64, 128, 256, 512, 1024)
TABS: Final = (
    *("attention", "looking", "compare", "heads", "inside", "ablation", "bertviz"),
    *("lens", "contributions", "neurons", "residual"),
    *("inputs", "patching", "steering"),
    *("loop", "streams", "choosing", "beams", "parts"),
    *("map", "tokenizer", "embeddings", "block", "cache", "masks", "positions"),
)
AVERAGE: Final = -1  # the vocabulary's mean logit is taken off the target's
NOTHING: Final = -2  # the target's logit stands alone
MOST_FOLLOWED: Final = 6
MOST_QUOTED: Final = 60  # characters of a wrong value in an error's text
MOST_CHANGED: Final = 4_000  # characters of the changed prompt
Hide = Literal["none", "first", "special"]
HIDES: Final[tuple[Hide, ...]] = get_args(Hide)
MOST_BRANCHES: Final = 12
MOST_KEYS: Final = 32
MOST_ID: Final = 2**31 - 1

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class View:
    """What is shown.

    Attributes:
        branches: The lines of text that were tried, as the text of their moments; the first is the main one.
        branch: Which of them is shown.
        cursor: The position whose prediction is shown, 0 to tokens - 1.
        layer: Block index of the selected head.
        head: Index of the selected head.
        shade: What the token strip's background says.
        window: The most tokens that a picture shows.
        tab: The open tab.
        hide: Which keys are hidden wherever attention is drawn: none, the first token, or all special ones.
        keys: The positions that "which head looks at this?" asks about, in order, each once.
        colour: How a weight becomes a colour.
        words: Whether the large head shows words instead of tokens.
        pins: What is pinned for comparison.
        target: The token that contributions, neurons and the like are about, None for the model's first choice.
        against: What its logit is compared with: AVERAGE, NOTHING, or the id of another token.
        reading: The selected row of the lens in half steps: stream k is 2k, the midpoint of block k is 2k + 1.
        lens_colour: What the colour of a cell of the lens says.
        middle: Whether the lens shows the midpoints between attention and MLP.
        follow: The tokens that are followed through the layers, in the order in which they were chosen.
        changed: The prompt that patching compares the present one with, "" while there is none.
        direction: The texts that the next steering is made of.
        parts: The texts that the prompt was put together from, one for each of `PART_NAMES`; none where it was typed.
        playground: The decoding settings that are tried on the distribution at the cursor.
        entry: The token whose embedding is shown, None for the one under the cursor.
        precision: What the model's numbers are kept in, as it was opened; a name of `PRECISIONS`.
        choices: What is chosen inside the tabs and concerns the page alone, name and text of each, by name.
    """

    branches: tuple[str, ...]
    branch: int = 0
    cursor: int = 0
    layer: int = 0
    head: int = 0
    shade: Shade = "probability"
    window: int = 32
    tab: str = "attention"
    hide: Hide = "none"
    keys: tuple[int, ...] = ()
    colour: Transfer = "linear"
    words: bool = False
    pins: tuple[Pin, ...] = ()
    target: int | None = None
    against: int = AVERAGE
    reading: int = 0
    lens_colour: LensColour = "probability"
    middle: bool = True
    follow: tuple[int, ...] = ()
    changed: str = ""
    direction: Direction = field(default_factory=Direction)
    parts: tuple[str, ...] = ()
    playground: Playground = field(default_factory=Playground)
    entry: int | None = None
    precision: str = AUTO
    choices: Choices = ()

    @property
    def moment(self) -> Moment:
        """The moment that is shown.

        Raises:
            BadMoment: It cannot be read.
        """
        return Moment.from_text(self.branches[self.branch])

    def to_json(self) -> dict[str, Any]:
        """Returns the view as plain JSON."""
        pins = [pin.to_json() for pin in self.pins]
        lists = {"branches": list(self.branches), "keys": list(self.keys), "follow": list(self.follow)}
        lists["parts"] = list(self.parts)
        own = {"pins": pins, "playground": self.playground.to_json(), "choices": dict(self.choices)}
        return {**asdict(self), **lists, **own}

    @classmethod
    def from_json(cls, content: object) -> "View":
        """Reads a view that a page sent.

        Raises:
            InputError: It is no view.
        """
        if not isinstance(content, dict):
            raise BadMoment(say("The page holds no text yet. Press Start, or reload the page."))
        branches = content.get("branches")
        if not isinstance(branches, list) or not all(isinstance(text, str) for text in branches):
            raise BadMoment(say("The page's view holds no readable text. Reload the page to begin anew."))
        if not 1 <= len(branches) <= MOST_BRANCHES:
            count, most = len(branches), MOST_BRANCHES
            told = say("The page's view holds {count} branches; 1 to {most} can be read.", count=count, most=most)
            raise BadMoment(told)
        return cls(
            branches=tuple(branches),
            branch=whole(content.get("branch"), 0, len(branches) - 1, later("branch")),
            cursor=whole(content.get("cursor"), 0, 2**31 - 1, later("cursor")),
            layer=whole(content.get("layer"), 0, 2**15, later("layer")),
            head=whole(content.get("head"), 0, 2**15, later("head")),
            shade=one_of(content.get("shade"), SHADES, later("shade")),
            window=one_of(content.get("window"), WINDOWS, later("window")),
            tab=one_of(content.get("tab"), TABS, later("tab")),
            hide=one_of(content.get("hide", "none"), HIDES, later("switch for the first token")),
            keys=positions(content.get("keys", []), MOST_KEYS),
            colour=one_of(content.get("colour", "linear"), TRANSFERS, later("colour scale")),
            words=one_of(content.get("words", False), (False, True), later("choice of words")),
            pins=read_pins(content.get("pins", [])),
            target=_token(content.get("target")),
            against=whole(content.get("against", AVERAGE), NOTHING, MOST_ID, later("token to compare with")),
            reading=whole(content.get("reading", 0), 0, 2**16, later("row of the lens")),
            lens_colour=one_of(content.get("lens_colour", "probability"), LENS_COLOURS, later("colour of the lens")),
            middle=one_of(content.get("middle", True), (False, True), later("switch for midpoints")),
            follow=_followed(content.get("follow", [])),
            changed=short_text(content.get("changed", ""), MOST_CHANGED, later("changed prompt")),
            direction=read_direction(content.get("direction", Direction().to_json())),
            parts=read_parts(content.get("parts", [])),
            playground=read_playground(content.get("playground", Playground().to_json())),
            entry=_token(content.get("entry")),
            precision=one_of(content.get("precision", AUTO), tuple(PRECISIONS), later("precision")),
            choices=read_choices(content.get("choices", {})),
        )

    def at(self, moment: Moment, cursor: int | None = None) -> "View":
        """Returns the view with another moment on the same branch, the cursor at its end unless given."""
        branches = list(self.branches)
        branches[self.branch] = moment.to_text()
        end = len(moment.ids) - 1
        keys = tuple(key for key in self.keys if key <= end)
        return replace(self, branches=tuple(branches), cursor=end if cursor is None else min(cursor, end), keys=keys)

    def branched(self, moment: Moment) -> "View":
        """Returns the view on a new branch. The oldest one besides the main gives way when there are too many."""
        branches = [*self.branches, moment.to_text()]
        if len(branches) > MOST_BRANCHES:
            del branches[1]
        return replace(self, branches=tuple(branches), branch=len(branches) - 1, cursor=len(moment.ids) - 1)


def whole(value: object, low: int, high: int, name: str) -> int:
    """Checks a whole number that came from the page.

    Raises:
        OutOfRange: It is no whole number, or outside low to high.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        told = say(
            "The {name} is {value}; use a whole number from {low} to {high}.",
            name=say(name),
            value=shorten(repr(value), MOST_QUOTED),
            low=low,
            high=high,
        )
        raise OutOfRange(told)
    return value


def positions(value: object, most: int) -> tuple[int, ...]:
    """Checks positions that came from the page; returns them in order, each once.

    Raises:
        OutOfRange: They are no whole numbers from 0, or more than `most`.
    """
    if not isinstance(value, list) or len(value) > most:
        raise OutOfRange(say("The chosen tokens are {value}; choose up to {most}.", value=str(value)[:60], most=most))
    return tuple(sorted({whole(one, 0, 2**31 - 1, later("chosen token")) for one in value}))


def _token(value: object) -> int | None:
    """Checks a token id, None for none."""
    return None if value is None else whole(value, 0, MOST_ID, later("token to explain"))


def _followed(value: object) -> tuple[int, ...]:
    """Checks the tokens that are followed; each once, in their order."""
    if not isinstance(value, list) or len(value) > MOST_FOLLOWED:
        most = MOST_FOLLOWED
        raise OutOfRange(say("The followed tokens are {value}; choose up to {most}.", value=str(value)[:60], most=most))
    return tuple(dict.fromkeys(whole(one, 0, MOST_ID, later("followed token")) for one in value))


def short_text(value: object, most: int, name: str) -> str:
    """Checks a text that came from the page.

    Raises:
        InputError: It is no text, or longer than `most` characters.
    """
    if not isinstance(value, str):
        raise InputError(say("The {name} is no text. Reload the page to begin anew.", name=say(name)))
    if len(value) > most:
        told = say(
            "The {name} has {count} characters; use at most {most}.", name=say(name), count=len(value), most=most
        )
        raise InputError(told)
    return value


def read_parts(value: object) -> tuple[str, ...]:
    """Checks the parts of a prompt that came from the page: none, or a text for each.

    Raises:
        InputError: They are no texts, of another number, or one is too long.
    """
    if not isinstance(value, list | tuple) or len(value) not in (0, len(PART_NAMES)):
        raise InputError(say("The parts of the prompt cannot be read. Reload the page to begin anew."))
    return tuple(short_text(text, MOST_PART, name) for name, text in zip(PART_NAMES, value, strict=False))


def one_of(value: object, choices: tuple[Choice, ...], name: str) -> Choice:
    """Checks a choice that came from the page.

    Raises:
        InputError: It is none of the choices.
    """
    for choice in choices:
        if value == choice:
            return choice
    told = say(
        "The {name} is {value}; use one of {choices}.",
        name=say(name),
        value=shorten(repr(value), MOST_QUOTED),
        choices=", ".join(map(str, choices)),
    )
    raise InputError(told)
