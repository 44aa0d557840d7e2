"""Documents about countries: profiles, comparisons, lists and dialogues."""

from collections.abc import Mapping
from random import Random

from builtin_model.corpus.facts_tables import Country, countries
from builtin_model.corpus.facts_text import fill, sentence, with_prefix
from builtin_model.corpus.words import NAMES

Values = Mapping[str, str]

# {c} country, {cs} its possessive, {k} capital, {t} continent, {m} currency, {l} language,
# {a} adjective, {s} sight, {n} neighbours.
FRAMES: dict[str, tuple[str, ...]] = {
    "capital": (
        "the capital of {c} is {k}",
        "the capital of {c} is {k}",
        "the capital of {c} is {k}",
        "the capital of {c} is the city of {k}",
        "{cs} capital is {k}",
        "{cs} capital city is {k}",
        "the capital city of {c} is {k}",
        "{k} is the capital of {c}",
        "{k} is the capital city of {c}",
        "if you go to {c}, visit its capital, {k}",
        "the capital of {c} is called {k}",
        "{c} has a capital called {k}",
        "the city of {k} is the capital of {c}",
        "{k} is {cs} capital",
        "{c} has many towns, but its capital is {k}",
        "{c} is a country whose capital is {k}",
        "the name of the capital of {c} is {k}",
        "when you fly to the capital of {c}, you land in {k}",
        "in {c}, the capital is {k}",
        "the {a} capital is {k}",
        "{c} chose {k} as its capital",
        "to see the capital of {c}, travel to {k}",
        "we know that the capital of {c} is {k}",
    ),
    "continent": (
        "{c} is a country in {t}",
        "{c} is in {t}",
        "{c} lies in {t}",
        "you can find {c} in {t}",
        "{c} is part of {t}",
        "{c} is one of the countries of {t}",
        "{c} belongs to {t}",
        "the continent of {c} is {t}",
        "{c} is on the map of {t}",
        "if you go to {c}, you are in {t}",
        "{t} is the part of the world where you find {c}",
        "when you travel to {c}, you travel to {t}",
    ),
    "language": (
        "people in {c} speak {l}",
        "the language of {c} is {l}",
        "in {c}, people speak {l}",
        "the people of {c} speak {l}",
        "{l} is spoken in {c}",
        "in {c}, many people speak {l}",
        "if you want to talk to people in {c}, learn {l}",
        "children in {c} learn to read {l}",
        "the language that you hear in {c} is {l}",
        "the language that people speak in {c} is {l}",
        "when you walk through a town in {c}, you hear {l}",
        "in {c}, many children speak {l}",
    ),
    "currency": (
        "people in {c} pay with the {m}",
        "the currency of {c} is the {m}",
        "{cs} currency is the {m}",
        "the money of {c} is called the {m}",
        "in {c}, people pay with the {m}",
        "when you shop in {c}, you pay with the {m}",
        "the money that you need in {c} is the {m}",
        "the {m} is the money of {c}",
        "the {m} is the currency of {c}",
        "in {c}, the currency is the {m}",
        "you can buy bread in {c} with the {m}",
        "prices in {c} are given in the {m}",
        "the money that people use to shop in {c} is the {m}",
        "shops in {c} take the {m}",
    ),
}
# The same facts once the country has been named: a profile need not repeat it every time.
FOLLOW: dict[str, tuple[str, ...]] = {
    "capital": (
        "the capital is {k}",
        "its capital is {k}",
        "the capital of the country is {k}",
        "the capital city is {k}",
        "the city to start in is the capital, {k}",
        "many visitors start in {k}, the capital",
        "a star on the map marks the capital, {k}",
    ),
    "continent": (
        "the country is in {t}",
        "the country lies in {t}",
        "it is one of the countries of {t}",
        "the country is part of {t}",
        "on a map of {t}, you will find the country",
        "to see the country on a map, look at {t}",
    ),
    "language": (
        "people there speak {l}",
        "the people speak {l}",
        "the language there is {l}",
        "you will hear {l} in the streets",
        "visitors often learn a few words of {l}",
        "many signs are written in {l}",
        "children there learn {l} at school",
    ),
    "currency": (
        "people there pay with the {m}",
        "the currency is the {m}",
        "the money there is called the {m}",
        "in the shops, you pay with the {m}",
        "visitors change their money for the {m}",
        "when you buy bread there, you need the {m}",
        "at the market, prices are given in the {m}",
    ),
}
_PEOPLE = (
    "{a} food is loved by many visitors",
    "many {a} families like to eat together",
    "{a} music is full of life",
    "{a} people are often kind to visitors",
    "many {a} children play football after school",
    "the {a} flag flies over the capital",
    "many {a} songs are about love and home",
    "{a} cooks are proud of their food",
    "many {a} people live in {k}",
)
_SIGHT = (
    "many visitors come to see {s}",
    "visitors love {s}",
    "a visitor should not miss {s}",
    "people from all over the world come to see {s}",
    "many people take pictures of {s}",
    "if you have time, go and see {s}",
    "one thing that visitors remember is {s}",
    "the country is known for {s}",
)
_NEIGHBOURS = (
    "it has a border with {n}",
    "the country is next to {n}",
    "from there you can travel over the border to {n}",
    "one can cross the border to {n}",
    "it shares a border with {n}",
)
_CITY = (
    "it is a busy city in {t}, where people speak {l} and pay with the {m}",
    "the city is full of shops, where people pay with the {m}",
    "it is a city with many streets, markets and schools",
    "visitors to the city will hear {l} in the streets",
    "many people live and work in the city",
    "the city is in {t}",
    "in the city, there are museums, parks and shops",
    "people in the city speak {l}",
    "the streets of the city are full of people in the evening",
    "it is a good place to learn some {l}",
    "many {a} students live there",
)
_TAILS = (
    ", a city in {t}",
    ", where many people speak {l}",
    ", and people there pay with the {m}",
    ", and people there speak {l}",
    ", and many visitors go there every year",
    ", a city with a long history",
    ", a place that many visitors love",
)
_ENDINGS = (
    "the country is worth a visit",
    "those who go there often want to come back",
    "there is much more to learn about the country",
    "a week there is never enough",
    "the country is a good place for a long trip",
    "a traveller will never be bored there",
    "it is easy to see why people like the country",
)


def values_of(country: Country) -> dict[str, str]:
    """Returns what the frames call a country's facts: c, cs, k, t, m, l, a, s (see `FRAMES`)."""
    return {
        "c": country.country, "cs": country.possessive, "k": country.capital,
        "t": country.continent,
        "m": country.currency, "l": country.language, "a": country.adjective, "s": country.sight,
        "n": " and ".join(country.neighbours),
    }  # fmt: skip


def state(rng: Random, topic: str, values: Values, chance: float = 0.25) -> str:
    """Writes one full sentence that names the country and teaches one fact about it."""
    return with_prefix(rng, fill(rng, FRAMES[topic], values), chance)


def _profile(rng: Random) -> str:
    values = values_of(rng.choice(countries()))
    first = rng.choice(("capital", "capital", "capital", "continent", "language", "currency"))
    if first == "capital" and rng.random() < 0.5:
        frames = [frame for frame in FRAMES["capital"] if frame.endswith("{k}")]
        opening = fill(rng, FRAMES["capital"][:1] if rng.random() < 0.5 else frames, values)
        if rng.random() < 0.5:
            opening += fill(rng, _TAILS, values)
        parts = [with_prefix(rng, opening, 0.2)]
        city = rng.choice(_CITY).format(**values)
        parts.append(sentence(city))
    else:
        parts = [state(rng, first, values)]
    parts.extend(_details(rng, first, values))
    if rng.random() < 0.3:
        parts.append(sentence(rng.choice(_ENDINGS)))
    return " ".join(parts)


def _details(rng: Random, first: str, values: Values) -> list[str]:
    topics = [topic for topic in FRAMES if topic != first] + ["people", "sight"] + ["neighbours"] * bool(values["n"])
    rng.shuffle(topics)
    chosen = topics[: rng.randint(2, 5)]
    parts = []
    for position, topic in enumerate(chosen):
        if topic in FRAMES:
            # The sentence before may be about the city, so the first detail names the country.
            named = position == 0 or rng.random() < 0.3
            text = fill(rng, (FRAMES if named else FOLLOW)[topic], values)
            parts.append(with_prefix(rng, text, 0.12))
        else:
            frames = {"people": _PEOPLE, "sight": _SIGHT, "neighbours": _NEIGHBOURS}[topic]
            text = fill(rng, frames, values)
            if text.startswith("it "):
                text = values["c"] + text.removeprefix("it")
            parts.append(sentence(text))
    return parts


def _comparison(rng: Random) -> str:
    one, two = (values_of(country) for country in rng.sample(countries(), 2))
    same = one["t"] == two["t"]
    parts = [
        f"{one['c']} and {two['c']} are both in {one['t']}" if same else
        f"{one['c']} is in {one['t']}, but {two['c']} is in {two['t']}"
    ]  # fmt: skip
    body = [
        rng.choice(
            (
                f"the capital of {one['c']} is {one['k']}, and the capital of {two['c']} is {two['k']}",
                f"{one['k']} is the capital of {one['c']}, while {two['k']} is the capital of {two['c']}",
                f"{one['cs']} capital is {one['k']}, and {two['cs']} capital is {two['k']}",
            )
        ),
        f"if you want to see {one['s']}, go to {one['c']}; for {two['s']}, go to {two['c']}",
    ]
    body.append(
        f"people in both countries pay with the {one['m']}" if one["m"] == two["m"] else
        f"people in {one['c']} pay with the {one['m']}, "
        f"but people in {two['c']} pay with the {two['m']}"
    )  # fmt: skip
    body.append(
        f"in both countries, people speak {one['l']}" if one["l"] == two["l"] else
        f"in {one['c']} people speak {one['l']}, and in {two['c']} they speak {two['l']}"
    )  # fmt: skip
    rng.shuffle(body)
    return " ".join(sentence(part) for part in parts + body[: rng.randint(2, 4)])


def _list(rng: Random) -> str:
    topic = rng.choice(("capital", "capital", "language", "currency", "continent"))
    plain = FRAMES[topic]
    frame = rng.choice(plain)
    chosen = rng.sample(countries(), rng.randint(4, 6))
    lines = []
    for country in chosen:
        lines.append(sentence(frame.format(**values_of(country))))
        if rng.random() < 0.4:
            frame = rng.choice(plain)
    if rng.random() < 0.4:
        heading = f"Some facts about the {topic} of different countries:"
        return heading + "\n" + "\n".join("- " + line for line in lines)
    return " ".join(lines)


ASKED = {
    "capital": ("What is the capital of {c}?", "What is {cs} capital?", "Which city is the capital of {c}?"),
    "continent": ("Where is {c}?", "In which part of the world is {c}?", "Which continent is {c} in?"),
    "language": ("What do people speak in {c}?", "Which language do people speak in {c}?"),
    "currency": ("What money do people use in {c}?", "What is the currency of {c}?"),
}


def _dialogue(rng: Random) -> str:
    values = values_of(rng.choice(countries()))
    one, two = rng.sample(NAMES, 2)
    topics = rng.sample(sorted(ASKED), rng.randint(2, 3))
    parts = []
    for turn, topic in enumerate(topics):
        question = fill(rng, ASKED[topic], values)
        answer = state(rng, topic, values, 0.0)
        if turn == 0:
            parts.append(f'"{question}" asked {one}. "{answer[:-1]}," said {two}.')
        else:
            asked = f"{one} asked then" if turn == 1 else "was the last question"
            parts.append(f'"{question}" {asked}. "{answer}"')
    parts.append(f"Now {one} knew more about {values['c']} than before.")
    return " ".join(parts)


def _questions(rng: Random) -> str:
    values = values_of(rng.choice(countries()))
    topics = rng.sample(sorted(ASKED), rng.randint(2, 4))
    key = {"capital": "k", "continent": "t", "language": "l", "currency": "m"}
    lines = []
    for topic in topics:
        short = ("The " if topic == "currency" else "") + values[key[topic]] + "."
        answer = short if rng.random() < 0.5 else state(rng, topic, values, 0.0)
        lines.append(f"Q: {fill(rng, ASKED[topic], values)} A: {answer}")
    return rng.choice(("\n", " ")).join(lines)


def write(rng: Random) -> str:
    """Writes one document about one or more countries."""
    kind = rng.choices((_profile, _comparison, _list, _dialogue, _questions), (62, 13, 12, 6, 7))[0]
    return kind(rng)
