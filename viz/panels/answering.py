"""Answers that take long: worked out on threads of their own, so that the page is told how far they are and can stop.

An answer that comes soon is given at once. Of any other the page gets a ticket, with which it follows the work.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final

from model_runtime.errors import AnswerStopped, BadMoment
from model_runtime.progress import watched
from model_runtime.turns import MOST_WAITING
from viz.sentences import say

Answer = dict[str, Any]

PATIENCE: Final = 1.5  # seconds that an answer may take before the page is told how far it is
PACE: Final = 0.25  # seconds between two reports
SPARE: Final = 32  # answers at once beyond those that wait for a model


class Work:
    """One answer that is being worked out; `leave` ends it at its next report."""

    def __init__(
        self, work: Callable[[], Answer], view: object = None, place: Callable[[], int | None] = lambda: None
    ) -> None:
        self.view, self._work, self._place = view, work, place
        self.done, self._left = threading.Event(), False
        self.text, self.fraction = say("Working"), 0.0
        self.began = time.perf_counter()
        self._answer: Answer = {}
        self._error: BaseException | None = None

    def run(self) -> None:
        """Works the answer out, on the thread that calls this."""
        try:
            with watched(self._told):
                self._answer = self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is waited for
            self._error = error
        finally:
            self.done.set()

    def leave(self) -> None:
        """Ends the work at its next report: nobody waits for it any more."""
        self._left = True

    def answer(self) -> Answer:
        """Returns what was worked out, or raises what went wrong."""
        if self._error is not None:
            raise self._error
        return self._answer

    def report(self) -> Answer:
        """What the page shows meanwhile; its view stays."""
        told = f"{self.text} \u00b7 {int(time.perf_counter() - self.began)} s"
        message = {"kind": "progress", "text": told, "at": "", "fraction": self.fraction or None, "more": True}
        message["before"] = self._place()
        session = {"view": self.view, "turn": secrets.token_hex(8), "more": True, "follows": True}
        return {"session": session, "message": message}

    def _told(self, text: str, fraction: float) -> None:
        if self._left:
            raise AnswerStopped(say("The answer was stopped. Your text is as it was."))
        self.text, self.fraction = text, fraction


class Answering:
    """Works answers out. May be called from any thread."""

    def __init__(self, waiting: int = MOST_WAITING) -> None:
        """Takes how many visitors may wait for a model: each of them holds a thread, so that its place is known."""
        self._most = waiting + SPARE  # answers at once, and tickets that are kept for pages that never came back
        self._pool = ThreadPoolExecutor(self._most, "answer")
        self._waiting: OrderedDict[str, Work] = OrderedDict()
        self._lock = threading.Lock()

    def soon(self, ask: Callable[[], Answer], view: object, place: Callable[[], int | None] = lambda: None) -> Answer:
        """The answer where it comes soon; else what there is to say of it, with a ticket to follow it with.

        Args:
            ask: Works the answer out.
            view: The view that the page keeps meanwhile.
            place: Tells how many visitors have their turn first while the answer waits for one, else None.
        """
        work = Work(ask, view, place)
        self._pool.submit(copy_context().run, work.run)  # which knows whose request it is
        if work.done.wait(PATIENCE):
            return work.answer()
        ticket = secrets.token_hex(8)
        with self._lock:
            self._waiting[ticket] = work
            while len(self._waiting) > self._most:
                self._waiting.popitem(last=False)[1].leave()
        report = work.report()
        return {**report, "session": {**report["session"], "ticket": ticket}}

    def follow(self, ticket: object) -> Iterator[Answer]:
        """Tells how far an answer is, and at last gives it. Who follows it no more stops it.

        Raises:
            BadMoment: Nothing is known of the ticket.
        """
        with self._lock:
            work = self._waiting.pop(str(ticket), None)
        if work is None:
            raise BadMoment(say("The answer is not being worked out any more. Try again."))
        try:
            while not work.done.wait(PACE):
                yield work.report()
            yield work.answer()
        finally:
            work.leave()
