"""The corpus as a whole: which kinds of document there are, and how often each is written."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from builtin_model.corpus import copying, facts, letters, questions, reference, stories

#: kind -> (how often, in documents out of a hundred, the function that writes one)
KINDS: dict[str, tuple[float, Callable[[Random], str]]] = {
    "facts": (32.0, facts.write),
    "questions": (15.0, questions.write),
    "reference": (23.0, reference.write),
    "stories": (11.0, stories.write),
    "letters": (11.0, letters.write),
    "copying": (8.0, copying.write),
}


@dataclass(frozen=True)
class Document:
    """One document of the corpus.

    Attributes:
        kind: A key of `KINDS`.
        text: Its text; chat markers stand in it literally.
    """

    kind: str
    text: str


def document(rng: Random) -> Document:
    """Writes one document of a kind drawn by the weights of `KINDS`."""
    kind = rng.choices(list(KINDS), weights=[weight for weight, _ in KINDS.values()])[0]
    return Document(kind, KINDS[kind][1](rng))
