"""Writes little stories of 6 to 14 sentences from the plots in `story_plots/`.

A plot is a text file: a few `key: value` lines, then steps that begin with `---`. Every line of a
step is one way to tell it. `--- 50` begins a step that only half of the stories have. In a line,
`[a|b]` is a choice, `{hero}` a slot of `story_parts.context`, and `<moral>` a line of the pool of
that name in `_pools.txt`.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from builtin_model.corpus.story_parts import THINGS, context

_FOLDER = Path(__file__).resolve().parent / "story_plots"
_CHAT_SHARE = 0.15
_RAW_REQUEST_SHARE = 0.06
_ONCE_SHARE = 0.2
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_POOL = re.compile(r"<(\w+)>")
_SLOT = re.compile(r"\{(\w+)\}")
_FRIEND = re.compile(r"\{[fF]riend\}")
_SENTENCE_START = re.compile(r"((?:^|[.!?] )\"?)([a-z])")
_WRONG_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou](?!ne\b))")


@dataclass(frozen=True)
class Step:
    """One step of a plot.

    Attributes:
        share: The percentage of stories that have the step.
        wordings: The templates to choose from.
    """

    share: int
    wordings: tuple[str, ...]


@dataclass(frozen=True)
class Plot:
    """A story skeleton.

    Attributes:
        cast: Who it can be about: "people", "animals" or "any".
        things: What it can turn on.
        asks: What a reader asks for who wants this story.
        steps: The steps in order.
        meets: Whether the hero meets the friend in the story.
        timeless: Whether an opening that speaks of the day or the weather would not fit.
    """

    cast: str
    things: tuple[str, ...]
    asks: tuple[str, ...]
    steps: tuple[Step, ...]
    meets: bool
    timeless: bool


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _plot(text: str) -> Plot:
    """Reads one plot file."""
    head, *bodies = re.split(r"^---", text, flags=re.MULTILINE)
    keys = dict(line.split(": ", 1) for line in _lines(head))
    steps = []
    for body in bodies:
        share, _, wordings = body.partition("\n")
        steps.append(Step(int(share.strip() or 100), _lines(wordings)))
    things = keys["things"]
    return Plot(
        cast=keys["for"],
        things=THINGS.get(things) or tuple(things.split(", ")),
        asks=tuple(keys["ask"].split(" / ")),
        steps=tuple(steps),
        meets=keys.get("friend") == "new",
        timeless=keys.get("opening") == "timeless",
    )


@cache
def plots() -> tuple[Plot, ...]:
    """Reads all plots once, in the order of their file names."""
    files = sorted(path for path in _FOLDER.glob("*.txt") if not path.name.startswith("_"))
    return tuple(_plot(path.read_text(encoding="utf-8")) for path in files)


@cache
def pools() -> dict[str, tuple[str, ...]]:
    """Reads once the lines that all plots share, by the name of their pool."""
    parts = re.split(r"^== (\w+)$", (_FOLDER / "_pools.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: _lines(body) for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def choose(template: str, rng: Random) -> str:
    """Returns the template with its pools and choices replaced by one line or wording each."""
    text = _POOL.sub(lambda match: rng.choice(pools()[match[1]]), template)
    while _CHOICE.search(text):
        text = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), text)
    return text


def introduce(templates: list[str], newcomer: bool) -> list[str]:
    """Makes sure that the friend is introduced where a story first mentions one, and only there.

    Args:
        templates: The sentences of the story, whose slots are still empty.
        newcomer: Whether the hero does not know the friend yet.

    Returns:
        The sentences with the introduction.
    """
    bare = [template.replace("{his} friend {friend}", "{friend}") for template in templates]
    bare = [template.replace("{His} friend {friend}", "{Friend}") for template in bare]
    middle, start = ("{newfriend}", "{Newfriend}") if newcomer else ("{his} friend {friend}", "{His} friend {friend}")
    for index, template in enumerate(bare):
        if found := _FRIEND.search(template):
            first = start if found[0] == "{Friend}" else middle
            bare[index] = template[: found.start()] + first + template[found.end() :]
            break
    return bare


def fill(template: str, rng: Random, slots: dict[str, str]) -> str:
    """Makes the choices in a template and fills its slots.

    Args:
        template: A line of a plot or pool.
        rng: The source of randomness.
        slots: The filler of each slot.

    Returns:
        Sentences that begin with capital letters and have the right articles.
    """
    text = choose(template, rng)
    text = _SLOT.sub(lambda match: _slot(match[1], slots), text)
    text = " ".join(text.split())
    text = _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)
    return _WRONG_ARTICLE.sub(r"\1n ", text)


def _slot(key: str, slots: dict[str, str]) -> str:
    """Looks a slot up; a key with a capital letter asks for a filler with one."""
    if key in slots:
        return slots[key]
    filler = slots[key.lower()]
    return filler[:1].upper() + filler[1:]


def story(rng: Random, plot: Plot, slots: dict[str, str]) -> str:
    """Tells one story.

    Args:
        rng: The source of randomness.
        plot: The skeleton to follow.
        slots: Who and what the story is about.

    Returns:
        The story, in one or several paragraphs.
    """
    openings = pools()["timeless"] + (() if plot.timeless else pools()["day"])
    told = [rng.choice(pools()["once"] if rng.random() < _ONCE_SHARE else openings)]
    told += [rng.choice(step.wordings) for step in plot.steps if rng.random() * 100 < step.share]
    if rng.random() < 0.25:
        told.append("<moral>")
    elif rng.random() < 0.15:
        told.append("The end.")
    told = introduce([choose(template, rng) for template in told], plot.meets)
    pieces = [fill(template, rng, slots) for template in told]
    if rng.random() < 0.55:
        return " ".join(pieces)
    breaks = {rng.randrange(2, 4), rng.randrange(4, 6), len(pieces) - rng.randrange(1, 3)}
    text = pieces[0]
    for index, piece in enumerate(pieces[1:], start=1):
        text += ("\n\n" if index in breaks else " ") + piece
    return text


def write(rng: Random) -> str:
    """Writes one document: a story, mostly bare, sometimes as the answer to a request.

    Args:
        rng: The source of randomness.

    Returns:
        The document.
    """
    plot = rng.choice(plots())
    slots = context(rng, plot.cast, plot.things)
    text = story(rng, plot, slots)
    draw = rng.random()
    if draw < _CHAT_SHARE:
        request = fill("<request>", rng, slots | {"wish": fill_wish(rng, plot, slots)})
        return f"<|user|>\n{request}<|end|>\n<|assistant|>\n{text}<|end|>"
    if draw < _CHAT_SHARE + _RAW_REQUEST_SHARE:
        request = fill("<raw_request>", rng, slots | {"wish": fill_wish(rng, plot, slots)})
        return f"{request}\n\n{text}"
    return text


def fill_wish(rng: Random, plot: Plot, slots: dict[str, str]) -> str:
    """Returns what a reader asks for who wants this story, such as "a fox and a kite"."""
    wish = fill(rng.choice(plot.asks), rng, slots)
    return wish[:1].lower() + wish[1:]
