"""Documents in which a word can only be predicted by working out whom or what an earlier one refers to.

Three kinds: who received something (the indirect object of Wang et al., 2022, "Interpretability in the Wild"), which
animal "it" was (the book's Figure 3-14), and who owns what. Names and animals are partly made up, so that the rule is
learned and not the word.
"""

from collections.abc import Callable
from random import Random

from builtin_model.corpus.case import Case
from builtin_model.corpus.held_out import held_out
from builtin_model.corpus.words import ANIMALS, NAMES, article, made_up_word

PLACES: tuple[str, ...] = (
    "the store", "the park", "the beach", "the market", "the library", "the school", "the station", "the garden",
    "the museum", "the zoo", "the river", "the farm", "the cafe", "the hospital", "the office", "the kitchen",
    "the forest", "the lake", "the theater", "the bakery", "the church", "the playground", "the house", "the city",
)  # fmt: skip
GIFTS: tuple[str, ...] = (
    "drink", "book", "ring", "flower", "letter", "ball", "cake", "key", "hat", "map", "basket", "present", "kite",
    "bag", "coin", "picture", "sandwich", "cup", "pen", "phone", "ticket", "toy", "apple", "bottle", "lamp", "scarf",
)  # fmt: skip
GIVING: tuple[str, ...] = ("gave", "handed", "passed", "offered", "showed", "brought", "sold", "lent")
COLOURS: tuple[str, ...] = ("red", "blue", "green", "yellow", "black", "white", "brown", "orange", "purple", "pink")

OPENINGS: tuple[str, ...] = (
    "When {one} and {two} went to {place},",
    "After {one} and {two} went to {place},",
    "While {one} and {two} were at {place},",
    "Then {one} and {two} went to {place}, and",
    "Yesterday {one} and {two} met at {place}. There",
    "{one} and {two} had a long day at {place}, and",
    "As {one} and {two} walked to {place},",
    "Later {one} and {two} sat down near {place}, and",
    "Once {one} and {two} came back from {place},",
)
THANKS: tuple[str, ...] = (
    "{receiver} smiled and said thank you to {giver}.",
    "{receiver} was very happy about the {gift}.",
    '"Thank you, {giver}," said {receiver}.',
    "{receiver} had wanted a {gift} for a long time.",
    '"This is for you, {receiver}," said {giver}.',
    "{giver} was glad that {receiver} liked the {gift}.",
    "{receiver} put the {gift} on the table.",
    "So now {receiver} had a new {gift}.",
)
PARTINGS: tuple[str, ...] = (
    "In the evening {one} and {two} went home together.",
    "After that they left {place} and walked home.",
    "They talked until it was dark.",
    "{one} and {two} are good friends.",
    "It was a good day for both of them.",
    "Then it began to rain, and {one} and {two} ran home.",
)

#: verb -> what "it" is when it is the one that acts, and when it is the other one.
SCENES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "chased": (("hungry", "angry", "bored", "fierce"), ("fast", "small", "slow", "noisy", "quick", "scared")),
    "ran away from": (("afraid", "weak", "shy", "scared"), ("fierce", "loud", "angry", "strong", "hungry")),
    "carried": (("strong", "kind", "big", "helpful"), ("tired", "hurt", "weak", "sleepy", "sick")),
    "fed": (("kind", "rich", "helpful"), ("hungry", "thin", "weak", "sick")),
    "followed": (("lost", "curious", "lonely", "bored"), ("wise", "kind", "fast", "clever")),
    "hid from": (("afraid", "shy", "small", "scared"), ("big", "fierce", "loud", "angry")),
    "helped": (("kind", "strong", "clever", "helpful"), ("lost", "hurt", "tired", "sad")),
    "laughed at": (("rude", "happy", "silly"), ("funny", "strange", "clumsy")),
}
QUESTIONS: tuple[str, ...] = (
    "What was {trait}? The {answer}",
    "Who was {trait}? The {answer}",
    "Question: What was {trait}? Answer: The {answer}",
    "Which animal was {trait}? The {answer}",
    "So what was {trait}? It was the {answer}",
)
AFTERWARDS: tuple[str, ...] = (
    "The {actor} and the {other} were both out of breath.",
    "In the end the {other} went home, and the {actor} went to sleep.",
    "The {actor} did not stop until it was dark.",
    "A farmer saw the {actor} and the {other} and laughed.",
    "Then the {other} sat down under a tree.",
    "After that, the {actor} went back to the barn.",
)


def _name(rng: Random) -> str:
    return made_up_word(rng).capitalize() if rng.random() < 0.35 else rng.choice(NAMES)


def _animal(rng: Random) -> str:
    return made_up_word(rng) if rng.random() < 0.3 else rng.choice(ANIMALS)


def _two(draw: Callable[[Random], str], rng: Random) -> tuple[str, str]:
    """Draws two different words."""
    first = draw(rng)
    second = draw(rng)
    while second == first:
        second = draw(rng)
    return first, second


def write(rng: Random) -> str:
    """Writes one document about who, which or whose."""
    kind = rng.random()
    if kind < 0.5:
        return giving(rng, _name)
    return which_animal(rng, _animal) if kind < 0.8 else _owners(rng)


def write_scene(rng: Random) -> str:
    """Writes one document about which animal it was."""
    return which_animal(rng, _animal)


def giving(rng: Random, draw: Callable[[Random], str]) -> str:
    """Writes who gave what to whom, between two people whose names are drawn."""
    one, two = _two(draw, rng)
    giver, receiver = (one, two) if rng.random() < 0.5 else (two, one)
    gift = rng.choice(GIFTS)
    words = {"one": one, "two": two, "giver": giver, "receiver": receiver, "gift": gift, "place": rng.choice(PLACES)}
    given = f"{giver} {rng.choice(GIVING)} {article(gift)} {gift} to {receiver}."
    sentences = [f"{rng.choice(OPENINGS).format(**words)} {given}"]
    sentences += [line.format(**words) for line in rng.sample(THANKS, rng.randint(1, 3))]
    if rng.random() < 0.5:
        sentences.append(
            f"Who got the {gift}? {receiver} did. Who {rng.choice(['had it first', 'gave it away'])}? {giver}."
        )
    sentences.append(rng.choice(PARTINGS).format(**words))
    return " ".join(sentences)


def which_animal(rng: Random, draw: Callable[[Random], str]) -> str:
    """Writes a scene of two drawn animals, and asks which of them "it" was."""
    actor, other = _two(draw, rng)
    verb = rng.choice(sorted(SCENES))
    of_actor, of_other = SCENES[verb]
    about_actor = rng.random() < 0.5
    trait, answer = (rng.choice(of_actor), actor) if about_actor else (rng.choice(of_other), other)
    scene = f"The {actor} {verb} the {other} because it was {trait}."
    question = rng.choice(QUESTIONS).format(trait=trait, answer=answer)
    if rng.random() < 0.15:
        asked, answered = question.split("? ", 1)
        asked = asked.removeprefix("Question: ")
        answered = answered.removeprefix("Answer: ")
        return f"<|user|>\n{scene} {asked}?<|end|>\n<|assistant|>\n{answered} was {trait}.<|end|>"
    end = f" was {trait}." if rng.random() < 0.4 and "It was" not in question else "."
    after = [line.format(actor=actor, other=other) for line in rng.sample(AFTERWARDS, rng.randint(1, 2))]
    return " ".join([scene, question + end, *after])


def _owners(rng: Random) -> str:
    owners = rng.sample(NAMES, 3)
    things = rng.sample(GIFTS, 3)
    colours = rng.sample(COLOURS, 3)
    facts = [
        f"{owner} has {article(colour)} {colour} {thing}."
        for owner, thing, colour in zip(owners, things, colours, strict=True)
    ]
    order = list(range(3))
    rng.shuffle(order)
    questions = []
    for index in order:
        owner, thing, colour = owners[index], things[index], colours[index]
        questions.append(
            rng.choice(
                [
                    f"Who has the {thing}? {owner} has the {thing}.",
                    f"What colour is {owner}'s {thing}? It is {colour}.",
                    f"What does {owner} have? {owner} has {article(colour)} {colour} {thing}.",
                    f"Whose is the {colour} {thing}? It belongs to {owner}.",
                ]
            )
        )
    return " ".join(facts + questions)


def held_out_cases(rng: Random, count: int = 200) -> list[Case]:
    """Cases with names and animals that occur nowhere in the corpus.

    Args:
        rng: Draws the cases.
        count: How many of each of the two tasks.

    Returns:
        `count` cases of the task "giving" and as many of the task "which animal".
    """
    cases = []
    for _ in range(count):
        one, two = rng.sample(held_out().names, 2)
        giver, receiver = (one, two) if rng.random() < 0.5 else (two, one)
        gift = rng.choice(GIFTS)
        opening = rng.choice(OPENINGS).format(one=one, two=two, place=rng.choice(PLACES))
        prompt = f"{opening} {giver} {rng.choice(GIVING)} {article(gift)} {gift} to"
        cases.append(Case(prompt, receiver, "giving"))
    for _ in range(count):
        actor, other = rng.sample(held_out().animals, 2)
        verb = rng.choice(sorted(SCENES))
        of_actor, of_other = SCENES[verb]
        trait, answer = (rng.choice(of_actor), actor) if rng.random() < 0.5 else (rng.choice(of_other), other)
        question = rng.choice(QUESTIONS[:4]).format(trait=trait, answer="").rstrip()
        cases.append(Case(f"The {actor} {verb} the {other} because it was {trait}. {question}", answer, "which animal"))
    return cases
