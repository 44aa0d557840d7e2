"""How a model knows the order of its tokens: what turns, what is added, and what packed texts do to each other."""

from dataclasses import dataclass

from model_runtime.records import Floats, Integers, seal


@dataclass(frozen=True)
class PositionScheme:
    """How a model tells positions apart, as it was seen to do.

    Attributes:
        kind: "rotary" (queries and keys are turned by their position), "learned" (a vector for each position is added
            to the token's), "bias" (a penalty for distance is added to the scores: ALiBi), or "none".
        told: One sentence on what was seen.
        rotated: [block] whether the block turns its queries and keys.
        slopes: [head] what the score loses a token of distance, with "bias" (the same in every block); else empty.
        shift: By how many positions the test text was moved.
        error: How far the moved text's queries and keys, turned back, lie from the unmoved one's, as a share of their
            largest value and over all rotated blocks; NaN without rotation.
        context: How many positions the model can be given.
    """

    kind: str
    told: str
    rotated: tuple[bool, ...]
    slopes: Floats
    shift: int
    error: float
    context: int

    def __post_init__(self) -> None:
        seal(self)


@dataclass(frozen=True)
class RotaryHead:
    """One head's query and key, turned by their positions. Vectors are those of the selected tokens.

    Attributes:
        layer: Block index.
        head: Query head.
        key_value_head: The key/value head that it reads.
        position: The query's token.
        key_position: The key's token, at or before it.
        layout: "halves" (dimension j is turned with j + half) or "neighbours" (2j with 2j + 1).
        pairs: [pair, 2] the dimensions of the head that are turned together, fastest first.
        frequency: [pair] radians a token, as the model's own tables have it.
        length: What the tables multiply the length of each pair with; 1 unless the model scales its positions.
        query: [width] before it is turned.
        key: [width] likewise.
        query_turned: [width] as it was recorded.
        key_turned: [width] likewise.
        scores: [distance] the score, scaled and before a softcap, of this query with this key 0, 1, 2 ... tokens before
            it, both turned by the model's own tables.
        parts: [pair, distance] what each pair adds to the score.
        rest: What the dimensions that are not turned add to it, at any distance.
        recorded: The score of the two vectors as they were recorded.
        shifts: [shift] by how many positions both are moved in the demonstration.
        moved: [shift] the score then.
        peak: The largest score among `scores` and `moved`, without sign: what differences are small against.
    """

    layer: int
    head: int
    key_value_head: int
    position: int
    key_position: int
    layout: str
    pairs: Integers
    frequency: Floats
    length: float
    query: Floats
    key: Floats
    query_turned: Floats
    key_turned: Floats
    scores: Floats
    parts: Floats
    rest: float
    recorded: float
    shifts: Integers
    moved: Floats
    peak: float

    def __post_init__(self) -> None:
        pairs, width = self.frequency.shape[0], self.query.shape
        seal(
            self,
            pairs=(pairs, 2),
            key=width,
            query_turned=width,
            key_turned=width,
            parts=(pairs, *self.scores.shape),
            moved=self.shifts.shape,
        )


@dataclass(frozen=True)
class LearnedPositions:
    """A vector for each position, added to the tokens' own.

    Attributes:
        norm: [position] length of each vector, over the whole context.
        sampled: [row] the positions compared, at even distances.
        cosine: [row, row] of their vectors, -1 to 1; NaN where one is zero.
        token_norm: [token] length of the present text's token vectors.
        added_norm: [token] length of what was added to each.
        error: How far token vector plus position vector lies from stream 0, as a share of its largest value.
    """

    norm: Floats
    sampled: Integers
    cosine: Floats
    token_norm: Floats
    added_norm: Floats
    error: float

    def __post_init__(self) -> None:
        count = len(self.sampled)
        seal(self, cosine=(count, count), added_norm=self.token_norm.shape)


@dataclass(frozen=True)
class PackedRun:
    """The second of two packed texts, run in one way.

    Attributes:
        restarted: Whether its positions begin at 0 again; else they go on from the first text's.
        separate: Whether it cannot see the first text.
        possible: Whether the model can be run so.
        difference: [token] the largest difference of a logit from the text run alone, over the vocabulary; NaN where it
            is not possible.
        variation: [token] total variation distance of the predictions from those alone, 0 to 1; likewise.
        changed: At how many tokens the first choice is another.
        top_ids: [rank] the first choices after the last token; empty where it is not possible.
        top_text: [rank] as text.
        top_probability: [rank] raw.
    """

    restarted: bool
    separate: bool
    possible: bool
    difference: Floats
    variation: Floats
    changed: int
    top_ids: Integers
    top_text: tuple[str, ...]
    top_probability: Floats

    def __post_init__(self) -> None:
        shape = self.top_ids.shape
        seal(self, variation=self.difference.shape, top_text=shape, top_probability=shape)


@dataclass(frozen=True)
class Packing:
    """Two texts in one context, and what that does to the second.

    Attributes:
        first: Tokens of the first text.
        text: [token] the second text's tokens, as they decode.
        top_ids: [rank] the first choices after the second text run alone.
        top_text: [rank] as text.
        top_probability: [rank] raw.
        largest: The largest logit of the second text run alone, without sign: what differences are small against.
        runs: One for each way: positions that go on or restart, with the first text seen or not.
    """

    first: int
    text: tuple[str, ...]
    top_ids: Integers
    top_text: tuple[str, ...]
    top_probability: Floats
    largest: float
    runs: tuple[PackedRun, ...]

    def __post_init__(self) -> None:
        shape = self.top_ids.shape
        seal(self, top_text=shape, top_probability=shape)
