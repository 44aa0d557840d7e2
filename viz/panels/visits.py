"""The pages that are open at once: whose turn it is with a model, who has to wait, and what ends with a page."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from model_runtime.turns import Turns, visiting

if TYPE_CHECKING:
    from model_runtime.model import Model

Answer = TypeVar("Answer")


class Visits:
    """Hands the models on from page to page. Safe to use from any thread.

    A page is named by gradio's session hash, which is a tab's own and ends with it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: WeakSet[Turns] = WeakSet()  # of every model that was asked for
        self._runs: dict[str, threading.Event] = {}  # page -> what ends its run

    @contextmanager
    def turn(self, model: "Model", *, refuse: bool = True) -> Iterator[None]:
        """Inside, nobody else asks the model: an action, or a token that is played, is answered in one turn.

        Args:
            model: The model.
            refuse: Whether it may be refused because too many wait; not what has begun.

        Raises:
            TooManyWaiting: Too many visitors wait already.
            VisitorLeft: The page was closed meanwhile.
        """
        with self._lock:
            self._turns.add(model.turns)
        with model.turns.turn() if refuse else model.turns:
            yield

    def before(self, page: str) -> int | None:
        """How many other visitors have their turn before a page, None where it does not wait."""
        places = (turns.before(page) for turns in self._known())
        return next((place for place in places if place is not None), None)

    def run(self, page: str, answers: Iterator[Answer]) -> Iterator[Answer]:
        """Gives a page the answers of a run, until the page is closed or begins another run."""
        ended = threading.Event()
        with self._lock:
            self._end(page)
            self._runs[page] = ended
        try:
            while not ended.is_set():
                with visiting(page):  # around each answer: the next may be made on another thread
                    answer = next(answers, None)
                if answer is None:
                    return
                yield answer
        finally:
            with self._lock:
                if self._runs.get(page) is ended:
                    del self._runs[page]

    def leave(self, page: str) -> None:
        """Frees what a closed page holds: its run ends, and it gives up its places among those that wait."""
        with self._lock:
            self._end(page)
        for turns in self._known():
            turns.leave(page)

    def _end(self, page: str) -> None:
        ended = self._runs.pop(page, None)
        if ended is not None:
            ended.set()

    def _known(self) -> list[Turns]:
        with self._lock:
            return list(self._turns)
