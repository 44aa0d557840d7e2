"""Documents that repeat what was said before: words that do not exist, codes, and runs of random tokens.

Random tokens repeated, straight from ids, are what makes induction heads form early; words that make no sense are
the same exercise in a form that a reader can follow.
"""

from random import Random

from builtin_model.corpus.case import Case
from builtin_model.corpus.words import NAMES, article, made_up_word

KINDS: tuple[str, ...] = (
    "animal", "bird", "fish", "plant", "tool", "game", "cake", "fruit", "stone", "song", "dance", "boat", "flower",
    "coat",
)  # fmt: skip
SIZES: tuple[str, ...] = ("small", "big", "strange", "old", "soft", "bright", "quiet", "funny", "rare", "sweet")
PLACES: tuple[str, ...] = (
    "by the sea", "in the woods", "in the mountains", "under the old bridge", "on an island", "near the river",
    "in the north", "behind the school", "in a warm country", "at the market",
)  # fmt: skip


def write(rng: Random) -> str:
    """Writes one document that can only be continued by looking back."""
    return rng.choice((_definition, _definition, _echo, _code, _roll_call, _nickname))(rng)


def repeated_ids(rng: Random, vocabulary_size: int, first_id: int) -> list[int]:
    """Draws random token ids and repeats them.

    Args:
        rng: Draws the ids.
        vocabulary_size: Ids are below this.
        first_id: Ids are this or above, which leaves special tokens out.

    Returns:
        4 to 60 ids, two or three times over.
    """
    length = rng.randint(4, 60)
    ids = [rng.randrange(first_id, vocabulary_size) for _ in range(length)]
    return ids * (3 if length < 20 and rng.random() < 0.5 else 2)


def held_out_cases(rng: Random, count: int = 200) -> list[Case]:
    """Cases that ask for a made-up word or name to be repeated, with words invented on the spot."""
    cases = []
    for _ in range(count):
        word = made_up_word(rng, rng.randint(2, 3))
        other = made_up_word(rng, 2)
        prompt, answer = rng.choice(
            (
                (f"{article(word).capitalize()} {word} is a small animal. My friend has never seen a", word),
                (f"My name is {word.capitalize()}. Hello,", word.capitalize()),
                (f"Repeat after me: {word}, {other}. You say: {word},", other),
                (f"The {word} met the {other}. Then the {other} looked at the", word),
            )
        )
        if article(word) == "an":
            prompt = prompt.replace("never seen a", "never seen an")
        cases.append(Case(prompt, answer, "copying"))
    return cases


def _definition(rng: Random) -> str:
    word = made_up_word(rng, rng.randint(1, 3))
    size, kind, place, person = rng.choice(SIZES), rng.choice(KINDS), rng.choice(PLACES), rng.choice(NAMES)
    a_word = f"{article(word)} {word}"
    lines = [
        f"You can find the {word} {place}.",
        f"{person} saw {a_word} last summer.",
        f"Nobody in my town has ever seen {a_word}.",
        f"My friend has never seen {a_word}.",
        f'"What {article(size)} {size} {word}!" said {person}.',
        f"People say that the {word} brings good luck.",
        f"{person} drew a picture of the {word}.",
        f"If you want {a_word}, you must look for it {place}.",
        f"Every {word} is a little different.",
    ]
    opening = f"{a_word.capitalize()} is {article(size)} {size} {kind}."
    return " ".join([opening, *rng.sample(lines, rng.randint(3, 5))])


def _echo(rng: Random) -> str:
    words = [made_up_word(rng, rng.randint(1, 2)) for _ in range(rng.randint(2, 6))]
    said = ", ".join(words)
    opening = rng.choice(("Repeat after me:", "Say this:", "The magic words are:", "Learn these words:"))
    answer = rng.choice(("You say:", "Good. Now you:", "Again:", "And once more:"))
    if rng.random() < 0.3:
        return f"<|user|>\n{opening} {said}.<|end|>\n<|assistant|>\n{said.capitalize()}.<|end|>"
    return f"{opening} {said}. {answer} {said}. {rng.choice(('Well done.', 'Very good.', 'That was right.'))}"


def _code(rng: Random) -> str:
    code = " ".join(str(rng.randrange(10)) for _ in range(rng.randint(3, 7)))
    thing = rng.choice(("door", "box", "bike", "gate", "phone", "safe"))
    person = rng.choice(NAMES)
    return (
        f"The code of the {thing} is {code}. {person} wrote it down: {code}. "
        f"The next day {person} had to open the {thing}. The code was {code}, and the {thing} opened."
    )


def _roll_call(rng: Random) -> str:
    names = [made_up_word(rng).capitalize() if rng.random() < 0.4 else rng.choice(NAMES) for _ in range(4)]
    listed = f"{names[0]}, {names[1]}, {names[2]} and {names[3]}"
    teacher = rng.choice(NAMES)
    return (
        f"There are four children in the room: {listed}. {teacher} calls their names. "
        f'"{names[0]}?" "Here!" "{names[1]}?" "Here!" "{names[2]}?" "Here!" "{names[3]}?" "Here!" '
        f"So {listed} are all here today."
    )


def _nickname(rng: Random) -> str:
    word = made_up_word(rng, rng.randint(1, 3)).capitalize()
    other = rng.choice(NAMES)
    lines = [
        f"Hello, {word}. I am {other}.",
        f'"Nice to meet you, {word}," said {other}.',
        f'"{word} is a nice name," said {other}.',
        f"{other} had never met a person called {word} before.",
        f"{word} and {other} played until the evening.",
        f'"See you tomorrow, {word}," said {other}.',
    ]
    return " ".join([f"My name is {word}." if rng.random() < 0.5 else f'"I am {word}."', *rng.sample(lines, 4)])
