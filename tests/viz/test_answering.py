"""Long answers tell how far they are, can be stopped, and short ones come at once."""

import threading
from collections.abc import Iterator

import pytest

from model_runtime.errors import AnswerStopped, BadMoment, OutOfRange
from model_runtime.progress import tell
from viz.panels import answering
from viz.panels.answering import Answering


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is waited for; what is asked goes on when the event is set."""
    monkeypatch.setattr(answering, "PATIENCE", 0.0)
    monkeypatch.setattr(answering, "PACE", 0.01)
    gate = threading.Event()
    yield gate
    gate.set()


def test_a_short_answer_comes_at_once() -> None:
    assert Answering().soon(lambda: {"strip": 3}, None) == {"strip": 3}


def test_an_error_is_raised_where_the_answer_is_waited_for() -> None:
    def wrong() -> answering.Answer:
        raise OutOfRange("no such head")

    with pytest.raises(OutOfRange, match="no such head"):
        Answering().soon(wrong, None)


def test_a_long_answer_is_followed(slow: threading.Event) -> None:
    told = threading.Event()

    def ask() -> answering.Answer:
        tell("Reading", 1, 4)
        told.set()
        slow.wait(30)
        return {"strip": 3}

    desk = Answering()
    first = desk.soon(ask, {"cursor": 5})
    assert first["session"]["more"]
    assert first["session"]["view"] == {"cursor": 5}
    told.wait(30)
    answers = desk.follow(first["session"]["ticket"])
    report = next(answers)
    assert (report["message"]["kind"], report["message"]["fraction"]) == ("progress", 0.25)
    assert report["message"]["text"].startswith("Reading")
    assert "ticket" not in report["session"]
    slow.set()
    assert list(answers)[-1] == {"strip": 3}
    with pytest.raises(BadMoment, match="Try again"):
        next(desk.follow(first["session"]["ticket"]))


def test_who_follows_no_more_stops_the_work(slow: threading.Event) -> None:
    ended: list[BaseException] = []
    done = threading.Event()

    def ask() -> answering.Answer:
        try:
            slow.wait(30)
            tell("Reading", 2, 4)
        except AnswerStopped as stopped:
            ended.append(stopped)
            raise
        finally:
            done.set()
        return {}

    desk = Answering()
    answers = desk.follow(desk.soon(ask, None)["session"]["ticket"])
    next(answers)
    answers.close()  # type: ignore[attr-defined]  # as gradio leaves a generator that was cancelled
    slow.set()
    assert done.wait(30)
    assert len(ended) == 1


def test_nobody_watches_outside() -> None:
    tell("Reading", 1, 2)
