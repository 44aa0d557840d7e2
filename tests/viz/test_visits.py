"""Pages that are open at once: each token a turn, the place of who waits, what ends with a page."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from model_runtime import Library
from model_runtime.model import Model
from model_runtime.turns import visiting
from viz.panels.actions import Request
from viz.panels.answers import Answer, Desk
from viz.panels.models import Models
from viz.panels.view import View

SOON = 60  # seconds that nothing here comes near


@pytest.fixture(scope="module")
def model() -> Model:
    return LIBRARY.get("builtin")


@pytest.fixture
def desk(model: Model) -> Desk:
    return Desk(Models(LIBRARY, "builtin"))


LIBRARY = Library()


def begun(desk: Desk, page: str, text: str) -> Any:
    """A page's view of a text."""
    with visiting(page):
        return desk.act("start", None, Request({}, text, False))["session"]["view"]


def ids(model: Model, answer: Answer) -> tuple[int, ...]:
    return View.from_json(answer["session"]["view"]).moment.ids


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


@contextmanager
def asking(desk: Desk, page: str, act: Callable[[], Any]) -> Iterator[list[Any]]:
    """Inside, a page waits on a thread of its own; afterwards it has its answer."""
    answers: list[Any] = []

    def ask() -> None:
        with visiting(page):
            answers.append(act())

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    until(lambda: desk.visits.before(page) is not None or not thread.is_alive())
    yield answers
    thread.join(SOON)
    assert not thread.is_alive()


class TestTurns:
    def test_between_two_played_tokens_another_page_steps(self, desk: Desk, model: Model) -> None:
        mine, other = (begun(desk, page, text) for page, text in (("a", "The capital of Japan is"), ("b", "A cat")))
        play = desk.visits.run("a", desk.play(mine, 3))
        order: list[str] = []
        answers: list[Answer] = []
        for answer in play:
            answers.append(answer)
            order.append("a")
            with visiting("b"):  # would wait for ever if the play kept its turn
                other = desk.act("step", other, Request({}, "", False))["session"]["view"]
            order.append("b")
        assert order == ["a", "b"] * 4  # three tokens and the last word
        alone = model.begin("The capital of Japan is")
        *_, alone = model.play(alone, 3)
        assert ids(model, answers[-1]) == alone.ids
        assert ids(model, {"session": {"view": other}}) == _stepped(model, "A cat", 4)

    def test_an_action_is_one_turn_from_start_to_end(self, desk: Desk, model: Model) -> None:
        """So one that waited once does not wait again for each of its panels."""
        view, entered = begun(desk, "a", "A cat"), []
        turns = model.turns
        plain = turns._hand_on

        def noting() -> None:
            entered.append(1)
            plain()

        turns._hand_on = noting
        try:
            with visiting("a"):
                desk.act("step", view, Request({}, "", False))
        finally:
            del turns._hand_on
        assert len(entered) == 1

    def test_the_place_is_known_while_a_page_waits_and_only_then(self, desk: Desk, model: Model) -> None:
        view = begun(desk, "a", "A cat")

        def step() -> Answer:
            return desk.act("step", view, Request({}, "", False))

        with model.turns, asking_while_held(desk, model, ["a", "b", "c"], step) as waiting:
            assert [desk.visits.before(page) for page in ("a", "b", "c", "d")] == [1, 2, 3, None]
        waiting.finish()
        assert [desk.visits.before(page) for page in ("a", "b", "c")] == [None] * 3
        for answer in waiting.answers:
            assert ids(model, answer) == _stepped(model, "A cat", 1)

    def test_too_many_are_refused_plainly_and_keep_their_view(self, desk: Desk, model: Model) -> None:
        view, most = begun(desk, "a", "A cat"), model.turns.most
        model.turns.most = 1
        try:
            with model.turns, asking_while_held(desk, model, ["a"], lambda: step_of(desk, view)) as waiting:
                with asking(desk, "b", lambda: step_of(desk, view)) as refused:
                    pass
                with asking(desk, "c", lambda: list(desk.play(view, 2))) as played:
                    pass
                with asking(desk, "d", lambda: list(desk.scan(view, {"what": "ablation"}))) as scanned:
                    pass
            waiting.finish()
        finally:
            model.turns.most = most
        for answer in (refused[0], *played[0], *scanned[0]):
            assert answer["message"]["kind"] == "error"
            assert answer["message"]["text"].startswith("The queue for this model is full, with 1 waiting.")
            assert answer["session"]["view"] == view
            assert not answer["session"]["more"]
        assert ids(model, waiting.answers[0]) == _stepped(model, "A cat", 1)


class TestClosedPages:
    def test_a_closed_page_plays_no_further(self, desk: Desk) -> None:
        play = desk.visits.run("a", desk.play(begun(desk, "a", "A cat"), 50))
        next(play)
        desk.visits.leave("a")
        assert list(play) == []
        assert desk.visits._runs == {}

    def test_a_page_has_one_run(self, desk: Desk) -> None:
        view = begun(desk, "a", "A cat")
        first, second = (desk.visits.run("a", desk.play(view, 2)) for _ in range(2))
        next(first)
        next(second)
        assert list(first) == []
        assert len(list(second)) == 2
        assert desk.visits._runs == {}

    def test_a_closed_page_gives_its_place_up(self, desk: Desk, model: Model) -> None:
        view = begun(desk, "a", "A cat")
        with model.turns, asking_while_held(desk, model, ["a", "b"], lambda: step_of(desk, view)) as waiting:
            desk.visits.leave("a")
            until(lambda: len(waiting.answers) == 1)
            assert desk.visits.before("b") == 1
        waiting.finish()
        first, second = waiting.answers
        assert "was closed" in first["message"]["text"]
        assert ids(model, second) == _stepped(model, "A cat", 1)
        with visiting("a"):  # and a page that comes back is answered again
            assert ids(model, step_of(desk, view)) == _stepped(model, "A cat", 1)


class Waiting:
    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.threads: list[threading.Thread] = []

    def finish(self) -> None:
        for thread in self.threads:
            thread.join(SOON)
            assert not thread.is_alive()


@contextmanager
def asking_while_held(desk: Desk, model: Model, pages: list[str], act: Callable[[], Answer]) -> Iterator[Waiting]:
    """Inside, pages wait, in this order; the caller holds the turn."""
    waiting = Waiting()

    def ask(page: str) -> None:
        with visiting(page):
            waiting.answers.append(act())

    for page in pages:
        waiting.threads.append(threading.Thread(target=ask, args=(page,), daemon=True))
        waiting.threads[-1].start()
        until(lambda page=page: desk.visits.before(page) is not None)  # type: ignore[misc]
    yield waiting


def step_of(desk: Desk, view: Any) -> Answer:
    return desk.act("step", view, Request({}, "", False))


def _stepped(model: Model, text: str, steps: int) -> tuple[int, ...]:
    moment = model.begin(text)
    for _ in range(steps):
        moment = model.step(moment)
    return moment.ids
