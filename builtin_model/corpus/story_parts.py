"""The cast and the fillers that all little stories share: heroes, friends, things, foods."""

import csv
from dataclasses import dataclass
from pathlib import Path
from random import Random

from builtin_model.corpus.words import MEN, NAMES, WOMEN, article, pronouns

THINGS: dict[str, tuple[str, ...]] = {
    "things": (
        "ball", "bell", "basket", "drum", "kite", "spoon", "lantern", "scarf", "hat", "bucket",
        "button", "key", "flute", "boat", "whistle", "shell", "ring", "feather", "book", "coin",
        "ribbon", "wagon", "blanket", "umbrella", "box", "mirror", "cup", "doll", "map",
        "pencil",
    ),
    "toys": (
        "drum", "boat", "wagon", "doll", "train", "robot", "kite", "flute", "music box", "car",
        "puppet",
    ),
    "shared": (
        "ball", "kite", "wagon", "drum", "boat", "sled", "swing", "blanket", "umbrella",
    ),
    "gifts": (
        "scarf", "hat", "drum", "book", "lantern", "bell", "kite", "cup", "basket", "blanket",
        "flute", "box",
    ),
}  # fmt: skip
COLOURS = (
    "red", "blue", "green", "yellow", "silver", "white", "purple", "orange", "golden", "pink",
)  # fmt: skip
_LOOKS = ("little", "bright", "wooden", "lovely", "new", "old")
_BIRDS = (
    "duck", "goose", "hen", "eagle", "owl", "crow", "hawk", "swan", "parrot", "pigeon", "robin",
    "heron", "bat", "bee", "beetle",
)  # fmt: skip
_HOOFED = (
    "deer", "horse", "cow", "goat", "sheep", "donkey", "camel", "zebra", "giraffe", "moose",
    "pony", "calf", "lamb", "boar", "pig",
)  # fmt: skip
_HAND_LIKE = {
    "elephant": "trunk",
    "crab": "claw",
    "seal": "flipper",
    "spider": "leg",
    "snake": "coil",
}
_SOFT = ("scarf", "blanket", "ribbon", "umbrella", "feather", "shell", "letter", "map", "kite")
FOODS = (
    "apple pie", "warm bread", "honey cake", "carrot soup", "pancakes", "ginger cookies",
    "plum cake", "tomato soup", "berry pie", "sweet buns", "pumpkin pie", "corn cakes",
    "cheese bread", "banana cake",
)  # fmt: skip
_BAKED = ("pie", "cake", "cookies", "buns", "bread")
FRUITS = (
    "apples", "plums", "pears", "cherries", "nuts", "berries", "carrots", "peaches", "grapes",
    "beans",
)  # fmt: skip
PLANTS = (
    "pumpkin", "sunflower", "rose", "tomato", "bean", "strawberry", "carrot", "melon", "tulip",
    "apple",
)  # fmt: skip
SKILLS = (
    "swim", "whistle", "climb", "juggle", "dance", "sing", "skate", "draw", "play the flute",
    "row a boat",
)  # fmt: skip
WEATHER = (
    "sunny", "windy", "cold", "warm", "cloudy", "bright", "quiet", "misty", "fresh", "cool",
)  # fmt: skip
_TRAITS = (
    "kind", "brave", "curious", "shy", "clever", "cheerful", "quiet", "busy", "careful",
    "patient", "young", "funny",
)  # fmt: skip
_HOMES = (
    "in a small village", "near the sea", "in a little house on a hill", "by a wide river",
    "on a farm", "in a busy town", "at the edge of the woods", "in a tall house in the city",
    "next to a bakery", "in a valley between two mountains",
    "in a yellow house with a green door", "at the end of a long road",
)  # fmt: skip
_PLACES = (
    "the park", "the garden", "the beach", "the river", "the meadow", "the old bridge",
    "the pond", "the woods", "the green hill", "the village square", "the lake", "the old barn",
)  # fmt: skip


@dataclass(frozen=True)
class Animal:
    """One animal of the stories, with what always belongs to it."""

    kind: str
    trait: str
    friend: str
    place: str
    thing: str


def _animals() -> tuple[Animal, ...]:
    """Reads the cast: one animal always has the same trait, friend, place and thing."""
    table = Path(__file__).resolve().parent / "story_cast.csv"
    with table.open(encoding="utf-8", newline="") as file:
        return tuple(Animal(**row) for row in csv.DictReader(file))


ANIMALS: tuple[Animal, ...] = _animals()


def _person_slots(role: str, name: str, subject: str, object_: str, possessive: str) -> dict[str, str]:
    """Returns the name and the pronouns of one character, under keys that begin with its role."""
    prefix = "" if role == "hero" else role[0]
    return {
        role: name,
        f"{prefix}he": subject,
        f"{prefix}him": object_,
        f"{prefix}his": possessive,
        f"{prefix}himself": "herself" if subject == "she" else "himself",
    }


def _elder(rng: Random, possessive: str, is_animal: bool) -> dict[str, str]:
    """Picks the grown-up of the story."""
    woman = rng.random() < 0.5
    family = ("mother", "grandmother") if woman else ("father", "grandfather")
    choices = [f"{possessive} {rng.choice(family)}"]
    if not is_animal:
        title, names = ("Aunt", WOMEN) if woman else ("Uncle", MEN)
        choices += [
            "Grandma" if woman else "Grandpa",
            "Mama" if woman else "Papa",
            f"{title} {rng.choice(names)}",
        ]
    return _person_slots("elder", rng.choice(choices), *(("she", "her", "her") if woman else ("he", "him", "his")))


def _people(rng: Random) -> dict[str, str]:
    """Picks a child and a friend, who mostly differ in their pronouns so that these stay clear."""
    hero = rng.choice(NAMES)
    kind = "girl" if hero in WOMEN else "boy"
    others = (MEN if kind == "girl" else WOMEN) if rng.random() < 0.8 else NAMES
    friend = rng.choice([name for name in others if name != hero])
    trait = rng.choice(_TRAITS)
    intro = f"{rng.choice(['little', trait])} {kind} {rng.choice(['named', 'named', 'called'])} {hero}"
    return {
        **_person_slots("hero", hero, *pronouns(hero)),
        **_person_slots("friend", friend, *pronouns(friend)),
        **_elder(rng, pronouns(hero)[2], is_animal=False),
        "hcall": hero,
        "fcall": friend,
        "hand": "hand",
        "newfriend": f"a shy {'girl' if friend in WOMEN else 'boy'} named {friend}",
        "kind": kind,
        "about": f"{kind} named {hero}",
        "ahero": f"{article(intro)} {intro}",
        "trait": trait,
        "home": rng.choice(_HOMES),
        "place": rng.choice(_PLACES),
    }


def _hand(kind: str) -> str:
    """Returns what an animal has instead of a hand."""
    if kind in _HAND_LIKE:
        return _HAND_LIKE[kind]
    return "wing" if kind in _BIRDS else "hoof" if kind in _HOOFED else "paw"


def _creatures(rng: Random) -> dict[str, str]:
    """Picks an animal and its friend; one in three has a name."""
    animal = rng.choice(ANIMALS)
    male = rng.random() < 0.5
    name = rng.choice(MEN if male else WOMEN) if rng.random() < 0.35 else ""
    words = ("he", "him", "his") if male else ("she", "her", "her")
    other = ("she", "her", "her") if male else ("he", "him", "his")
    size = rng.choice(("little ", "", "young "))
    intro = f"{animal.trait} {size if animal.trait != 'tiny' else ''}{animal.kind}" + (f" named {name}" if name else "")
    preposition = "on" if animal.place.endswith(("hill", "mountain", "farm", "grassland", "beach", "cliff")) else "near"
    return {
        **_person_slots("hero", name or f"the {animal.kind}", *words),
        **_person_slots("friend", f"the {animal.friend}", *other),
        **_elder(rng, words[2], is_animal=True),
        "hcall": name or animal.kind,
        "fcall": animal.friend,
        "hand": _hand(animal.kind),
        "newfriend": f"a shy {animal.friend}",
        "kind": animal.kind,
        "about": animal.kind + (f" named {name}" if name else ""),
        "ahero": f"{article(intro)} {intro}",
        "trait": animal.trait,
        "home": f"{preposition} {animal.place}",
        "place": animal.place,
        "animal_thing": animal.thing,
    }


def context(rng: Random, cast: str, things: tuple[str, ...]) -> dict[str, str]:
    """Picks everything that one story is about.

    Args:
        rng: The source of randomness.
        cast: "people", "animals", or "any" of the two.
        things: The things that the plot can turn on.

    Returns:
        A filler for every slot of the templates.
    """
    animals = cast == "animals" or (cast == "any" and rng.random() < 0.45)
    slots = _creatures(rng) if animals else _people(rng)
    usual = slots.get("animal_thing", "")
    noun = usual if usual in things else rng.choice(things)
    hard = ("wooden", "golden", "silver")
    looks = [look for look in COLOURS + _LOOKS if noun not in _SOFT or look not in hard]
    look = rng.choice(looks)
    colour = look if look in COLOURS else rng.choice(COLOURS)
    plant, second = rng.sample(PLANTS, 2)
    return slots | {
        "noun": noun,
        "thing": f"{look} {noun}",
        "colour": colour,
        "food": rng.choice(FOODS),
        "cake": rng.choice([food for food in FOODS if food.endswith(_BAKED)]),
        "fruit": rng.choice(FRUITS),
        "plant": plant,
        "other_plant": second,
        "skill": rng.choice(SKILLS),
        "weather": rng.choice(WEATHER),
    }
