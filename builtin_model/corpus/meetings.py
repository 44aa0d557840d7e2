"""Two strangers in a few sentences, where the next name is always the other one's.

Written for the later stages of training only. The strangers' names are blends of known ones ("Marseph") or wholly made
up, so that a name of several tokens has to be copied piece by piece from the right place.
"""

from random import Random

from builtin_model.corpus.held_out import held_out
from builtin_model.corpus.reference import giving, which_animal
from builtin_model.corpus.words import ANIMALS, NAMES, made_up_word

MEETINGS: tuple[str, ...] = (
    "{One} met {two}.",
    "{One} saw {two} by the river.",
    "One day {one} and {two} were alone in the house.",
    "{One} and {two} lived next door to each other.",
    "{One} was waiting for {two} at the gate.",
    "Early in the morning {one} ran into {two}.",
)
ACTS: tuple[str, ...] = (
    "looked at", "waved to", "called", "followed", "thanked", "smiled at", "waited for", "listened to", "asked",
    "found", "sat down next to", "whispered to", "walked towards", "was afraid of", "went home with", "told a story to",
)  # fmt: skip
TURNS: tuple[str, ...] = (
    "Then",
    "After a while",
    "A little later",
    "Suddenly",
    "At last",
    "In the evening",
    "And then",
)


def write(rng: Random) -> str:
    """Writes one document whose names or animals are strangers."""
    kind = rng.random()
    if kind < 0.35:
        return giving(rng, _stranger)
    if kind < 0.6:
        return which_animal(rng, _strange_animal)
    return _meeting(rng)


def blend(rng: Random, words: tuple[str, ...]) -> str:
    """Joins the beginning of one word to the end of another, as in "Mar" and "seph"; never into a held-out word."""
    known = {word.lower() for word in (*held_out().names, *held_out().animals)}
    while True:
        first, second = rng.sample(words, 2)
        begins, ends = rng.randint(2, max(2, len(first) - 1)), rng.randint(1, max(1, len(second) - 2))
        blended = first[:begins] + second[ends:].lower()
        if 4 <= len(blended) <= 10 and blended.lower() not in known:
            return blended


def _stranger(rng: Random) -> str:
    return blend(rng, NAMES) if rng.random() < 0.6 else made_up_word(rng, rng.randint(2, 3)).capitalize()


def _strange_animal(rng: Random) -> str:
    return blend(rng, ANIMALS) if rng.random() < 0.6 else made_up_word(rng, rng.randint(2, 3))


def _meeting(rng: Random) -> str:
    if rng.random() < 0.5:
        one, two = _stranger(rng), _stranger(rng)
    else:
        one, two = f"the {_strange_animal(rng)}", f"the {_strange_animal(rng)}"
    sentences = [rng.choice(MEETINGS).format(One=one[0].upper() + one[1:], one=one, two=two)]
    for turn in rng.sample(TURNS, rng.randint(2, 4)):
        actor, other = (one, two) if rng.random() < 0.5 else (two, one)
        sentences.append(f"{turn}{'' if turn.endswith('n') else ','} {actor} {rng.choice(ACTS)} {other}.")
    return " ".join(sentences)
