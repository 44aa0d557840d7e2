"""Long answers that come in parts."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

# Seconds between two reports: often enough to see it move, seldom enough to cost nothing.
PACE: Final = 0.15

Part = TypeVar("Part")


@dataclass(frozen=True)
class Progress:
    """How far a long answer is.

    Attributes:
        payload: What is known so far, for the tab's component.
        done: Runs of the model that are done.
        total: Runs that there are.
        text: What is being done, in the words of the message line.
    """

    payload: dict[str, Any]
    done: int
    total: int
    text: str


def paced(parts: Iterator[Part], last: Callable[[Part], bool]) -> Iterator[Part]:
    """Leaves out parts that follow each other too fast for the page; never the last."""
    told = 0.0
    for part in parts:
        if last(part) or time.perf_counter() - told >= PACE:
            told = time.perf_counter()
            yield part
