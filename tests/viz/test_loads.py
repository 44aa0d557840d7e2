"""Loads that pages wait for: shared, stopped when nobody waits, told as they go."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from model_runtime.errors import LoadingStopped, ModelNotFound, ModelTooLarge
from model_runtime.model_names import read_name
from viz.panels.loads import Loads, Report
from viz.panels.models import Models, rounded
from viz.panels.opening import MOST_NAME, Opening, room_in_words

SOON = 20  # seconds that nothing here comes near


class SlowLoader:
    """Loads models that report until they are let go, and remembers how each load ended."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun: list[str] = []
        self.ends: list[str] = []
        self.ended = threading.Event()

    def __call__(self, name: str, precision: str, report: Callable[[str, float | None], None]) -> Any:
        self.begun.append(name)
        self.ended.clear()
        try:
            while not self.let_go.wait(0.01):
                report(f"Fetching {name}: 0.4 of 1.5 GB", 0.25)
            self.ends.append(f"{name} is there")
        except LoadingStopped:
            self.ends.append(f"{name} stopped")
            raise
        finally:
            self.ended.set()


def until_told(watch: Iterator[Report], text: str) -> Report:
    return next(report for report in watch if text in report.text)


class TestLoads:
    def test_reports_pass_through_with_the_seconds(self) -> None:
        loader = SlowLoader()
        watch = Loads(loader).watch("page", "a/model", "auto")
        assert next(watch) == Report("Loading a/model", None, 0)
        told = until_told(watch, "0.4 of 1.5 GB")
        assert (told.fraction, told.seconds) == (0.25, 0)
        loader.let_go.set()
        list(watch)
        assert loader.ends == ["a/model is there"]

    def test_two_pages_wait_for_one_load_and_one_that_leaves_does_not_end_it(self) -> None:
        loader = SlowLoader()
        loads = Loads(loader)
        first, second = loads.watch("first", "a/model", "auto"), loads.watch("second", "a/model", "auto")
        until_told(first, "Fetching")
        until_told(second, "Fetching")
        loads.leave("first")
        with pytest.raises(LoadingStopped, match="what was fetched is kept"):
            list(first)
        until_told(second, "Fetching")
        assert loader.ends == []
        loader.let_go.set()
        list(second)
        assert (loader.begun, loader.ends) == (["a/model"], ["a/model is there"])

    def test_a_load_stops_when_the_last_page_leaves(self) -> None:
        loader = SlowLoader()
        loads = Loads(loader)
        watch = loads.watch("page", "a/model", "auto")
        until_told(watch, "Fetching")
        loads.leave("page")
        assert loader.ended.wait(SOON)
        assert loader.ends == ["a/model stopped"]

    def test_a_closed_page_leaves(self) -> None:
        loader = SlowLoader()
        watch: Any = Loads(loader).watch("page", "a/model", "auto")
        until_told(watch, "Fetching")
        watch.close()
        assert loader.ended.wait(SOON)
        assert loader.ends == ["a/model stopped"]

    def test_another_choice_ends_the_first(self) -> None:
        loader = SlowLoader()
        loads = Loads(loader)
        first = loads.watch("page", "a/model", "auto")
        until_told(first, "Fetching a/model")
        second = loads.watch("page", "b/model", "auto")
        assert next(second).text == "Waiting for the load of a/model to end"
        assert loader.ended.wait(SOON)
        with pytest.raises(LoadingStopped):
            list(first)
        assert loads.waits("page")
        until_told(second, "Fetching b/model")
        loader.let_go.set()
        list(second)
        assert not loads.waits("page")
        assert loader.ends == ["a/model stopped", "b/model is there"]

    def test_who_comes_back_after_a_stop_gets_a_load_that_goes_on(self) -> None:
        loader = SlowLoader()
        loads = Loads(loader)
        until_told(loads.watch("page", "a/model", "auto"), "Fetching")
        loads.leave("page")
        again = loads.watch("page", "a/model", "auto")
        until_told(again, "Fetching")
        loader.let_go.set()
        list(again)
        assert loader.ends[-1] == "a/model is there"

    def test_precisions_are_loads_of_their_own(self) -> None:
        loader = SlowLoader()
        loads = Loads(loader)
        watches = [loads.watch(precision, "a/model", precision) for precision in ("auto", "float16")]
        for watch in watches:
            until_told(watch, "Fetching")
        loader.let_go.set()
        for watch in watches:
            list(watch)
        assert loader.begun == ["a/model", "a/model"]

    def test_errors_reach_every_page(self) -> None:
        gate = threading.Event()

        def loader(name: str, precision: str, report: Callable[[str, float | None], None]) -> Any:
            gate.wait(SOON)
            raise ModelTooLarge("The weights take 7.6 GB and cpu has 2.0 GB free.")

        loads = Loads(loader)
        watches = [loads.watch(page, "a/model", "auto") for page in ("first", "second")]
        for watch in watches:
            next(watch)
        gate.set()
        for watch in watches:
            with pytest.raises(ModelTooLarge, match="The weights take"):
                list(watch)


class Keeper:
    """Has no model but says with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def get(self, name: str, progress: object = None, *, dtype: str = "") -> Any:
        self.asked.append((name, dtype))
        if name == "missing":
            raise ModelNotFound("There is no such model.")


class TestOpening:
    def test_a_load_ends_with_ready_and_its_ticket(self) -> None:
        keeper = Keeper()
        told = {"ticket": 3, "name": " org/model@main ", "precision": "bfloat16"}
        answers = list(Opening(Models(keeper, "builtin")).load("page", told))
        assert keeper.asked == [("org/model@main", "bfloat16")]
        assert answers[0]["loading"]["state"] == "loading"
        assert answers[0]["loading"]["text"].endswith(" · 0 s")
        last = answers[-1]["loading"]
        assert (last["state"], last["ticket"], last["name"]) == ("ready", 3, "org/model@main")
        assert all("message" not in answer for answer in answers)

    @pytest.mark.parametrize(
        ("detail", "words"),
        [
            ({"name": "missing"}, "no such model"),
            ({"name": None}, "no text"),
            ({"name": "x" * (MOST_NAME + 1)}, "characters"),
            ({"name": "builtin", "precision": "float1"}, "no precision 'float1'"),
            ({"name": "builtin", "precision": 16}, "no text"),
            ({}, "no text"),
        ],
    )
    def test_what_fails_is_said_at_the_picker(self, detail: dict[str, Any], words: str) -> None:
        last = list(Opening(Models(Keeper(), "builtin")).load("page", detail))[-1]
        assert last["loading"]["state"] == "failed"
        assert (last["message"]["kind"], last["message"]["at"]) == ("error", "model-picker")
        assert words in last["message"]["text"]

    def test_where_only_offers_may_be_opened_nothing_else_is_asked_for(self) -> None:
        keeper = Keeper()
        opening = Opening(Models(keeper, "builtin", any_name=False))
        for detail in ({"name": "/etc"}, {"name": "builtin", "precision": "float16"}):
            assert list(opening.load("page", detail))[-1]["loading"]["state"] == "failed"
        assert keeper.asked == []

    def test_the_model_that_the_page_was_started_with_is_on_offer(self) -> None:
        assert Models(Keeper(), "/my/folder").offers[0].name == "/my/folder"
        offers = Models(Keeper(), "builtin").offers
        assert [offer.name for offer in offers].count("builtin") == 1
        assert all(offer.needs for offer in offers)


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("org/model", "org/model:4bit"),
        ("org/model@v1", "org/model:4bit@v1"),
        ("org/model@refs/pr/1", "org/model:4bit@refs/pr/1"),
        ("/my@home/model", "/my@home/model:4bit"),
        ("org/model@v1 + org/adapter@v2", "org/model:4bit@v1 + org/adapter@v2"),
    ],
)
def test_bits_are_written_into_the_name_which_moments_carry(asked: str, written: str) -> None:
    assert rounded(asked, "4bit") == (written, "auto")
    assert read_name(written).quantise == "4bit"
    assert rounded(asked, "float16") == (asked, "float16")


def test_room_is_told_in_decimal_units() -> None:
    assert room_in_words("cuda:0", 12_345_000_000) == "Models run on cuda:0, which has 12.3 GB free."
    assert room_in_words("cpu", None) == ""
