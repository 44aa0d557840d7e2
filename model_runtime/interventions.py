"""What a moment changes in the model: heads that are switched off, and vectors that are added to the stream."""

from dataclasses import dataclass
from reprlib import repr as shortened

from model_runtime.errors import BadMoment

MAX_ID = 2**31 - 1
WAYS = ("zero", "mean")  # of switching a head off
MAX_STRENGTH = 1000.0
MAX_STEERS = 8
MAX_STEER_IDS = 4096  # of one text that a steering vector is taken from


def is_index(value: object) -> bool:
    """Whether it is a whole number from 0 that an id, a position or a layer can be."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID


@dataclass(frozen=True, order=True)
class Ablate:
    """One attention head switched off, at every position, prompt included.

    Attributes:
        layer: Block index.
        head: Query head index.
        by: What takes the place of the head's output before the output projection: "zero", or "mean", that head's mean
            over a fixed reference batch of random tokens.

    Raises:
        BadMoment: An index is no whole number from 0, or `by` is neither.
    """

    layer: int
    head: int
    by: str = "zero"

    def __post_init__(self) -> None:
        for index in (self.layer, self.head):
            if not is_index(index):
                raise BadMoment(f"A head to switch off is (layer, head) in whole numbers from 0, not {index!r}.")
        if self.by not in WAYS:
            raise BadMoment(f"A head can be switched off by 'zero' or by 'mean', not by {shortened(self.by)}.")


@dataclass(frozen=True)
class Steer:
    """The difference of two residual vectors, added to a stream from some position on.

    The vectors are those of the model without any intervention, computed again from the ids whenever they are needed.
    From "Activation Addition: Steering Language Models Without Optimization" (Turner et al., 2023).

    Attributes:
        layer: Stream index: 0 enters block 0, k+1 leaves block k.
        strength: What the difference is multiplied by, -1000 to 1000.
        start: The first position that is steered; all later ones are.
        plus: (ids, position) of the vector that is added; -1 is the last position.
        minus: (ids, position) of the vector that is taken off.

    Raises:
        BadMoment: A field is outside its range.
    """

    layer: int
    strength: float
    start: int
    plus: tuple[tuple[int, ...], int]
    minus: tuple[tuple[int, ...], int]

    def __post_init__(self) -> None:
        for name, index in (("layer", self.layer), ("start", self.start)):
            if not is_index(index):
                raise BadMoment(f"The {name} of a steering is {shortened(index)}; use a whole number from 0.")
        number = isinstance(self.strength, int | float) and not isinstance(self.strength, bool)
        if not number or not -MAX_STRENGTH <= self.strength <= MAX_STRENGTH:
            raise BadMoment(
                f"The strength of a steering is {shortened(self.strength)}; use a number of at most {MAX_STRENGTH:g}."
            )
        object.__setattr__(self, "strength", float(self.strength))  # so that equal steerings are written alike
        for name in ("plus", "minus"):
            object.__setattr__(self, name, _source(name, getattr(self, name)))


Intervention = Ablate | Steer


def ordered(given: object) -> tuple[Intervention, ...]:
    """Ablations in order, then steerings as they were given.

    Raises:
        BadMoment: It is no tuple of interventions, a head is named twice, or there are too many steerings.
    """
    if not isinstance(given, tuple) or not all(isinstance(one, Ablate | Steer) for one in given):
        raise BadMoment(f"The moment's interventions are {given!r}; they have to be a tuple of Ablate and Steer.")
    ablations = sorted(one for one in given if isinstance(one, Ablate))
    steers = [one for one in given if isinstance(one, Steer)]
    if len({(one.layer, one.head) for one in ablations}) < len(ablations):
        raise BadMoment("The moment switches a head off twice; name each head once.")
    if len(steers) > MAX_STEERS:
        raise BadMoment(f"The moment is steered in {len(steers)} ways; use at most {MAX_STEERS}.")
    return (*ablations, *steers)


def read_ablations(content: object) -> tuple[Ablate, ...]:
    """Reads the heads that a saved moment switches off."""
    if not isinstance(content, list) or not all(isinstance(one, list) and len(one) == 3 for one in content):
        raise BadMoment("The saved moment switches heads off in a way that cannot be read; it was altered.")
    return tuple(Ablate(*one) for one in content)


def read_steers(content: object) -> tuple[Steer, ...]:
    """Reads what a saved moment adds to streams."""
    broken = "The saved moment is steered in a way that cannot be read; it was altered."
    if not isinstance(content, list) or len(content) > MAX_STEERS:
        raise BadMoment(broken)
    steers = []
    for one in content:
        if not isinstance(one, list) or len(one) != 7 or not isinstance(one[3], list) or not isinstance(one[5], list):
            raise BadMoment(broken)
        layer, strength, start, plus, plus_position, minus, minus_position = one
        steers.append(Steer(layer, strength, start, (tuple(plus), plus_position), (tuple(minus), minus_position)))
    return tuple(steers)


def _source(name: str, value: object) -> tuple[tuple[int, ...], int]:
    """One (ids, position) of a steering, the position counted from 0."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise BadMoment(f"The {name} of a steering is {value!r}; use (ids, position).")
    ids, position = value
    if not isinstance(ids, tuple) or not 1 <= len(ids) <= MAX_STEER_IDS or not all(map(is_index, ids)):
        raise BadMoment(f"The {name} text of a steering has to be a tuple of 1 to {MAX_STEER_IDS} token ids.")
    if position == -1 and not isinstance(position, float):
        position = len(ids) - 1
    if not is_index(position) or position >= len(ids):
        raise BadMoment(
            f"Position {position!r} of the {name} text of a steering does not exist; it has {len(ids)} tokens."
        )
    return ids, position
