"""Words that several kinds of document share: people, animals, and words that do not exist."""

from random import Random

WOMEN: tuple[str, ...] = tuple(
    """Mary Sarah Anna Emma Lily Sofia Olivia Clara Nina Julia Alice Grace Ruth Maria Laura Helen Jane Kate Lucy Rosa
    Eva Ella Zoe Amy Nora Ida Maya Leila Priya Yuki Mei Fatima Aisha Elena Irina Carmen Lucia Hannah Rachel Martha
    Susan Linda Karen Emily Chloe Violet Hazel Ivy Daisy Stella Paula Vera Tina Wendy Gina Molly Sally Betty Jenny
    Sandra Claire Sophie Diana Victoria Elsa Greta Freya Astrid Naomi Esther Amara Zainab Noor Anika Lena
    Marta""".split()
)
MEN: tuple[str, ...] = tuple(
    """John Tom Ben Sam Max Jack Peter Paul Mark David James Robert Michael Daniel Leo Noah Oscar Henry George Adam
    Luke Simon Victor Martin Felix Hugo Ivan Omar Ali Hassan Ravi Kenji Chen Diego Carlos Pablo Marco Luca Erik Lars
    Oliver Charlie Frank Fred Walter Arthur Edward William Thomas Andrew Steven Brian Kevin Eric Philip Joseph Jacob
    Nathan Aaron Isaac Ethan Liam Owen Dylan Kofi Kwame Amir Yusuf Tariq Jonas Anton Stefan Boris Theo Rory
    Finn""".split()
)
NAMES: tuple[str, ...] = WOMEN + MEN

ANIMALS: tuple[str, ...] = tuple(
    """dog cat squirrel rabbit fox bear wolf deer horse cow pig goat sheep mouse rat lion tiger monkey frog duck goose
    hen turtle snake eagle owl crow hawk donkey camel zebra giraffe elephant beaver raccoon mole bat swan kitten puppy
    leopard cheetah moose seal crab pony calf lamb boar hyena parrot pigeon robin heron toad bee beetle
    spider""".split()
)

_ONSETS = ("b br bl c ch cl d dr f fl g gl gr h j k kr l m n p pl pr qu r s sk sl st t th tr v w x y z").split()
_VOWELS = "a e i o u ai ea ee oo ou".split()
_CODAS = ["", "", "", *"l m n r s t x nd rk sh th ck".split()]


def pronouns(name: str) -> tuple[str, str, str]:
    """Returns the subject, object and possessive pronoun that go with a name of `NAMES`, in lower case."""
    return ("she", "her", "her") if name in WOMEN else ("he", "him", "his")


def made_up_word(rng: Random, syllables: int = 2) -> str:
    """Invents a pronounceable word of the given number of syllables, in lower case."""
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables))


def article(word: str) -> str:
    """Returns "an" before a vowel letter, else "a"."""
    return "an" if word[:1].lower() in "aeiou" else "a"
