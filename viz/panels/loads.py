"""The loads that are under way. Pages that want the same model wait for the same load.

A load goes on while a page waits for it: when the last one leaves, it is stopped at its next report. What it fetched
until then stays on the disk.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from model_runtime.errors import LoadingStopped, TokenscopeError
from viz.panels.faults import log_fault
from viz.sentences import say

if TYPE_CHECKING:
    from model_runtime.model import Model

PACE: Final = 0.15  # seconds between two looks at a load
Get = Callable[[str, str, Callable[[str, float | None], None]], "Model"]


@dataclass(frozen=True)
class Report:
    """How far a load is.

    Attributes:
        text: What is being done.
        fraction: How much of all is done, 0 to 1; None where that is not known.
        seconds: How long the load has taken so far.
    """

    text: str
    fraction: float | None
    seconds: int


@dataclass
class _Load:
    """One load on a thread of its own; `left` is set for each page that waited and waits no more."""

    name: str
    told: tuple[str, float | None]
    error: TokenscopeError | None
    waiting: list[threading.Event] = field(default_factory=list)
    stopped: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)

    def report(self) -> Report:
        return Report(*self.told, int(time.monotonic() - self.began))


class Loads:
    """Loads models on threads of their own, each once however many pages wait for it. Safe to use from any thread."""

    def __init__(self, get: Get) -> None:
        """Takes what loads: called with a name, a precision, and what it is to report to."""
        self._get = get
        self._lock = threading.Lock()
        self._loads: dict[tuple[str, str], _Load] = {}
        self._left: dict[str, threading.Event] = {}  # page -> what is set when it leaves the load that it waits for

    def watch(self, page: str, name: str, precision: str) -> Iterator[Report]:
        """Tells how far a load is until it has ended; begins it if need be. A page waits for one load at a time.

        Closing the iterator leaves the load, as `leave` does.

        Raises:
            LoadingStopped: The page left, or went on to another load.
            TokenscopeError: The model cannot be loaded.
        """
        load, left = self._join(page, name, precision)
        try:
            yield load.report()
            while not (left.is_set() or load.ended.wait(PACE)):
                yield load.report()
            if left.is_set():
                raise LoadingStopped(
                    say("Stopped loading {model}; what was fetched is kept for next time.", model=name)
                )
            if load.error is not None:
                raise load.error
        finally:
            with self._lock:
                load.waiting.remove(left)
                if self._left.get(page) is left:
                    del self._left[page]

    def leave(self, page: str) -> None:
        """Lets a page wait no longer; does nothing where it does not wait."""
        with self._lock:
            self._leave(page)

    def waits(self, page: str) -> bool:
        """Whether a page waits for a load."""
        with self._lock:
            return page in self._left

    def _leave(self, page: str) -> None:
        left = self._left.pop(page, None)
        if left is not None:
            left.set()

    def _join(self, page: str, name: str, precision: str) -> tuple[_Load, threading.Event]:
        key, left = (name, precision), threading.Event()
        with self._lock:
            self._leave(page)
            load = self._loads.get(key)
            if load is None or load.stopped or load.ended.is_set():
                others = [one.name for one in self._loads.values() if not one.ended.is_set()]
                first = say("Loading {model}", model=name)
                if others:
                    first = say("Waiting for the load of {model} to end", model=others[-1])
                unknown = TokenscopeError(say("{model} could not be loaded; the server's log says why.", model=name))
                load = self._loads[key] = _Load(name, (first, None), unknown)
                threading.Thread(target=self._work, args=(key, load), name="load", daemon=True).start()
            load.waiting.append(left)
            self._left[page] = left
        return load, left

    def _work(self, key: tuple[str, str], load: _Load) -> None:
        def report(text: str, fraction: float | None) -> None:
            with self._lock:
                load.stopped = load.stopped or all(left.is_set() for left in load.waiting)
            if load.stopped:
                raise LoadingStopped(say("Stopped loading {model}: nobody waits for it any more.", model=load.name))
            load.told = (text, fraction)

        try:
            self._get(*key, report)
            load.error = None
        except TokenscopeError as error:
            load.error = error
        except Exception as error:  # noqa: BLE001 - whatever it is, those that wait are told, and its message is not logged
            log_fault(error)
        finally:
            with self._lock:
                load.ended.set()
                if self._loads.get(key) is load:
                    del self._loads[key]
