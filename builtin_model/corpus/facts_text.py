"""What the fact writers share: filling sentence frames, keeping held-out phrasings out."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from random import Random

from builtin_model.corpus.held_out import held_out

_PREFIXES: tuple[str, ...] = tuple(
    """In fact, |As you may know, |My teacher says that |Yes, |Remember that |
    I think you know that |It is true that |We learned today that |People say that |
    The book says that |Of course, |I am sure that |As we all know, |
    You may have heard that |Here is a fact: |Did you know that |She told us that |
    He wrote that |Well, |Everyone knows that |It is well known that |
    Many people know that |I read that |Let us remember that |Please note that |
    Our teacher told us that |I learned at school that |The answer is simple: |
    Most people know that |Everybody says that |Everyone in my class knows that """
    .replace("\n    ", "").split("|")
)  # fmt: skip


def sentence(text: str) -> str:
    """Makes a sentence of a frame's text: a capital letter first, an end mark last."""
    text = text[:1].upper() + text[1:]
    return text if text[-1] in ".?!" else text + "."


def with_prefix(rng: Random, text: str, chance: float = 0.25) -> str:
    """Puts a random opening ("In fact, ") before a text that starts in lower case, sometimes.

    Args:
        rng: The source of chance.
        text: A statement without its end mark.
        chance: How often an opening is added.

    Returns:
        The finished sentence.
    """
    if rng.random() >= chance:
        return sentence(text)
    prefix = rng.choice(_PREFIXES)
    return sentence(prefix + text + ("?" if prefix.startswith("Did") else ""))


def fill(rng: Random, frames: Sequence[str], values: Mapping[str, str]) -> str:
    """Fills one of the frames, chosen at random."""
    return rng.choice(frames).format(**values)


@cache
def _forbidden() -> re.Pattern[str]:
    patterns = []
    for phrasing in chain.from_iterable(held_out().phrasings.values()):
        parts = re.split(r"\{\w+\}", phrasing)
        patterns.append(r"[^.?!\n]{1,40}?".join(re.escape(part) for part in parts))
    return re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)


def until_allowed(rng: Random, writer: Callable[[Random], str]) -> str:
    """Calls a writer until its document contains no held-out phrasing.

    Args:
        rng: The source of chance.
        writer: What writes one document.

    Returns:
        The first document that may be trained on.
    """
    while True:
        document = writer(rng).strip()
        if not _forbidden().search(document):
            return document
