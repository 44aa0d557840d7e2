"""The facts that the corpus teaches: countries, titles, opposites, the calendar and more."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Country:
    """One row of `countries.csv`; `country` carries its article ("the Netherlands")."""

    country: str
    capital: str
    continent: str
    currency: str
    language: str
    adjective: str
    neighbours: tuple[str, ...]
    sight: str

    @property
    def possessive(self) -> str:
        """The country's name in the possessive: "Japan's", "the Netherlands'"."""
        return self.country + ("'" if self.country.endswith("s") else "'s")


@dataclass(frozen=True)
class Title:
    """One row of `titles.csv`: a famous title, split near its end; `author` may be empty."""

    start: str
    rest: str
    kind: str
    author: str
    about: str

    @property
    def full(self) -> str:
        """The whole title."""
        return f"{self.start} {self.rest}"


@dataclass(frozen=True)
class Animal:
    """What everyone knows about one animal."""

    name: str
    young: str
    sound: str
    food: str
    home: str


def _rows(name: str) -> list[dict[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def countries() -> tuple[Country, ...]:
    """Returns all countries, in the order of the table."""
    return tuple(
        Country(
            country=row["country"],
            capital=row["capital"],
            continent=row["continent"],
            currency=row["currency"],
            language=row["language"],
            adjective=row["adjective"],
            neighbours=tuple(name for name in row["neighbours"].split(";") if name),
            sight=row["sight"],
        )
        for row in _rows("countries.csv")
    )


@cache
def titles() -> tuple[Title, ...]:
    """Returns all famous titles, in the order of the table."""
    return tuple(Title(**row) for row in _rows("titles.csv"))


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (entry.strip().split("/") for entry in text.split(","))
    return tuple((left, right) for left, right in pairs)


OPPOSITES = _pairs(
    """hot/cold, big/small, good/bad, up/down, day/night, black/white, old/young, fast/slow,
    happy/sad, light/dark, open/closed, full/empty, hard/soft, high/low, long/short, loud/quiet,
    rich/poor, strong/weak, thick/thin, wet/dry, early/late, near/far, clean/dirty, left/right,
    in/out, on/off, first/last, true/false, yes/no, win/lose, buy/sell, push/pull, start/stop,
    love/hate, friend/enemy, war/peace, summer/winter, east/west, north/south, inside/outside,
    before/after, always/never, more/less, many/few, deep/shallow, wide/narrow, brave/afraid,
    easy/difficult, cheap/expensive, safe/dangerous, sweet/sour, smooth/rough, sharp/blunt,
    awake/asleep, alive/dead, give/take, come/go, laugh/cry, remember/forget, question/answer,
    top/bottom, front/back, begin/end, kind/cruel, polite/rude, beautiful/ugly, lucky/unlucky,
    possible/impossible, same/different, arrive/leave, something/nothing, everyone/nobody,
    above/below, lost/found, wise/foolish, truth/lie"""
)
DAYS: tuple[str, ...] = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
MONTHS: tuple[str, ...] = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
# The season of each month, in the north.
SEASONS = ("winter",) * 2 + ("spring",) * 3 + ("summer",) * 3 + ("autumn",) * 3 + ("winter",)
NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
)  # fmt: skip
PLURALS = _pairs(
    """child/children, man/men, woman/women, foot/feet, tooth/teeth, mouse/mice, goose/geese,
    sheep/sheep, fish/fish, leaf/leaves, knife/knives, wolf/wolves, wife/wives, life/lives,
    box/boxes, city/cities, baby/babies, story/stories, bus/buses, dog/dogs, house/houses,
    tree/trees, shelf/shelves, loaf/loaves, potato/potatoes, tomato/tomatoes, hero/heroes,
    country/countries, glass/glasses, church/churches, lady/ladies, calf/calves, half/halves"""
)
COLOURS = _pairs(
    """grass/green, snow/white, coal/black, blood/red, milk/white, a ripe banana/yellow,
    a ripe tomato/red, a lemon/yellow, chocolate/brown, a frog/green, a clear sky/blue,
    the sun/yellow, a carrot/orange, a ripe strawberry/red, an elephant/grey, a crow/black,
    a polar bear/white, a flamingo/pink, a leaf in summer/green, a fire engine/red,
    the night sky/black, a cherry/red, salt/white, a cucumber/green"""
)
USES = _pairs(
    """a knife/cut bread, a pen/write a letter, a key/open a door, a spoon/eat soup,
    a broom/sweep the floor, a hammer/hit nails, an umbrella/stay dry in the rain,
    a clock/tell the time, a lamp/light a room, a ladder/climb up to the roof,
    a needle/sew clothes, a phone/call a friend, a map/find the way, a brush/paint a wall,
    a cup/drink tea, a bed/sleep at night, a towel/dry their hands, a boat/cross the water,
    a saw/cut wood, soap/wash their hands, scissors/cut paper, a stove/cook a meal,
    a fridge/keep food cold, a bag/carry their things, glasses/see better, a camera/take pictures,
    a bell/call people, a rope/tie things together, a shovel/dig a hole, a comb/tidy their hair"""
)


def _animals(text: str) -> tuple[Animal, ...]:
    return tuple(Animal(*line.strip().split("/")) for line in text.strip().splitlines())


ANIMALS = _animals(
    """
    cow/calf/moos/grass/on a farm
    dog/puppy/barks/meat/in a house with people
    cat/kitten/meows/fish and mice/in a house with people
    horse/foal/neighs/grass and hay/in a stable
    sheep/lamb/bleats/grass/on a farm
    goat/kid/bleats/leaves and grass/on a farm
    pig/piglet/oinks/almost anything/on a farm
    hen/chick/clucks/seeds and worms/on a farm
    duck/duckling/quacks/plants and small animals in the water/near a pond
    goose/gosling/honks/grass/near a pond
    lion/cub/roars/meat/in the grasslands of Africa
    tiger/cub/roars/meat/in the forests of Asia
    bear/cub/growls/berries and fish/in the forest
    wolf/pup/howls/meat/in the forest
    frog/tadpole/croaks/flies/near a pond
    donkey/foal/brays/grass and hay/on a farm
    elephant/calf/trumpets/leaves and grass/in Africa and Asia
    owl/owlet/hoots/mice/in the forest
    swan/cygnet/hisses/water plants/on lakes and rivers
    seal/pup/barks/fish/by the sea
    snake/snakelet/hisses/small animals/in warm places
    mouse/pup/squeaks/seeds and cheese/in a small hole
    deer/fawn/grunts/leaves and grass/in the forest
    eagle/eaglet/screams/fish and small animals/in the mountains
    """
)
