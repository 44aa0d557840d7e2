"""What the rows and columns of an attention map stand for: tokens, or words made of them."""

from dataclasses import dataclass

import numpy as np

from model_runtime.records import Integers


@dataclass(frozen=True)
class Units:
    """Tokens or words, in order.

    Attributes:
        labels: [unit] visible labels.
        last: [unit] the position of each unit's last token: what a click on it selects.
        of: [token] the unit that each token belongs to.
        name: "tokens" or "words".
    """

    labels: list[str]
    last: Integers
    of: Integers
    name: str


def tokens_as_units(labels: list[str]) -> Units:
    """Every token is a unit."""
    positions = np.arange(len(labels))
    return Units(labels, positions, positions, "tokens")


def words_as_units(labels: list[str], words: Integers) -> Units:
    """Tokens of one word are a unit.

    Args:
        labels: [token] visible labels.
        words: [token] the index of each token's word, from 0, never falling.
    """
    starts = np.flatnonzero(np.diff(words, prepend=-1)).tolist()
    stops = [*starts[1:], len(labels)]
    joined = ["".join(labels[start:stop]) for start, stop in zip(starts, stops, strict=True)]
    return Units(joined, np.array(stops) - 1, words, "words")
