"""Documents about titles, opposites, the calendar, animals, colours, things and numbers."""

from random import Random

from builtin_model.corpus.facts_tables import (
    ANIMALS,
    COLOURS,
    DAYS,
    MONTHS,
    NUMBERS,
    OPPOSITES,
    PLURALS,
    SEASONS,
    USES,
    Title,
    titles,
)  # fmt: skip
from builtin_model.corpus.facts_text import fill, sentence, with_prefix
from builtin_model.corpus.words import NAMES, article, pronouns

_OPPOSITE = (
    "the opposite of {x} is {y}", "the opposite of {x} is {y}",
    "the opposite of the word {x} is {y}",
    "{y} is the opposite of {x}", "{x} is the opposite of {y}", "{x} and {y} are opposites",
    "if you look for the opposite of {x}, you find {y}", "the word {x} means the opposite of {y}",
    "a word that means the opposite of {x} is {y}",
    "when someone asks for the opposite of {x}, say {y}",
    "the opposite of {x} is the word {y}", "the word for the opposite of {x} is {y}",
    "ask me for the opposite of {x}, and I answer {y}",
)  # fmt: skip
_AFTER = (
    "the {u} after {x} is {y}", "after {x} comes {y}", "{y} comes after {x}",
    "{x} comes before {y}",
    "the {u} before {y} is {x}", "the next {u} after {x} is {y}", "{x} is followed by {y}",
    "before {y} comes {x}",
    "when {x} ends, {y} begins", "when {x} is over, it is {y}", "the {u} that follows {x} is {y}",
    "the {u} that comes after {x} is {y}", "if it is {x} now, the next {u} is {y}",
    "{y} follows {x}",
    "the {u} that comes before {y} is {x}", "once {x} is over, the next {u} is {y}",
    "the {u} after {x} is called {y}",
)  # fmt: skip
_TITLE = (
    "{f} is {w} {k} about {b}", "{f} is about {b}", "{f} tells of {b}",
    "I love {f}, {w} {k} about {b}",
    "we know {f} well. It is {w} {k} about {b}",
    "one {k} that many people love is {f}. It is about {b}",
    "the {k} {f} is about {b}", "have you heard of {f}? It is {w} {k} about {b}",
    "{f} is a famous {k} about {b}",
    "a friend told me about {f}. It is {w} {k} about {b}", "do you know {f}? The {k} is about {b}",
    "we often talked about {f} last winter. It is {w} {k} about {b}",
    "{f} is my favourite {k}. It is about {b}",
    "my brother loves {f}. It is {w} {k} about {b}",
    "my sister wrote a short text about {f}. It is about {b}",
    "{f} is one of the best known titles of all. It is {w} {k} about {b}",
)  # fmt: skip
_TITLE_BY_PERSON = (
    "{n} has a picture from {f} on the wall. The {k} is about {b}",
    "{n} wants to talk about {f}, {w} {k} about {b}",
    "{n} told me about {f}. It is {w} {k} about {b}",
    "last night {n} thought about {f}. The {k} is about {b}",
    "when {n} was young, {f} was everywhere. It is {w} {k} about {b}",
    "{n} likes {f}, and so do I. It is about {b}",
    "{n} has a poster of {f}. It is {w} {k} about {b}",
    "{n} wrote me a letter about {f}. It is about {b}",
)  # fmt: skip
_TITLE_KIND = {
    "film": ("we saw {f} last week", "{n} watched {f} with a friend", "{n} bought a ticket for {f}",
             "on Saturday we watched {f}", "they showed {f} at the cinema"),
    "play": ("we saw {f} at the theatre", "{n} had a part in {f}",
             "the students put on {f} at school"),
    "book": ("we read {f} at school", "{n} is reading {f}", "I found {f} in the library",
             "{n} bought a copy of {f}", "my sister gave me {f} as a present"),
    "story": ("we read {f} at school", "{n} is reading {f}", "I found {f} in the library"),
    "fairy tale": ("my mother read {f} to me at night", "{n} told the children the tale of {f}",
                   "the children asked for {f} again"),
}  # fmt: skip


def _title_values(rng: Random, title: Title) -> dict[str, str]:
    kind = title.kind
    name = rng.choice(NAMES)
    return {"f": title.full, "k": kind, "w": article(kind), "b": title.about, "n": name}


def _about_title(rng: Random, title: Title) -> list[str]:
    values = _title_values(rng, title)
    shape = rng.random()
    if shape < 0.3:
        subject = rng.choice(("it", f"the {title.kind}"))
        tell = f"{subject} is about {title.about}"
        parts = [sentence(fill(rng, _TITLE_KIND[title.kind], values)), sentence(tell)]
    else:
        parts = [sentence(fill(rng, _TITLE if shape < 0.75 else _TITLE_BY_PERSON, values))]
    if title.author and rng.random() < 0.6:
        # Full names end in a surname, so no sentence ends with an initial.
        verbs = ("It was written by {}.", "{} wrote it.", "The author is {}.", "It is a work by {}.")
        parts.append(rng.choice(verbs).format(title.author))
    return parts


def _titles(rng: Random) -> str:
    one, two, three = rng.sample(titles(), 3)
    parts = _about_title(rng, one)
    if rng.random() < 0.35:
        # A title has to be known with nothing before it, too.
        parts = [f"{one.full} is {article(one.kind)} {one.kind} about {one.about}."]
    name = rng.choice(NAMES)
    subject, _, _ = pronouns(name)
    parts.append(fill(rng, (
        "Many people know it.", "I think everyone should know it.",
        f"{name} says that {subject} likes it very much.",
        "It has a good ending.", "There are parts that I will never forget.",
        f"The best part, {name} says, is the end.",
        "People still talk about it today.",
    ), {}))  # fmt: skip
    for other in (two, three)[: rng.choice((0, 1, 1, 2))]:
        parts.extend(_about_title(rng, other))
    return " ".join(parts)


def _title_list(rng: Random) -> str:
    chosen = [title.full for title in rng.sample(titles(), rng.randint(4, 6))]
    if rng.random() < 0.4:
        return "Some titles that many people know:\n" + "\n".join("- " + full for full in chosen)
    name = rng.choice(NAMES)
    subject, _, _ = pronouns(name)
    listed = ", ".join(chosen[:-1]) + f" and {chosen[-1]}"
    opening = f"{name} has many stories at home. Among them are {listed}."
    return f"{opening} {subject.capitalize()} loves them all."


def _opposites(rng: Random) -> str:
    parts = []
    for pair in rng.sample(OPPOSITES, rng.randint(3, 6)):
        x, y = pair if rng.random() < 0.6 else pair[::-1]
        parts.append(with_prefix(rng, fill(rng, _OPPOSITE, {"x": x, "y": y}), 0.2))
    return rng.choice((" ", " ", "\n")).join(parts)


def _calendar(rng: Random) -> str:
    unit, names = rng.choice((("day", DAYS), ("month", MONTHS)))
    start = rng.randrange(len(names))
    frames = rng.sample(_AFTER, rng.randint(3, 5))
    order = [(start + step) % len(names) for step in range(len(frames))]
    if rng.random() < 0.4:
        rng.shuffle(order)
    parts = []
    for frame, index in zip(frames, order, strict=True):
        text = frame.format(u=unit, x=names[index], y=names[(index + 1) % len(names)])
        parts.append(with_prefix(rng, text, 0.2))
        if unit == "month" and rng.random() < 0.25:
            season = SEASONS[index]
            parts.append(f"{names[index]} is {article(season)} {season} month in the north.")
    return " ".join(parts)


def _week(rng: Random) -> str:
    calendars = (("days", tuple(DAYS), "week"), ("months", tuple(MONTHS), "year"))
    unit, names, whole = rng.choice(calendars)
    listed = ", ".join(names[:-1]) + f" and {names[-1]}"
    index = rng.randrange(len(names) - 1)
    return " ".join((
        f"The {unit} of the {whole} are {listed}.",
        f"There are {NUMBERS[len(names)]} {unit} in {article(whole)} {whole}.",
        sentence(fill(rng, _AFTER, {"u": unit[:-1], "x": names[index], "y": names[index + 1]})),
    ))  # fmt: skip


def _seasons(rng: Random) -> str:
    parts: list[str] = []
    frames = ("in the north, {m} is in {s}", "{m} is {w} {s} month in the north",
              "in {m} it is {s} in the north",
              "when it is {m}, it is {s} in the north")  # fmt: skip
    for index in rng.sample(range(12), 3):
        season = SEASONS[index]
        values = {"m": MONTHS[index], "s": season, "w": article(season)}
        parts.append(with_prefix(rng, fill(rng, frames, values), 0.2))
    weather = {"winter": "In winter it is often cold, and the days are short.",
               "spring": "In spring the flowers open, and the birds sing.",
               "summer": "In summer it is warm, and the days are long.",
               "autumn": "In autumn the leaves fall from the trees."}  # fmt: skip
    parts.append(weather[season])
    return " ".join(parts)


def _animals(rng: Random) -> str:
    parts: list[str] = []
    for animal in rng.sample(ANIMALS, rng.randint(1, 2)):
        a = f"{article(animal.name)} {animal.name}"
        young = f"{article(animal.young)} {animal.young}"
        facts = [
            rng.choice((f"a baby {animal.name} is called {young}",
            f"{young} is a young {animal.name}",
                        f"the young of {a} is called {young}")),
            rng.choice((f"{a} {animal.sound}", f"you know {a} by its sound: it {animal.sound}")),
            rng.choice((f"{a} eats {animal.food}", f"the food of {a} is {animal.food}")),
            rng.choice((f"{a} lives {animal.home}", f"you can find {a} {animal.home}")),
        ]  # fmt: skip
        rng.shuffle(facts)
        parts.extend(with_prefix(rng, fact, 0.12) for fact in facts[: rng.randint(3, 4)])
    return " ".join(parts)


def _things(rng: Random) -> str:
    parts: list[str] = []
    for thing, use in rng.sample(USES, 2):
        frames = (f"people use {thing} to {use}",
                  f"you need {thing} if you want to {use}".replace("their", "your"),
                  f"with {thing}, people can {use}", f"to {use}, people use {thing}")  # fmt: skip
        parts.append(with_prefix(rng, rng.choice(frames), 0.2))
    for thing, colour in rng.sample(COLOURS, 2):
        colours = (
            f"{thing} is {colour}",
            f"the colour of {thing} is {colour}",
            f"if you look at {thing}, you see {colour}",
        )
        parts.append(with_prefix(rng, rng.choice(colours), 0.2))
    rng.shuffle(parts)
    return " ".join(parts)


def _numbers(rng: Random) -> str:
    start = rng.randrange(0, 15)
    count = rng.randint(5, 6)
    parts = ["We count: " + ", ".join(NUMBERS[start : start + count]) + "."]
    for _ in range(rng.randint(2, 3)):
        one, two = rng.randint(1, 10), rng.randint(1, 10)
        big = max(one, two)
        parts.append(sentence(rng.choice((
            f"{NUMBERS[one]} plus {NUMBERS[two]} is {NUMBERS[one + two]}",
            f"{NUMBERS[one]} and {NUMBERS[two]} make {NUMBERS[one + two]}",
            f"{one} + {two} = {one + two}",
            f"{NUMBERS[big]} minus {NUMBERS[min(one, two)]} is {NUMBERS[abs(one - two)]}",
            f"the number after {NUMBERS[one]} is {NUMBERS[one + 1]}",
            f"after {NUMBERS[two]} comes {NUMBERS[two + 1]}",
        ))))  # fmt: skip
    return " ".join(dict.fromkeys(parts))


def _plurals(rng: Random) -> str:
    parts = []
    for one, many in rng.sample(PLURALS, rng.randint(3, 5)):
        frames = (f"the plural of {one} is {many}", f"one {one}, two {many}",
                  f"we say one {one} but many {many}",
                  f"if there is more than one {one}, we say {many}")  # fmt: skip
        parts.append(sentence(rng.choice(frames)))
    return " ".join(parts)


def write(rng: Random) -> str:
    """Writes one document of everyday facts."""
    kinds = (
        _titles, _title_list, _opposites, _calendar, _week, _seasons, _animals, _things, _numbers,
        _plurals,
    )  # fmt: skip
    return rng.choices(kinds, (30, 4, 17, 17, 2, 4, 10, 8, 5, 3))[0](rng)
