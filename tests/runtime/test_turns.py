"""Turns with a model: in order, fair, bounded, and given up by who leaves. Real threads; nothing sleeps as a proof."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime.errors import TooManyWaiting, VisitorLeft
from model_runtime.turns import Turns, visiting

SOON = 20  # seconds that nothing here comes near


class Crowd:
    """Visitors that come while somebody has the turn, and are noted as they are served."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.served: list[str] = []
        self.refused: list[str] = []
        self.left: list[str] = []
        self.at_once = self.most_at_once = 0
        self.threads: list[threading.Thread] = []

    def come(self, visitor: str, then: Callable[[], None] = lambda: None) -> None:
        """A visitor asks on a thread of its own; returns when it waits, or was refused."""
        number = waiting(self.turns)
        thread = threading.Thread(target=self._ask, args=(visitor, then), daemon=True)
        self.threads.append(thread)
        thread.start()
        until(lambda: waiting(self.turns) > number or not thread.is_alive())

    def _ask(self, visitor: str, then: Callable[[], None]) -> None:
        with visiting(visitor):
            try:
                with self.turns.turn():
                    self.at_once += 1
                    self.most_at_once = max(self.most_at_once, self.at_once)
                    self.served.append(visitor)
                    then()
                    self.at_once -= 1
            except TooManyWaiting:
                self.refused.append(visitor)
            except VisitorLeft:
                self.left.append(visitor)

    def gone(self) -> None:
        for thread in self.threads:
            thread.join(SOON)
            assert not thread.is_alive()


def waiting(turns: Turns) -> int:
    return sum(len(places) for places in turns._waiting.values())


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


@contextmanager
def held(turns: Turns) -> Iterator[Crowd]:
    """Inside, this thread has the turn; afterwards all that came have been served."""
    crowd = Crowd(turns)
    with visiting("first"), turns:
        yield crowd
    crowd.gone()
    assert crowd.most_at_once <= 1


class TestOrder:
    def test_visitors_are_served_round_and_each_in_order(self) -> None:
        with held(Turns()) as crowd:
            for visitor in ("a", "a", "a", "b", "c", "b"):
                crowd.come(visitor)
        assert crowd.served == ["a", "b", "c", "a", "b", "a"]

    def test_who_asks_again_after_a_turn_stands_behind_who_waits(self) -> None:
        turns = Turns()
        with held(turns) as crowd:
            crowd.come("play", then=lambda: crowd.come("play"))
            crowd.come("other")
        assert crowd.served == ["play", "other", "play"]

    @given(st.lists(st.sampled_from("abcd"), max_size=12))
    @settings(max_examples=25, deadline=None)
    def test_nobody_is_passed_twice_by_the_same(self, coming: list[str]) -> None:
        with held(Turns()) as crowd:
            for visitor in coming:
                crowd.come(visitor)
        assert Counter(crowd.served) == Counter(coming)
        for visitor in set(coming):
            before = crowd.served[: crowd.served.index(visitor)]
            assert max(Counter(before).values(), default=0) <= 1

    def test_a_thread_that_has_the_turn_enters_again(self) -> None:
        turns = Turns(most=0)
        with turns, turns.turn(), turns:
            pass
        assert turns._owner is None
        with held(turns) as crowd:
            crowd.come("refused")
        assert crowd.refused == ["refused"]
        with turns.turn():  # and it is free again
            pass

    def test_an_error_inside_hands_the_turn_on(self) -> None:
        turns = Turns()
        with held(turns) as crowd:
            crowd.come("next")
            with pytest.raises(ZeroDivisionError), turns:
                _ = 1 / 0
            assert crowd.served == []  # the outer turn went on
        assert crowd.served == ["next"]

    def test_one_at_a_time_among_many_threads(self) -> None:
        turns, counts, inside = Turns(), Counter[str](), []

        def work(visitor: str) -> None:
            with visiting(visitor):
                for _ in range(200):
                    with turns:
                        inside.append(visitor)
                        counts[visitor] += 1
                        assert len(inside) == 1
                        inside.pop()

        threads = [threading.Thread(target=work, args=(f"visitor {index % 5}",), daemon=True) for index in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)
        assert counts == {f"visitor {index}": 400 for index in range(5)}
        assert (turns._owner, turns._waiting) == (None, {})


class TestPlaces:
    def test_the_place_counts_visitors_not_questions(self) -> None:
        turns = Turns()
        with held(turns) as crowd:
            for visitor in ("a", "a", "b", "first", "c"):
                crowd.come(visitor)
            assert [turns.before(visitor) for visitor in ("a", "b", "first", "c")] == [1, 2, 2, 3]
            assert turns.before("nobody") is None
        assert turns.before("a") is None

    def test_more_visitors_than_may_wait_are_refused_with_words(self) -> None:
        turns = Turns(most=2)
        with held(turns) as crowd:
            for visitor in ("a", "b", "c", "a"):  # one that waits already is no more of a crowd
                crowd.come(visitor)
            assert crowd.refused == ["c"]
            error: list[TooManyWaiting] = []

            def ask() -> None:
                try:
                    with turns.turn():
                        pass
                except TooManyWaiting as refused:
                    error.append(refused)

            thread = threading.Thread(target=ask)
            thread.start()
            thread.join(SOON)
            assert str(error[0]).startswith("The queue for this model is full, with 2 waiting.")
        assert crowd.served == ["a", "b", "a"]

    def test_what_has_begun_is_never_refused(self) -> None:
        turns = Turns(most=0)
        served: list[bool] = []

        def go_on() -> None:
            with turns:
                served.append(True)

        thread = threading.Thread(target=go_on, daemon=True)
        with turns:
            thread.start()
            until(lambda: waiting(turns) == 1)
        thread.join(SOON)
        assert served == [True]

    def test_who_leaves_is_not_served_and_the_others_are(self) -> None:
        turns = Turns()
        with held(turns) as crowd:
            for visitor in ("a", "b", "a", "c"):
                crowd.come(visitor)
            turns.leave("a")
            turns.leave("nobody")
            until(lambda: len(crowd.left) == 2)
            assert turns.before("b") == 1
        assert (crowd.left, crowd.served) == (["a", "a"], ["b", "c"])

    def test_an_interrupted_wait_gives_its_place_up(self) -> None:
        class InterruptedLock:
            def acquire(self) -> bool:
                raise KeyboardInterrupt

            def release(self) -> None:
                pass

        turns = Turns()
        crowd = Crowd(turns)
        with turns:
            crowd.come("a")
            place = next(iter(turns._waiting["a"]))
            crowd.come("b")
            given_up = type(place)("a")
            given_up.called = InterruptedLock()
            turns._waiting["a"].append(given_up)
            with pytest.raises(KeyboardInterrupt):
                turns._wait(given_up)
            assert list(turns._waiting["a"]) == [place]
            late = type(place)("late")
            late.called = InterruptedLock()
            turns._waiting = {"late": deque([late]), **turns._waiting}
        assert turns._owner == late.thread  # the turn came
        with pytest.raises(KeyboardInterrupt):
            turns._wait(late)
        crowd.gone()
        assert crowd.served == ["a", "b"]


def test_in_a_forked_process_nothing_waits_for_threads_that_are_not_there() -> None:
    turns = Turns()
    with held(turns) as crowd:
        crowd.come("a")
        turns.after_fork()  # this thread forked: it keeps its turn
        assert (turns._owner, waiting(turns)) == (threading.get_ident(), 0)
        crowd.threads.clear()  # its place is void
    assert turns._owner is None
    holder = threading.Thread(target=turns.__enter__)
    holder.start()
    holder.join(SOON)
    turns.after_fork()
    with turns.turn():  # the thread that held it is not there
        pass


def test_who_steps_aside_lets_others_go_and_has_its_turn_again() -> None:
    turns = Turns()
    crowd = Crowd(turns)
    with turns, turns:
        crowd.come("a")
        with turns.aside():
            crowd.gone()  # it was served meanwhile
            assert crowd.served == ["a"]
        assert (turns._owner, turns._depth) == (threading.get_ident(), 2)
        crowd.come("b")
        assert crowd.served == ["a"]
    crowd.gone()
    assert crowd.served == ["a", "b"]


def test_who_has_no_turn_steps_aside_for_nothing() -> None:
    turns = Turns()
    with turns.aside():
        assert turns._owner is None
    assert turns._owner is None


def test_who_leaves_while_aside_does_not_have_its_turn_again_and_gives_none_up() -> None:
    turns = Turns()
    aside, taken, told = threading.Event(), threading.Event(), list[str]()

    def ask() -> None:
        with visiting("page"):
            try:
                with turns, turns.aside():
                    aside.set()
                    taken.wait(SOON)
            except VisitorLeft as error:
                told.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    assert aside.wait(SOON)
    with turns:
        taken.set()
        until(lambda: waiting(turns) == 1)  # it wants its turn again
        turns.leave("page")
        thread.join(SOON)
        assert (turns._owner, turns._depth) == (threading.get_ident(), 1)
    assert (len(told), turns._owner) == (1, None)


def test_who_goes_ahead_is_served_before_all_that_wait() -> None:
    turns = Turns()
    before: list[list[str]] = []

    def hurry() -> None:
        turns.enter_ahead()
        before.append(list(crowd.served))
        turns.__exit__(None, None, None)

    with held(turns) as crowd:
        crowd.come("a")
        thread = threading.Thread(target=hurry)
        thread.start()
        until(lambda: waiting(turns) == 2)
    thread.join(SOON)
    assert before == [[]]
    assert crowd.served == ["a"]
