"""The benchmark of many visitors counts what the server did, and says how even the shares were."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bench import load
from model_runtime import Library, Moment
from model_runtime.model import Model
from tests.serving import address_of
from viz.panels import answering
from viz.panels.answers import Desk
from viz.panels.models import Models

LIBRARY = Library()
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of gradio and its server, about each other


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    LIBRARY.get("builtin")
    with address_of(Models(LIBRARY, "builtin")) as where:
        yield where


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What the server did: actions that were answered, by name, and tokens that were chosen."""
    counted: Counter[str] = Counter()
    act, step = Desk.act, Model.step

    def acted(desk: Desk, name: str, *given: Any) -> Any:
        answer = act(desk, name, *given)
        counted[name if answer["message"]["kind"] == "notice" else "refused"] += 1
        return answer

    def stepped(model: Model, moment: Moment, take: int | None = None) -> Moment:
        counted["token"] += 1
        return step(model, moment, take)

    monkeypatch.setattr(Desk, "act", acted)
    monkeypatch.setattr(Model, "step", stepped)
    monkeypatch.setattr(load, "REST", 0.0)
    monkeypatch.setattr(load, "PLAYED", 7)
    return counted


def visitor(monkeypatch: pytest.MonkeyPatch, address: str, requests: int) -> load.Visitor:
    """A visitor that may send so many requests."""
    monkeypatch.setattr(load, "MOST_REQUESTS", requests)
    bounds = load.Bounds(counting=0, end=time.monotonic() + 300)
    return load.Visitor(address, load.events_of(address), bounds, 3)


@pytest.mark.parametrize("patience", [60.0, 0.0], ids=["answers at once", "answers that are followed"])
def test_each_action_is_counted_once(
    monkeypatch: pytest.MonkeyPatch, address: str, done: Counter[str], patience: float
) -> None:
    monkeypatch.setattr(answering, "PATIENCE", patience)
    one = visitor(monkeypatch, address, 9)
    one.step()
    assert len(one.counted.seconds) == done["start"] + done["step"]
    assert done["step"] >= 4
    assert done["token"] == done["step"] + done["refused"]
    assert (one.counted.refused, one.counted.worst) == (0, "")  # a text that ended is no failure


def test_each_played_token_is_counted_once(monkeypatch: pytest.MonkeyPatch, address: str, done: Counter[str]) -> None:
    one = visitor(monkeypatch, address, 3)
    one.play()
    assert one.counted.tokens == done["token"]
    assert 3 <= done["token"] <= 3 * load.PLAYED
    assert one.counted.refused == 0


def test_what_fails_is_counted_and_told(monkeypatch: pytest.MonkeyPatch, address: str, done: Counter[str]) -> None:
    def refuse(desk: Desk, name: str, view: object, request: object) -> Any:
        return {"session": {"view": view, "more": False}, "message": {"kind": "error", "text": "No room.", "at": ""}}

    monkeypatch.setattr(Desk, "act", refuse)
    one = visitor(monkeypatch, address, 4)
    one.step()
    one.play()
    assert (one.counted.seconds, one.counted.refused, one.counted.worst) == ([], 4, "No room.")


@pytest.mark.parametrize(
    ("shares", "jain", "worst"),
    [([5, 5, 5], 1.0, 1.0), ([3, 0, 0], 1 / 3, 0.0), ([1, 2, 3], 36 / 42, 0.5), ([0], 0, 0)],
)
def test_fairness_by_hand(shares: list[float], jain: float, worst: float) -> None:
    assert load.fairness(shares) == {"jain": pytest.approx(jain, abs=1e-4), "worst_of_median": pytest.approx(worst)}
