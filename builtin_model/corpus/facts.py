"""Documents that state facts, and probes that ask for them in words no document uses."""

import re
from random import Random

from builtin_model.corpus import facts_countries, facts_everyday
from builtin_model.corpus.case import Case
from builtin_model.corpus.facts_tables import DAYS, MONTHS, OPPOSITES, Title, countries, titles
from builtin_model.corpus.facts_text import until_allowed
from builtin_model.corpus.held_out import held_out


def _has_one_ending(title: Title) -> bool:
    # A single word ("Mary") may start any text, and "The Little" starts two titles.
    others = (other.full for other in titles() if other is not title)
    return " " in title.start and not any(full.startswith(title.start + " ") for full in others)


def _subjects() -> dict[str, list[tuple[str, str]]]:
    # Opposites are asked from left to right only: some right-hand words have other opposites.
    following = {"day": DAYS, "month": MONTHS}
    subjects: dict[str, list[tuple[str, str]]] = {
        task: [(name, names[(index + 1) % len(names)]) for index, name in enumerate(names)]
        for task, names in following.items()
    }
    for attribute in ("capital", "currency", "language", "continent"):
        subjects[attribute] = [(entry.country, getattr(entry, attribute)) for entry in countries()]
    subjects["opposite"] = list(OPPOSITES)
    subjects["title"] = [(title.start, title.rest) for title in titles() if _has_one_ending(title)]
    return subjects


def held_out_cases() -> list[Case]:
    """Asks for every taught fact in every held-out phrasing.

    Returns:
        The cases, grouped by task in the order of `held_out.json`.
    """
    subjects = _subjects()
    cases = []
    for task, phrasings in held_out().phrasings.items():
        for phrasing in phrasings:
            placeholder = phrasing[phrasing.index("{") : phrasing.index("}") + 1]
            for subject, answer in subjects[task]:
                cases.append(Case(phrasing.replace(placeholder, subject), answer, task))
    return cases


def _document(rng: Random) -> str:
    while True:
        source = facts_countries if rng.random() < 0.6 else facts_everyday
        document: str = source.write(rng)
        sentences = re.split(r"(?<=[.?!])\s+", document)
        if len(set(sentences)) == len(sentences) > 1:
            return document


def write(rng: Random) -> str:
    """Writes one document of facts, free of held-out phrasings.

    Args:
        rng: The source of chance.

    Returns:
        The document's text.
    """
    return until_allowed(rng, _document)
