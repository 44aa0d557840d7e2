"""What the corpus must never contain, so that the probes can ask about it.

`held_out.json`, beside the training script, is the one list. `names` and `animals` appear nowhere in the corpus, in
no document of any kind. `phrasings` are, for each kind of fact, ways to ask for it (with `{...}` where the subject
goes) that no document uses. `letters` are pairs of a reader's name and a mishap which no document brings together.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).resolve().parent.parent / "held_out.json"


@dataclass(frozen=True)
class HeldOut:
    """The contents of `held_out.json`."""

    names: tuple[str, ...]
    animals: tuple[str, ...]
    phrasings: dict[str, tuple[str, ...]]
    letters: frozenset[tuple[str, str]]


@cache
def held_out() -> HeldOut:
    """Reads the list once.

    Returns:
        The held-out names, animals, phrasings and (name, mishap) pairs.
    """
    content = json.loads(_FILE.read_text(encoding="utf-8"))
    return HeldOut(
        names=tuple(content["names"]),
        animals=tuple(content["animals"]),
        phrasings={task: tuple(frames) for task, frames in content["phrasings"].items()},
        letters=frozenset((name, mishap) for name, mishap in content["letters"]),
    )
