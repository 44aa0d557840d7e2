"""The arrays of a saved recording: the one list that the file, its reader and its page of documentation follow."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ArrayFacts:
    """What an array of a file is.

    Attributes:
        axes: Its axes, in order.
        dtype: What its numbers are kept in.
        unit: What they count, "" for numbers of the model's own making.
        meaning: One sentence.
    """

    axes: tuple[str, ...]
    dtype: str
    unit: str
    meaning: str


# Those after a point are there once a layer: "queries.0", "queries.1" and so on, where the layer has them.
ARRAYS: Final = {
    "ids": ArrayFacts(("token",), "int64", "token id", "The text."),
    "surprisal": ArrayFacts(("token",), "float32", "nats", "-ln of each token's raw probability; NaN at position 0."),
    "rank": ArrayFacts(("token",), "int64", "tokens", "How many tokens were more probable; -1 at position 0."),
    "entropy": ArrayFacts(
        ("token",), "float32", "nats", "Of the raw distribution that each token came from; NaN at position 0."
    ),
    "newest": ArrayFacts(("vocabulary",), "float32", "logits", "The logits after the last token."),
    "streams": ArrayFacts(
        ("stream", "token", "width"),
        "float32",
        "",
        "The residual stream: 0 enters block 0, k + 1 leaves block k, the last stands before the final norm.",
    ),
    "attended": ArrayFacts(
        ("layer", "token", "width"),
        "float32",
        "",
        "What each attention added to the stream; stream k plus it is the midpoint of block k.",
    ),
    "starts": ArrayFacts(
        ("layer", "token"), "int64", "position", "The first key that each token sees; it sees all from there to itself."
    ),
    "queries.": ArrayFacts(
        ("head", "token", "head width"),
        "float32",
        "",
        "One layer's queries as they meet the keys, turned by position.",
    ),
    "keys.": ArrayFacts(("key/value head", "token", "head width"), "float32", "", "One layer's keys, likewise."),
    "values.": ArrayFacts(("key/value head", "token", "value width"), "float32", "", "One layer's values."),
    "seen.": ArrayFacts(
        ("token", "byte"),
        "uint8",
        "bits",
        "Where what tokens see is no run: the keys that each sees, eight to a byte, the first in the lowest bit.",
    ),
    "sinks.": ArrayFacts(("head",), "float32", "logits", "The logit of each head's own attention sink."),
    "bias.": ArrayFacts(("head", "key"), "float32", "logits", "What is added to a head's scores by the key's place."),
}
