"""The page over a model whose texts run in another process: what runs there, and what is said where there is no GPU."""

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from model_runtime.elsewhere import Elsewhere
from model_runtime.model import Model
from tests.runtime.families import build
from tests.runtime.lending import Lender
from tests.runtime.tokenizers_for_tests import byte_level
from tests.viz.test_running_errors import OneModel
from viz.panels.actions import Request
from viz.panels.answering import Answering
from viz.panels.answers import Desk
from viz.panels.models import Models
from viz.panels.view import TABS

PROMPT = Request({}, "the cat sat on", False)


@pytest.fixture
def lender() -> Iterator[Lender]:
    found = Lender()
    yield found
    found.close()


@pytest.fixture
def desk(lender: Lender) -> Desk:
    model = Model(build("llama", {}, seed=21).model, byte_level(), name="own")
    model.run_elsewhere(Elsewhere(lender, "cpu"))
    return Desk(Models(OneModel(model), "own"))


def asked(desk: Desk, name: str, view: Any, **detail: Any) -> dict[str, Any]:
    return desk.act(name, view, Request(detail, PROMPT.prompt, False))


def test_texts_run_there_and_pictures_do_not(desk: Desk, lender: Lender) -> None:
    view = desk.open(None, PROMPT)["session"]["view"]
    assert len(lender.orders) == 1
    view = asked(desk, "step", view)["session"]["view"]
    assert len(lender.orders) == 2
    *_, last = desk.play(view, 6)
    assert last["message"]["text"].startswith(("Played 6", "Stopped"))
    assert len(lender.orders) == 3
    view = last["session"]["view"]
    for tab in TABS:
        answer = asked(desk, "tab", view, tab=tab)
        assert answer["message"]["kind"] == "notice", answer["message"]
    for position in range(4):
        asked(desk, "cursor", asked(desk, "head", view, layer=1, head=2)["session"]["view"], position=position)
    back = asked(desk, "back", view)["session"]["view"]
    assert len(lender.orders) == 3
    asked(desk, "take", back, position=5, token=9)
    assert len(lender.orders) == 4


@pytest.mark.parametrize(
    ("name", "detail", "place"),
    [("step", {}, "step"), ("take", {"position": 2, "token": 9}, "next-token"), ("append", {"text": "x"}, "append")],
)
def test_where_there_is_no_gpu_it_says_so_beside_the_control(
    desk: Desk, lender: Lender, name: str, detail: dict[str, Any], place: str
) -> None:
    view = desk.open(None, PROMPT)["session"]["view"]
    lender.refused = "You have exceeded your quota."
    answer = asked(desk, name, view, **detail)
    assert (answer["message"]["kind"], answer["message"]["at"]) == ("error", place)
    assert answer["message"]["text"] == "You have exceeded your quota."
    assert answer["session"]["view"] == view
    assert asked(desk, "tab", view, tab="lens")["message"]["kind"] == "notice"
    (played,) = desk.play(view, 3)
    assert (played["message"]["at"], played["session"]["view"]) == ("play", view)


def test_an_answer_is_worked_out_in_the_context_of_its_request() -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")
    whose.set("a visitor's")
    assert Answering().soon(lambda: {"whose": whose.get()}, None) == {"whose": "a visitor's"}
