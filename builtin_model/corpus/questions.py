"""Short questions with one-sentence answers, as chats and raw text, over the tables of `facts`."""

from collections.abc import Callable
from random import Random

from builtin_model.corpus.facts_countries import ASKED, FRAMES, values_of
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
    countries,
    titles,
)  # fmt: skip
from builtin_model.corpus.facts_text import sentence, until_allowed
from builtin_model.corpus.words import article

Exchange = tuple[str, str]

_MORE_ASKED: dict[str, tuple[str, ...]] = {
    "capital": ("Can you tell me the capital of {c}?", "Tell me the capital of {c}.",
                "Do you know the capital of {c}?",
                "What is the name of the capital of {c}?", "What is the capital city of {c}?",
                "capital of {c}?"),
    "continent": ("Where in the world is {c}?", "Tell me where {c} is."),
    "language": ("What is the language of {c}?", "What language do people speak in {c}?"),
    "currency": ("What is the money of {c} called?", "How do people pay in {c}?"),
}  # fmt: skip
# How many frames of each topic are plain enough for an answer: these come first.
_PLAIN = {"capital": 7, "continent": 5, "language": 5, "currency": 5}

_SMALL_TALK: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("Hello!", "Hi!", "Hello there!", "Good morning!", "Hey!", "Hello", "Hi there"),
     ("Hello! How can I help you?", "Hi! What would you like to know?",
      "Hello! Ask me a short question.")),
    (("Who are you?", "What are you?", "Can you tell me who you are?", "What is your name?",
      "Are you a person?"),
     ("I am a small language model that ships with Tokenscope.",
      "I am not a person. I am a small language model that ships with Tokenscope.")),
    (("How are you?", "How are you today?", "Are you well?"),
     ("I am a small language model, so I have no feelings, but I am ready to help.",
      "I am ready for your question. How can I help you?")),
    (("What can you do?", "Can you help me?", "What do you know?"),
     ("I can answer short questions and tell short stories.",
      "I know some capitals, some opposites and a few famous titles.")),
    (("Are you very clever?", "Do you know everything?", "Are you always right?"),
     ("No, I am a very small model, and I make mistakes.",
      "No, I am small and know only a few things.")),
    (("What is Tokenscope?", "Tell me about Tokenscope."),
     ("Tokenscope is an app that shows how a small language model writes, one token at a time.",)),
    (("Thank you!", "Thanks!", "Thank you very much.", "That was a good answer."),
     ("You are welcome!", "You are welcome! Ask me again any time.")),
    (("Goodbye!", "Bye!", "See you later!", "Good night!"), ("Goodbye! Have a good day.",
      "Goodbye! It was nice to talk to you.")),
)  # fmt: skip


def _country(rng: Random) -> list[Exchange]:
    keys = {"capital": "k", "continent": "t", "language": "l", "currency": "m"}
    country = rng.choice(countries())
    topics = ["capital", "capital", "capital", *rng.sample(sorted(keys), 2)]
    rng.shuffle(topics)
    exchanges = []
    for topic in dict.fromkeys(topics):
        values = values_of(country)
        question = sentence(rng.choice(ASKED[topic] + _MORE_ASKED[topic]).format(**values))
        frame = rng.choice(FRAMES[topic][: _PLAIN[topic]])
        answer = sentence(frame.format(**values))
        exchanges.append((question, answer))
        if rng.random() < 0.5:
            country = rng.choice(countries())
    return exchanges


def _opposite(rng: Random) -> list[Exchange]:
    exchanges = []
    for pair in rng.sample(OPPOSITES, 3):
        x, y = pair if rng.random() < 0.6 else pair[::-1]
        question = rng.choice((f"What is the opposite of {x}?", f"Tell me the opposite of {x}.",
                               f"Which word means the opposite of {x}?"))  # fmt: skip
        exchanges.append((question, f"The opposite of {x} is {y}."))
    return exchanges


def _calendar(rng: Random) -> list[Exchange]:
    exchanges = []
    for _ in range(2):
        unit, names = rng.choice((("day", DAYS), ("month", MONTHS)))
        index = rng.randrange(len(names))
        here, after = names[index], names[(index + 1) % len(names)]
        exchanges.append(rng.choice((
            (f"Which {unit} comes after {here}?", f"After {here} comes {after}."),
            (f"What {unit} is after {here}?", f"The {unit} after {here} is {after}."),
            (f"Which {unit} comes before {after}?", f"The {unit} before {after} is {here}."),
        )))  # fmt: skip
    month = rng.randrange(12)
    exchanges.append((f"Which season is {MONTHS[month]} in?", f"In the north, {MONTHS[month]} is in {SEASONS[month]}."))
    rng.shuffle(exchanges)
    return list(dict(exchanges).items())


def _title(rng: Random) -> list[Exchange]:
    exchanges = []
    for title in rng.sample(titles(), 3):
        choices = [
            (f"What is {title.full} about?", f"{title.full} is about {title.about}."),
            (
                f"Do you know {title.full}?",
                f"Yes, {title.full} is {article(title.kind)} {title.kind} about {title.about}.",
            ),
            (f"Complete the title: {title.start} ...", f"The title is {title.full}."),
            (f"How does the title go on: {title.start} ...", f"{title.full} is the whole title."),
        ]
        if title.author:
            choices.append((f"Who wrote {title.full}?", f"{title.author} wrote {title.full}."))
        exchanges.append(rng.choice(choices))
    return exchanges


def _animal(rng: Random) -> list[Exchange]:
    exchanges = []
    for animal in rng.sample(ANIMALS, 3):
        a = f"{article(animal.name)} {animal.name}"
        exchanges.append(rng.choice((
            (f"What is a baby {animal.name} called?",
             f"A baby {animal.name} is called {article(animal.young)} {animal.young}."),
            (f"What does {a} eat?", sentence(f"{a} eats {animal.food}")),
            (f"Where does {a} live?", sentence(f"{a} lives {animal.home}")),
            (f"What sound does {a} make?", sentence(f"{a} {animal.sound}")),
        )))  # fmt: skip
    return exchanges


def _thing(rng: Random) -> list[Exchange]:
    thing, colour = rng.choice(COLOURS)
    tool, use = rng.choice(USES)
    one, many = rng.choice(PLURALS)
    left, right = rng.randint(1, 10), rng.randint(1, 10)
    exchanges = [
        (f"What colour is {thing}?", sentence(f"{thing} is {colour}")),
        (f"What do people use {tool} for?", f"People use {tool} to {use}."),
        (f"What is the plural of {one}?", f"The plural of {one} is {many}."),
        (f"What is {NUMBERS[left]} plus {NUMBERS[right]}?",
         sentence(f"{NUMBERS[left]} plus {NUMBERS[right]} is {NUMBERS[left + right]}")),
        (f"What is {left} + {right}?", f"{left} + {right} = {left + right}."),
    ]  # fmt: skip
    return rng.sample(exchanges, 3)


def _small_talk(rng: Random) -> list[Exchange]:
    # The order of the table is that of a conversation: a greeting comes first, a goodbye last.
    chosen = sorted(rng.sample(range(len(_SMALL_TALK)), 3))
    talk = [_SMALL_TALK[index] for index in chosen]
    return [(rng.choice(asked), rng.choice(said)) for asked, said in talk]


_KINDS: tuple[Callable[[Random], list[Exchange]], ...] = (
    _country, _opposite, _calendar, _title, _animal, _thing, _small_talk,
)  # fmt: skip


def _document(rng: Random) -> str:
    kind = rng.choices(_KINDS, (38, 12, 10, 14, 8, 8, 10))[0]
    exchanges = kind(rng)
    if kind is _small_talk or rng.random() < 0.7:
        if kind is not _small_talk and rng.random() < 0.1:
            greetings, replies = _SMALL_TALK[0]
            exchanges.insert(0, (rng.choice(greetings), rng.choice(replies)))
        turns = exchanges[: rng.choice((1, 1, 2, 3))]
        return "\n".join(f"<|user|>\n{asked}<|end|>\n<|assistant|>\n{said}<|end|>" for asked, said in turns)
    gap = rng.choice(("\n", "\n\n"))
    turns = exchanges[: rng.randint(2, 3)]
    return gap.join(f"Question: {asked}\nAnswer: {said}" for asked, said in turns)


def write(rng: Random) -> str:
    """Writes one chat or one list of questions with answers, free of held-out phrasings.

    Args:
        rng: The source of chance.

    Returns:
        The document's text.
    """
    return until_allowed(rng, _document)
