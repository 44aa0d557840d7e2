"""Events of the page with fields that no page sends: each gets a plain answer, and none is a fault of the program."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile import HOSTILE, NAME, hostile_model
from tests.safety.server import Visitor
from tests.serving import Kept
from viz.panels.actions import Request
from viz.panels.answers import _ACTIONS, _SCANS, Desk
from viz.panels.arriving import LARGEST, readable
from viz.panels.models import Models
from viz.panels.view import TABS

MODELS = Models(Kept({NAME: hostile_model()}), NAME, any_name=False)
VIEW = Desk(MODELS).act("start", None, Request({}, "The capital", False))["session"]["view"]
NAMES = """
text seed stop tab plus minus strength layer head position token index hide colour by against name precision
kind tokens shade window reading settings count method scope what ask model texts chat steps temperature top_k
top_p min_p repetition_penalty layers target width first second rounds measure pin key view prompt mode shared
ticket
""".split()
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.sampled_from([2**31, 2**53, 2**63, 10**40, -(10**40)]),
    st.floats(),
    st.sampled_from([*HOSTILE.values(), "a\ud800b", "x" * 100_000, "1e999", "9" * 400, "\u0661\u0662", " 1 ", "mean"]),
    st.sampled_from(
        [[], [[]], [None] * 50, [1, 2], {}, {"a": [1]}, {"__proto__": {"x": 1}}, [{"layer": 0, "head": 0}]]
    ),
)
DETAIL = st.dictionaries(st.sampled_from(NAMES), ODD, max_size=12)
VIEWS = st.one_of(ODD, st.dictionaries(st.sampled_from([*VIEW]), ODD, max_size=3).map(lambda odd: {**VIEW, **odd}))
ACTS = st.sampled_from([*_ACTIONS, "show", "build", "revisit", *HOSTILE.values()])
SENT = st.one_of(ODD, st.fixed_dictionaries({"name": ACTS, "detail": st.one_of(ODD, DETAIL), "view": VIEWS}))
MANY = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


def test_the_usual_view_is_answered() -> None:
    assert Desk(MODELS).act("step", VIEW, Request({}, "", False))["message"]["kind"] == "notice"


def as_sent(value: Any) -> Any:
    """A value as it reaches the page's functions: by JSON."""
    return readable(json.loads(json.dumps(value)), largest=LARGEST)


def check(answer: Any) -> None:
    """An answer of the desk can be sent, and says in short words what is wrong."""
    orjson.dumps(answer)
    message = answer["message"]
    assert len(message["text"]) < 2_500
    assert message["kind"] in ("notice", "error", "progress")


@MANY
@given(name=ACTS, view=VIEWS, detail=DETAIL, words=st.sampled_from(["", "x", *HOSTILE.values()]), chat=st.booleans())
def test_every_action_answers(name: str, view: Any, detail: Any, words: str, chat: bool) -> None:
    check(Desk(MODELS).act(name, as_sent(view), Request(as_sent(detail), words, chat)))


@MANY
@given(what=st.sampled_from([*_SCANS]), tab=st.sampled_from(TABS), view=VIEWS, detail=DETAIL)
def test_every_long_question_answers(what: str, tab: str, view: Any, detail: Any) -> None:
    view = as_sent(view)
    if isinstance(view, dict) and "tab" in view:
        view["tab"] = tab
    for number, answer in enumerate(Desk(MODELS).scan(view, {**as_sent(detail), "what": what})):
        check(answer)
        if number == 2:
            break


@MANY
@given(view=VIEWS, steps=ODD)
def test_play_answers(view: Any, steps: Any) -> None:
    for number, answer in enumerate(Desk(MODELS).play(as_sent(view), as_sent(steps))):
        check(answer)
        if number == 1:
            break


@MANY
@given(saved=st.one_of(ODD, st.fixed_dictionaries({"view": VIEWS}), st.fixed_dictionaries({"link": ODD})))
def test_opening_answers(saved: Any) -> None:
    check(Desk(MODELS).open(as_sent(saved), Request({}, "x", False)))


@pytest.fixture(scope="module")
def faults() -> Iterator[list[str]]:
    """What the program's log says."""

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    heard: list[str] = []
    handler = Kept(logging.ERROR)
    logging.getLogger("tokenscope").addHandler(handler)
    yield heard
    logging.getLogger("tokenscope").removeHandler(handler)


@settings(MANY, max_examples=60)
@given(choice=st.integers(0, 10**6), data=st.lists(ODD, max_size=4), fits=st.booleans(), sent=SENT)
def test_no_event_over_http_is_a_fault_of_the_program(
    page: gr.Blocks, faults: list[str], choice: int, data: list[Any], fits: bool, sent: Any
) -> None:
    events = [(index, one) for index, one in page.fns.items() if one.api_visibility != "public"]
    assert len([one for _, one in events if one.fn is not None]) >= 8
    index, event = events[choice % len(events)]
    if fits:
        data = [*data, *[None] * len(event.inputs)][: len(event.inputs)]
    status, answer = Visitor(page).event(index, data, sent)
    assert status in (200, 404, 500)
    if status != 200:
        assert isinstance(answer, dict)
        words = answer.get("error") or answer.get("detail")
        assert "Reload the page" in words or "join the queue" in words, answer
    assert faults == []


def test_the_queues_own_events_answer_no_direct_request(page: gr.Blocks, visitor: Visitor) -> None:
    queued = [(index, one) for index, one in page.fns.items() if one.queue and one.fn is not None]
    assert {"played", "scanned", "followed", "loaded"} <= {one.name for _, one in queued}
    for index, one in queued:
        status, _ = visitor.event(index, [None] * len(one.inputs), {"name": "x"})
        assert status == 404
