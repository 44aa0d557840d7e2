"""A prompt made of named parts: where they lie in the text, what attention they get, what each changes."""

from dataclasses import dataclass

from model_runtime.errors import InputError
from model_runtime.records import Floats, Integers, seal

# The parts of a prompt, in the order in which they are put together (Hands-On LLMs, figures 6-6 to 6-11).
PART_NAMES = ("persona", "instruction", "context", "format", "audience", "tone", "data")
MOST_PART = 1_000  # characters of one part
TEMPLATE, FIRST, WRITTEN, SINK = (len(PART_NAMES) + index for index in range(4))
# What attention can go to: each part, what else the prompt holds, the first token where no part has it or not (it is
# where heads rest that have nothing to do), what was written since, and the model's own sink.
GROUPS = (*PART_NAMES, "template and borders", "first token", "written text", "the model's own sink")
JOINED_BY = " "


@dataclass(frozen=True)
class Composition:
    """The texts of a prompt's parts.

    Attributes:
        texts: One for each of `PART_NAMES`, "" for a part that is not there.
    """

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.texts) != len(PART_NAMES):
            raise InputError(f"A prompt has {len(PART_NAMES)} parts; {len(self.texts)} were given.")
        for name, text in zip(PART_NAMES, self.texts, strict=True):
            if len(text) > MOST_PART:
                raise InputError(f"The {name} has {len(text)} characters; use at most {MOST_PART}.")

    @property
    def present(self) -> tuple[int, ...]:
        """The parts that hold any text, as indices of `PART_NAMES`."""
        return tuple(index for index, text in enumerate(self.texts) if text.strip())

    def text(self, without: int | None = None) -> str:
        """The parts that hold any text, in order, a space between them; one of them left out if asked for."""
        return JOINED_BY.join(self.texts[index].strip() for index in self.present if index != without)


@dataclass(frozen=True)
class PartSpans:
    """Which part each token of a text belongs to.

    Attributes:
        part: [token] index of `PART_NAMES`, -1 for what belongs to none: the template, the spaces between parts, and
            what follows the prompt. A token across a border belongs to the part with most of its bytes, the earlier
            one among equals.
        tokens: [part] how many tokens each has.
        chat: Whether the prompt stands in the chat template.
    """

    part: Integers
    tokens: Integers
    chat: bool

    def __post_init__(self) -> None:
        seal(self, tokens=(len(PART_NAMES),))


@dataclass(frozen=True)
class PartAttention:
    """What attention each part of a prompt gets, layer by layer. All shares are means over the heads of a layer.

    Attributes:
        spans: Which token belongs to which part.
        position: The token that looks, in `here`.
        here: [layer, group] shares of its attention that go to each of `GROUPS`, summing to 1 over the groups; NaN in
            layers without attention. The first token counts for "first token" and for no part.
        average: [layer, group] the same for the tokens that the model wrote from, averaged: from the prompt's last
            token, which chose the first written one, to the newest.
        averaged: How many tokens that are.
        uniform: [group] what an even spread over all tokens up to `position` would give.
    """

    spans: PartSpans
    position: int
    here: Floats
    average: Floats
    averaged: int
    uniform: Floats

    def __post_init__(self) -> None:
        seal(self, average=self.here.shape, uniform=self.here.shape[1:])


@dataclass(frozen=True)
class LeftOut:
    """The prompt without one part, or whole, and what follows it.

    Attributes:
        part: The part that was left out, -1 for none.
        tokens: Tokens of the prompt that is left.
        variation: Total variation distance of the next-token distribution from the whole prompt's, 0 to 1.
        divergence: KL divergence of the shortened prompt's distribution from the whole one's, in nats: the mean over
            the whole prompt's choice of ln(whole / shortened).
        top: The first choice then.
        top_text: As text.
        top_probability: Its raw probability.
        before: The raw probability that the whole prompt's first choice is left with.
        written: Tokens of what follows, greedily, as far as they are known.
        ended: Why no more follows: "end token", "context full", "" while more can.
    """

    part: int
    tokens: int
    variation: float
    divergence: float
    top: int
    top_text: str
    top_probability: float
    before: float
    written: tuple[str, ...]
    ended: str


@dataclass(frozen=True)
class PartEffects:
    """What each part of a prompt changes, as far as it is known.

    Attributes:
        done: Tokens and distributions that are known.
        total: How many there are to be.
        rows: The whole prompt first, then one for each part that holds text, in order; some may still be missing.
    """

    done: int
    total: int
    rows: tuple[LeftOut, ...]
