"""Reads what e-mails are put together from: `letter_kinds.txt` and `letter_mishaps.txt`."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Slot:
    """One place in a paragraph: one of the sentences `options`, left out at times if `optional`."""

    options: tuple[str, ...]
    optional: bool


@dataclass
class Kind:
    """One kind of e-mail, with gaps such as `{name}` in its texts.

    Attributes:
        weight: How often it is written, relative to the other kinds.
        formal: Whether it closes formally.
        choices: Fillers that are chosen freely, by the name of their gap.
        tables: Column names and rows; the cells of one row belong together.
        requests: Ways to ask for such an e-mail.
        subjects: Subject lines.
        paragraphs: The slots of each paragraph.
    """

    weight: int = 0
    formal: bool = False
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tables: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = field(default_factory=list)
    requests: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    paragraphs: list[list[Slot]] = field(default_factory=list)


@dataclass
class Mishap:
    """What can be told of one mishap; any cause, event, damage and remedies of it go together."""

    key_words: tuple[str, ...] = ()
    causes: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)


def _sections(file_name: str) -> dict[str, list[tuple[str, str]]]:
    """Returns the (key, text) lines under each `[heading]` of a table."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in (_FOLDER / file_name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            key, _, text = line.partition(":")
            lines.append((key.strip(), text.strip()))
    return sections


def _split(text: str, mark: str) -> tuple[str, ...]:
    """Splits at a mark and strips the pieces."""
    return tuple(piece.strip() for piece in text.split(mark))


def _kind(lines: list[tuple[str, str]]) -> Kind:
    """Builds one kind of e-mail from its lines."""
    kind = Kind()
    for key, text in lines:
        if key == "weight":
            kind.weight = int(text)
        elif key == "formal":
            kind.formal = True
        elif key == "ask":
            kind.requests = _split(text, "|")
        elif key == "subject":
            kind.subjects = _split(text, "|")
        elif key.startswith("columns"):
            kind.tables.append((_split(text, ";"), []))
        elif key.startswith("row"):
            kind.tables[-1][1].append(_split(text, ";"))
        elif key.startswith("let "):
            kind.choices[key.removeprefix("let ")] = _split(text, "|")
        elif key == "p":
            kind.paragraphs.append([])
        else:
            kind.paragraphs[-1].append(Slot(_split(text, "|"), optional=key == "o"))
    return kind


@cache
def kinds() -> dict[str, Kind]:
    """Reads the kinds of e-mail once.

    Returns:
        The kinds by name; "apology" is the one that needs a mishap.
    """
    return {name: _kind(lines) for name, lines in _sections("letter_kinds.txt").items()}


@cache
def mishaps() -> dict[str, Mishap]:
    """Reads the mishaps once.

    Returns:
        The mishaps by the words that name them in a request, such as "gardening".
    """
    found: dict[str, Mishap] = {}
    for name, lines in _sections("letter_mishaps.txt").items():
        mishap = found[name] = Mishap()
        lists = {"c": mishap.causes, "e": mishap.events, "d": mishap.damages, "r": mishap.remedies}
        for key, text in lines:
            if key == "key":
                mishap.key_words = _split(text, " ")
            else:
                lists[key].append(text)
    return found
