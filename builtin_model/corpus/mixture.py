"""The corpus as a whole: which kinds of document there are, and how often each is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from builtin_model.corpus import copying, facts, letters, meetings, questions, reference, stories

#: kind -> the function that writes one document
KINDS: dict[str, Callable[[Random], str]] = {
    "facts": facts.write,
    "questions": questions.write,
    "reference": reference.write,
    "stories": stories.write,
    "letters": letters.write,
    "copying": copying.write,
    "meetings": meetings.write,
    "scenes": reference.write_scene,
    "plain letters": letters.write_plain,
}
#: How often each kind is written, in documents out of a hundred. Each stage practises what the one before left weak.
Weights = Mapping[str, float]
FIRST_STAGE: Weights = {
    "facts": 32, "questions": 15, "reference": 23, "stories": 11, "letters": 11, "copying": 8, "meetings": 0,
    "scenes": 0,
}  # fmt: skip
SECOND_STAGE: Weights = {
    "facts": 26, "questions": 13, "reference": 17, "stories": 8, "letters": 8, "copying": 8, "meetings": 20,
    "scenes": 0,
}  # fmt: skip
THIRD_STAGE: Weights = {
    "facts": 18, "questions": 12, "reference": 10, "stories": 6, "letters": 8, "copying": 4, "meetings": 7,
    "scenes": 35,
}  # fmt: skip

#: For a model without chat markers, which read no e-mails before: every other e-mail ends with one.
PLAIN_STAGE: Weights = {
    "facts": 18, "questions": 8, "reference": 22, "stories": 6, "copying": 6, "meetings": 5, "scenes": 15,
    "plain letters": 20,
}  # fmt: skip


@dataclass(frozen=True)
class Document:
    """One document of the corpus.

    Attributes:
        kind: A key of `KINDS`.
        text: Its text; chat markers stand in it literally.
    """

    kind: str
    text: str


def document(rng: Random, weights: Weights = FIRST_STAGE, *, chat: bool = True) -> Document:
    """Writes one document of a kind drawn by the weights; without `chat`, one that holds no chat markers."""
    while True:
        kind = rng.choices(list(weights), weights=list(weights.values()))[0]
        written = Document(kind, KINDS[kind](rng))
        if chat or "<|" not in written.text:
            return written
