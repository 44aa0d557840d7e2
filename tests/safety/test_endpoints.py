"""Hostile text through every endpoint: answers carry it as text, refusals are plain."""

import inspect
import json
from typing import Any

import gradio as gr
import orjson
import pytest

from model_runtime import Offer
from tests.hostile import HOSTILE, NAME, hostile_model, hostile_prompt
from tests.safety.server import Visitor
from tests.serving import Kept
from viz.panels.api.asking import told
from viz.panels.api.endpoints import endpoints
from viz.panels.limits import NO_LIMITS
from viz.panels.models import Models

MODELS = Models(Kept({NAME: hostile_model()}), NAME, any_name=False, offers=[Offer(NAME, NAME, NAME)])
ENDPOINTS = {endpoint.__name__: endpoint for endpoint in endpoints(MODELS, NO_LIMITS)}
# What each argument is given where another is hostile.
USUAL: dict[str, Any] = {"layer": 0, "head": 0, "text": "x", "heads": [[0, 0]]}
# Arguments that may be any text at all; every other one refuses what is none of its own.
FREE = {("begin", "text"), ("append", "text")}
ODD: list[Any] = [None, True, -1, 10**40, 1.5, float("nan"), float("inf"), [], {}, [[]], [None], {"a": 1}, [[1, "x"]]]


class Asked(gr.Request):
    """A request as the endpoints see it."""

    def __init__(self) -> None:
        super().__init__(session_hash="visitor")

    @property
    def headers(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="module")
def moment() -> str:
    begun = MODELS.get(NAME).begin(hostile_prompt())
    assert len(begun.ids) == len(HOSTILE)
    return begun.to_text()


def asked(name: str, **given: Any) -> Any:
    """What an endpoint answers, or the words in which it refuses."""
    signature = inspect.signature(ENDPOINTS[name])
    values = [given.get(one, USUAL.get(one, part.default)) for one, part in signature.parameters.items()]
    try:
        return told(ENDPOINTS[name])(Asked(), *values)
    except gr.Error as error:
        return error


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_answers_hostile_tokens(moment: str, name: str) -> None:
    given = {"moment": moment} if "moment" in inspect.signature(ENDPOINTS[name]).parameters else {}
    answer = asked(name, **given)
    assert not isinstance(answer, gr.Error), answer
    read = json.loads(orjson.dumps(answer))
    if name == "tokens":
        assert read["text"]["values"] == list(HOSTILE.values())


@pytest.mark.parametrize("text", [*HOSTILE.values(), "a\ud800b", "<b>" * 33_334])
@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_argument_takes_or_refuses_hostile_text(moment: str, name: str, text: str) -> None:
    for argument in inspect.signature(ENDPOINTS[name]).parameters:
        answer = asked(name, **{"moment": moment, argument: text})
        if isinstance(answer, gr.Error):
            check_refusal(answer)
        else:
            assert (name, argument) in FREE
            orjson.dumps(answer)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_argument_takes_or_refuses_odd_values(moment: str, name: str) -> None:
    for argument in inspect.signature(ENDPOINTS[name]).parameters:
        for value in ODD:
            answer = asked(name, **{"moment": moment, argument: value})
            if isinstance(answer, gr.Error):
                check_refusal(answer)
            else:
                orjson.dumps(answer)


def check_refusal(error: gr.Error) -> None:
    assert len(error.message) < 800
    assert error.message.endswith(".")
    assert error.print_exception is False
    assert "Traceback" not in error.message
    assert ".py" not in error.message


def test_every_endpoint_is_on_the_page(page: gr.Blocks) -> None:
    named = {function.api_name for function in page.fns.values() if function.api_visibility == "public"}
    assert named == set(ENDPOINTS)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_errors_over_http_are_plain(visitor: Visitor, name: str) -> None:
    for data in ([], ["x"] * 99, [HOSTILE["script end"]] * len(inspect.signature(ENDPOINTS[name]).parameters)):
        status, answer = visitor.post(f"/gradio_api/call/{name}", {"data": data})
        assert status == 200
        status, headers, told = visitor.ask("GET", f"/gradio_api/call/{name}/{answer['event_id']}")
        assert status == 200
        assert headers["content-type"].startswith("text/event-stream")
        assert b"Traceback" not in told
        assert b"site-packages" not in told
