"""What a visitor types is in no log, at any level, whatever goes wrong with it."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from app import LOGGED, QUIET, log_from
from model_runtime import Library
from model_runtime.errors import TokenscopeError
from tests.safety.guard import watched
from tests.safety.server import Visitor
from viz.panels.loads import Loads
from viz.panels.models import Models

MARK = "typedbyavisitor"
FORGED = f"{MARK}\n2026-01-01 00:00:00,000 ERROR tokenscope: forged\r\x1b[2K\x1b[31m"
VIEW = {"branches": [MARK], "branch": 0, "tab": MARK}


@pytest.fixture(scope="module", autouse=True)
def everything_is_logged() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in (*LOGGED, *QUIET)}
    log_from("debug")
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Says all that went to logs, to the output and to the errors."""
    caplog.set_level(logging.DEBUG)

    def said() -> str:
        told = capfd.readouterr()
        return "\n".join([caplog.text, told.out, told.err])

    return said


def bodies(inputs: int) -> Iterator[tuple[list[Any], Any]]:
    """Inputs and event data, well formed or not, with the mark in them."""
    for data in ([MARK] * inputs, [FORGED] * inputs, [VIEW] * inputs, [MARK], []):
        yield data, {"name": "start", "detail": {"text": MARK}, "view": None}
        yield data, {"name": FORGED, "detail": {"text": FORGED, "name": f"{MARK}/x", "precision": MARK}, "view": VIEW}
        yield (
            data,
            {"name": "download", "detail": {"name": MARK, "view": VIEW, "prompt": "\ud800" + MARK}, "view": MARK},
        )
        yield data, MARK


def test_no_event_puts_what_was_typed_into_the_log(
    page: gr.Blocks, visitor: Visitor, logged: Callable[[], str]
) -> None:
    for index, function in page.fns.items():
        for data, sent in bodies(len(function.inputs)):
            visitor.event(index, data, sent, MARK)
    assert MARK not in logged()


def test_no_question_over_the_queue_does(page: gr.Blocks, visitor: Visitor, logged: Callable[[], str]) -> None:
    names = [function.api_name for function in page.fns.values() if function.api_visibility == "public"]
    assert {"begin", "step", "lens"} <= set(names)
    for name in names:
        for data in ([MARK], [FORGED] * 10, [MARK] * 3, [float("nan")], [[MARK]] * 2):
            status, answer = visitor.post(f"/gradio_api/call/{name}", {"data": data})
            if status == 200:  # it answers on a stream, which is read to its end
                told = visitor.ask("GET", f"/gradio_api/call/{name}/{answer['event_id']}")[2].decode()
                assert "event: error" in told or name == "offers"
    assert MARK not in logged()


def test_no_address_and_no_broken_request_does(visitor: Visitor, logged: Callable[[], str]) -> None:
    for path in ("/?view=", "/?", "/", "/gradio_api/file=", "/gradio_api/file=/tmp/", "/gradio_api/", "/config?x="):
        visitor.ask("GET", f"{path}{MARK}")
    broken = [
        f'{{"{MARK}'.encode(),
        f'{{"fn_index": "{MARK}", "data": [NaN]}}'.encode(),
        f'{{"fn_index": 0, "data": "{MARK}", "session_hash": ["{MARK}"]}}'.encode(),
        json.dumps({"data": [MARK], "event_id": MARK, "session_hash": MARK, "fn_index": 10**9}).encode(),
        b"\xff\xfe" + MARK.encode(),
    ]
    for path in ("run/predict", "queue/join", "component_server", "call/begin", "cancel", "reset", "upload"):
        for body in broken:
            visitor.post(f"/gradio_api/{path}", body)
    assert MARK not in logged()


def test_a_fault_of_the_program_is_told_by_its_place_alone(
    page: gr.Blocks, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    def faulty(*_: object) -> None:
        raise KeyError(FORGED)

    monkeypatch.setattr("viz.panels.answers.View.from_json", faulty)
    (index,) = (index for index, function in page.fns.items() if function.name == "acted")
    status, answer = visitor.event(index, ["x", "raw"], {"name": "step", "detail": {}, "view": VIEW})
    assert (status, answer["visible"]) == (500, False)
    assert answer["error"].startswith("Something went wrong on the server")
    told = logged()
    assert MARK not in told
    assert "fault of kind KeyError" in told
    assert "in faulty" in told


def test_a_load_that_breaks_down_is_told_by_its_place_alone(logged: Callable[[], str]) -> None:
    def faulty(name: str, precision: str, report: object) -> Any:
        raise ZeroDivisionError(name)

    with pytest.raises(TokenscopeError, match="the server's log says why"):
        list(Loads(faulty).watch("page", FORGED, "auto"))
    assert not [thread for thread in threading.enumerate() if MARK in thread.name]
    told = logged()
    assert "fault of kind ZeroDivisionError" in told
    assert MARK not in told


def test_a_model_that_a_visitor_names_is_not_in_the_log(tmp_path: Path, logged: Callable[[], str]) -> None:
    from model_runtime.model_names import BUILTIN

    named = tmp_path / MARK
    named.symlink_to(BUILTIN["builtin-gpt2"])
    Models(Library(), "builtin").get(str(named))
    for name in (f"{MARK}/x", FORGED, f"builtin + {named}"):
        with watched(), pytest.raises(TokenscopeError):
            Models(Library(), "builtin", folders=()).get(name)
    told = logged()
    assert "loaded a" in told
    assert MARK not in told
