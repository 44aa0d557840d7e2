# ruff: noqa: T201 - a benchmark prints
"""What the benchmarks share: things that take turns in random order, medians, and one line of JSON at the end."""

import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers

Action = Callable[[], object]


@dataclass
class Times:
    """How long one thing took each time it had its turn.

    Attributes:
        cpu: Seconds of this thread's processor time: what other programs do hardly shows in it.
        wall: Seconds on the clock.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    _begin: tuple[float, float] | None = None

    def start(self) -> None:
        """Its turn begins."""
        self._begin = time.thread_time(), time.perf_counter()

    def stop(self) -> None:
        """Its turn is over, on a GPU once that is done. What was never begun counts for nothing."""
        settle()
        if self._begin is not None:
            self.cpu.append(time.thread_time() - self._begin[0])
            self.wall.append(time.perf_counter() - self._begin[1])

    def take(self, action: Action) -> None:
        """Does it once."""
        self.start()
        action()
        self.stop()

    @property
    def counted(self) -> list[float]:
        """The clock's seconds where a GPU does the work, else the processor's."""
        return self.wall if torch.cuda.is_available() else self.cpu

    @property
    def milliseconds(self) -> float:
        """The median."""
        return statistics.median(self.counted) * 1000


def settle() -> None:
    """Waits until a GPU, if there is one, has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def timed(action: Action) -> float:
    """Milliseconds of doing something once."""
    times = Times()
    times.take(action)
    return times.milliseconds


def take_turns(times: Mapping[str, Times], actions: Mapping[str, Action]) -> None:
    """One round: each thing once, in random order."""
    for name in random.sample(list(actions), len(actions)):
        times[name].take(actions[name])


def interleaved(actions: Mapping[str, Action], rounds: int, warm: int = 2) -> dict[str, Times]:
    """Lets things take turns, so that whatever else the machine does falls on all of them.

    Args:
        actions: What to do, by name.
        rounds: How often each has its turn.
        warm: Rounds before, that do not count.
    """
    for _ in range(warm):
        take_turns({name: Times() for name in actions}, actions)
    times = {name: Times() for name in actions}
    for _ in range(rounds):
        take_turns(times, actions)
    return times


def table(times: Mapping[str, Times], base: str) -> None:
    """Prints the medians, and each as a multiple of one of them."""
    for name, taken in times.items():
        wall = statistics.median(taken.wall) * 1000
        multiple = taken.milliseconds / times[base].milliseconds
        print(f"  {name:<44}{taken.milliseconds:10.3f} ms  {multiple:7.3f} x   (on the clock {wall:.3f} ms)")


def report(name: str, ratios: Mapping[str, float], goals: Mapping[str, float], **facts: Any) -> None:
    """Prints the last line: JSON with the ratios, the goals of those that have one, and what they were measured on."""
    content = {
        "name": name,
        "ratios": {key: round(value, 4) for key, value in ratios.items()},
        "goals": dict(goals),
        **facts,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }
    print(json.dumps(content))
