"""Whose turn it is with a model: one at a time, visitor after visitor."""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Final
from weakref import WeakSet

from model_runtime.errors import TooManyWaiting, VisitorLeft

MOST_WAITING: Final = 64
_VISITOR: ContextVar[str] = ContextVar("visitor", default="")
_ALL: "WeakSet[Turns]" = WeakSet()


@contextmanager
def visiting(visitor: str) -> Iterator[None]:
    """Inside, what is asked of models is asked by this visitor; outside of all, by the program itself, which is "".

    A generator is resumed on other threads: enter this around each of its steps, never around a `yield`.
    """
    token = _VISITOR.set(visitor)
    try:
        yield
    finally:
        _VISITOR.reset(token)


class _Place:
    """A thread that waits: `called` is held until its turn begins or its visitor leaves."""

    def __init__(self, visitor: str) -> None:
        self.visitor = visitor
        self.thread = threading.get_ident()
        self.called = threading.Lock()
        self.called.acquire()
        self.has_turn = self.left = False


class Turns(AbstractContextManager[None]):
    """A lock that is handed on in turn: entering waits, and a thread that has the turn may enter again.

    Waiting visitors are served round: nobody is served twice while another who came before waits. What one visitor asks
    for is served in order. Where nobody waits, entering takes about a microsecond.

    Attributes:
        most: The most visitors that `turn` lets wait. Entering plainly, as answers do that have begun, is not refused.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self.most = most
        self._gate = threading.Lock()  # around the fields below, for moments only
        self._owner: int | None = None  # the thread whose turn it is; nobody waits while there is none
        self._visitor = ""  # who that thread works for
        self._depth = 0
        self._waiting: dict[str, deque[_Place]] = {}  # in the order in which visitors are served
        _ALL.add(self)

    def __enter__(self) -> None:
        """Waits for the turn.

        Raises:
            VisitorLeft: The visitor left meanwhile.
        """
        self._enter(None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for the turn, unless too many visitors wait already.

        Raises:
            TooManyWaiting: As many visitors wait as are let wait.
            VisitorLeft: The visitor left meanwhile.
        """
        self._enter(self.most)
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Inside, others have their turn, as while this thread waits for another process; then it has its own again.

        A thread without the turn gives nothing up.

        Raises:
            VisitorLeft: The visitor left meanwhile; the turn is not had again.
        """
        depth = self._depth if self._owner == threading.get_ident() else 0
        if depth:
            with self._gate:
                self._hand_on()
        try:
            yield
        finally:
            if depth:
                self._enter(None)
                self._depth = depth

    def enter_ahead(self) -> None:
        """Waits for the turn before all that wait: for what takes no more than a moment."""
        self._enter(None, ahead=True)

    def before(self, visitor: str) -> int | None:
        """How many other visitors have their turn before this one, None where this one does not wait."""
        with self._gate:
            if visitor not in self._waiting:
                return None
            order = list(self._waiting)
            return len({self._visitor, *order[: order.index(visitor)]} - {visitor})

    def leave(self, visitor: str) -> None:
        """Takes a visitor out of those that wait; its threads get `VisitorLeft`. A turn that began goes on."""
        with self._gate:
            for place in self._waiting.pop(visitor, ()):
                place.left = True
                place.called.release()

    def _enter(self, most: int | None, *, ahead: bool = False) -> None:
        me = threading.get_ident()
        if self._owner == me:  # only this thread makes it so, and unmakes it
            self._depth += 1
            return
        # Who goes ahead is nobody's visitor, so that it cannot leave.
        visitor = f"ahead {me}" if ahead else _VISITOR.get()
        with self._gate:
            if self._owner is None:
                self._owner, self._visitor, self._depth = me, visitor, 1
                return
            if most is not None and len(self._waiting) >= most and visitor not in self._waiting:
                raise TooManyWaiting(
                    f"The queue for this model is full, with {len(self._waiting)} waiting. "
                    "Nothing is lost: try again in a minute."
                )
            place = _Place(visitor)
            if ahead:
                self._waiting = {visitor: deque([place]), **self._waiting}
            else:
                self._waiting.setdefault(visitor, deque()).append(place)
        self._wait(place)

    def _end(self) -> None:
        if self._owner != threading.get_ident():
            return  # it stepped aside and did not come back
        self._depth -= 1  # nobody else touches it while the turn is ours
        if self._depth == 0:
            with self._gate:
                self._hand_on()

    def _wait(self, place: _Place) -> None:
        come = False
        try:
            place.called.acquire()
            come = True
        finally:
            if not come:  # interrupted, perhaps just when the turn began
                self._give_up(place)
        if place.left:
            raise VisitorLeft("The page that asked was closed, so the question was dropped.")

    def _give_up(self, place: _Place) -> None:
        with self._gate:
            if place.has_turn:
                self._hand_on()
            elif place in self._waiting.get(place.visitor, ()):
                self._waiting[place.visitor].remove(place)
                if not self._waiting[place.visitor]:
                    del self._waiting[place.visitor]

    def _hand_on(self) -> None:
        """Gives the turn to the first that waits; its visitor goes behind the others. The caller holds the gate."""
        visitor = next(iter(self._waiting), None)
        if visitor is None:
            self._owner, self._depth = None, 0
            return
        places = self._waiting.pop(visitor)
        place = places.popleft()
        if places:
            self._waiting[visitor] = places
        self._owner, self._visitor, self._depth = place.thread, visitor, 1
        place.has_turn = True
        place.called.release()

    def after_fork(self) -> None:
        """In a forked process only the thread that forked goes on: whatever others held or waited for is void."""
        mine = self._owner == threading.get_ident()
        self._gate = threading.Lock()
        self._waiting = {}
        if not mine:
            self._owner, self._depth = None, 0


def _after_fork() -> None:
    for turns in _ALL:
        turns.after_fork()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_after_fork)
