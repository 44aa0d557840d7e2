"""The corpus holds what it should, and none of what it holds out."""

import re
from collections import Counter
from functools import cache
from random import Random

import pytest

from builtin_model.corpus import copying, facts, letters, reference
from builtin_model.corpus.facts_tables import countries
from builtin_model.corpus.held_out import held_out
from builtin_model.corpus.letter_parts import kinds
from builtin_model.corpus.mixture import FIRST_STAGE, KINDS, SECOND_STAGE, THIRD_STAGE, Document, document

DOCUMENTS = 12_000


@cache
def corpus() -> tuple[Document, ...]:
    rng = Random("test")
    return tuple(document(rng, FIRST_STAGE) for _ in range(DOCUMENTS))


@cache
def later_corpus(number: int) -> tuple[Document, ...]:
    rng = Random(f"test {number}")
    return tuple(document(rng, (SECOND_STAGE, THIRD_STAGE)[number]) for _ in range(DOCUMENTS // 2))


def phrasing_pattern(phrasing: str) -> re.Pattern[str]:
    before, after = re.split(r"\{\w+\}", phrasing)
    return re.compile(re.escape(before) + r"[^.?!\n]{1,40}?" + re.escape(after), re.IGNORECASE)


def offences(written: Document) -> list[str]:
    """Everything held out that a document contains."""
    words = set(re.findall(r"[a-z]+", written.text.lower()))
    found = [word for word in (*held_out().names, *held_out().animals) if word.lower() in words]
    found += [
        phrasing
        for frames in held_out().phrasings.values()
        for phrasing in frames
        if phrasing_pattern(phrasing).search(written.text)
    ]
    if written.kind == "letters":
        greeted = re.search(r"^(?:Dear|Hello|Hi) (\w+),$", written.text, re.MULTILINE)
        nouns = "|".join(kinds()["apology"].choices["noun"])
        for name, mishap in held_out().letters:
            about = re.search(rf"\b{mishap} (?:{nouns})\b", written.text, re.IGNORECASE)
            if greeted and greeted[1] == name and about:
                found.append(f"{name}: {mishap}")
    return found


def test_nothing_held_out_is_in_the_corpus() -> None:
    assert [found for written in corpus() + later_corpus(0) + later_corpus(1) for found in offences(written)] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("stories", "Once upon a time, Mirabel met an owl."),
        ("reference", "The dog chased the otter because it was fast."),
        ("facts", "It is true: everyone knows that the capital of the Netherlands is Amsterdam."),
        ("letters", "Sorry for the gardening mishap.\n\nSubject: Sorry\n\nDear Sarah,\n\nThe roses are gone."),
    ],
)
def test_the_check_finds_what_is_planted(kind: str, text: str) -> None:
    assert len(offences(Document(kind, text))) == 1


def test_every_kind_is_written_in_its_share() -> None:
    for written, weights in (
        (corpus(), FIRST_STAGE),
        (later_corpus(0), SECOND_STAGE),
        (later_corpus(1), THIRD_STAGE),
    ):
        assert weights.keys() == KINDS.keys() - {"plain letters"}  # of the model without chat markers only
        assert sum(weights.values()) == 100
        counts = Counter(one.kind for one in written)
        for kind, weight in weights.items():
            assert counts[kind] / len(written) == pytest.approx(weight / 100, abs=0.02)


def test_documents_are_clean_plain_text_and_varied() -> None:
    texts = [written.text for written in corpus() + later_corpus(0) + later_corpus(1)]
    assert all(text.isascii() and text == text.strip() and "  " not in text for text in texts)
    assert not [text for text in texts if re.search(r"[{}\[\]]", text)]
    # Lists of days, or of a few numbers, can come out alike; documents as a whole must not.
    assert len(set(texts)) > 0.97 * len(texts)


def test_chats_close_what_they_open() -> None:
    chats = [written.text for written in corpus() if written.text.startswith("<|user|>")]
    assert len(chats) > 500
    turn = r"<\|user\|>\n[^<]+<\|end\|>\n<\|assistant\|>\n[^<]+<\|end\|>"
    assert [text for text in chats if not re.fullmatch(rf"{turn}(?:\n{turn})*", text)] == []


def test_a_seed_writes_the_same_corpus_again() -> None:
    again = Random("test")
    assert tuple(document(again) for _ in range(300)) == corpus()[:300]


def test_enough_countries_and_the_facts_are_right() -> None:
    capitals = {country.country: country.capital for country in countries()}
    assert len(capitals) >= 80
    known = {"Japan": "Tokyo", "France": "Paris", "Australia": "Canberra", "Turkey": "Ankara", "Canada": "Ottawa"}
    assert {name: capitals[name] for name in known} == known
    assert {country.continent for country in countries()} <= {
        "Africa", "Asia", "Europe", "North America", "South America", "Oceania",
    }  # fmt: skip


def test_probes_ask_at_least_two_hundred_cases_of_each_large_task() -> None:
    cases = facts.held_out_cases() + letters.held_out_cases()
    cases += reference.held_out_cases(Random(1)) + copying.held_out_cases(Random(1))
    counts = Counter(case.task for case in cases)
    assert {task for task, count in counts.items() if count >= 200} >= {
        "capital", "currency", "language", "continent", "opposite", "giving", "which animal", "copying", "letter_raw",
    }  # fmt: skip
    # Small tables are asked whole: seven days, twelve months, each in three phrasings.
    assert counts["day"] == 21
    assert counts["month"] == 36
