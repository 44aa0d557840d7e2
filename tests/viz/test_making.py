"""Files are made in turns with everything else that computes; one can follow them, leave them, and take them once."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from model_runtime import Library, Model
from model_runtime.errors import BadMoment, InputError
from model_runtime.turns import visiting
from viz.panels import exports, making
from viz.panels.downloads import Download
from viz.panels.exports import EXPORTS
from viz.panels.making import Making
from viz.panels.models import Models
from viz.panels.view import View

ENTRIES = {entry.name: entry for entry in EXPORTS}


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(Library(), "builtin")


@pytest.fixture(scope="module")
def view(models: Models) -> View:
    moment = models.get("builtin").begin("The capital of Japan is")
    return View((moment.to_text(),), cursor=4)


@pytest.fixture
def files(models: Models) -> Making:
    return Making(models)


@pytest.fixture
def held(models: Models) -> Iterator[Callable[[], None]]:
    """Somebody else has the turn until this is called, or the test ends."""
    inside, done = threading.Event(), threading.Event()
    turns = models.get("builtin").turns

    def hold() -> None:
        with visiting("somebody else"), turns:
            inside.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    yield done.set
    done.set()
    thread.join()


def until(files: Making, ticket: object, ready: Callable[[dict[str, object]], bool]) -> dict[str, object]:
    """Follows a file until what is said of it is as asked."""
    while True:
        told = files.follow(ticket)
        if ready(told):
            return told
        time.sleep(0.01)


def test_a_file_waits_for_its_turn_and_says_so(
    files: Making, view: View, models: Models, held: Callable[[], None]
) -> None:
    ticket = files.begin(ENTRIES["json"], view, None)["ticket"]
    told = until(files, ticket, lambda told: str(told.get("text", "")).startswith("Waiting"))
    assert told["text"] == "Waiting: 1 before this"
    held()
    made = until(files, ticket, lambda told: "name" in told)
    expected = ENTRIES["json"].make(models.get("builtin"), view, None)
    assert made == {"name": expected.name, "size": len(expected.content)}
    taken = files.take(ticket)
    assert base64.b64decode(taken["content"]) == expected.content
    assert (taken["name"], taken["media"]) == (expected.name, "application/json")
    with pytest.raises(BadMoment, match="Ask for it again"):
        files.take(ticket)


def test_a_file_that_is_left_gives_up_its_place(
    files: Making, view: View, models: Models, held: Callable[[], None]
) -> None:
    ticket = files.begin(ENTRIES["csv"], view, None)["ticket"]
    until(files, ticket, lambda told: str(told.get("text", "")).startswith("Waiting"))
    files.leave(ticket)
    with pytest.raises(BadMoment):
        files.follow(ticket)
    held()
    with visiting("a third"), models.get("builtin").turns.turn():
        pass  # nobody stands before


def test_a_page_that_asks_no_more_has_left(files: Making, view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = files.begin(ENTRIES["csv"], view, None)["ticket"]
    until(files, ticket, lambda told: "name" in told)
    monkeypatch.setattr(making, "FORGOTTEN", 0.0)
    files.begin(ENTRIES["csv"], view, None)
    with pytest.raises(BadMoment):
        files.take(ticket)


def test_how_far_a_file_is_and_what_went_wrong(
    files: Making, view: View, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[object, object]] = []
    go_on = threading.Event()

    def slow(model: Model, view: View, detail: object) -> exports.File:
        file = ENTRIES["report"].make(model, view, None)
        go_on.wait()
        return file

    entry = Download("slow", "", "", slow)
    ticket = files.begin(entry, replace(view, tab="lens"), None)["ticket"]
    told = until(files, ticket, lambda told: told.get("text") == "Asking for the numbers: curves")
    seen.append((told["text"], told["fraction"]))
    assert seen == [("Asking for the numbers: curves", 4 / 5)]  # tokens, distribution, lens and cell are there
    go_on.set()
    until(files, ticket, lambda told: "name" in told)

    monkeypatch.setattr(exports, "MOST_RECORDING", 1000)
    size = ENTRIES["recording"].size
    assert size is not None
    words, refused = size(models.get("builtin"), view)
    assert refused
    assert "model.save_recording(moment" in words
    wrong = files.begin(ENTRIES["recording"], view, None)["ticket"]
    with pytest.raises(InputError, match="save_recording"):
        until(files, wrong, lambda told: "name" in told)


def test_the_size_that_is_said_before_is_about_that_of_the_file(models: Models, view: View) -> None:
    size = ENTRIES["recording"].size
    assert size is not None
    words, refused = size(models.get("builtin"), view)
    assert not refused
    content = ENTRIES["recording"].make(models.get("builtin"), view, None).content
    assert float(words.removeprefix("about ").removesuffix(" MB")) == pytest.approx(len(content) / 1e6, abs=0.1)
