"""The stops of the walk: their tabs exist, their tries fit the model, and what it lacks is said."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from model_runtime import load_model
from model_runtime.model import Model
from tests.runtime.conftest import pair_of
from viz.chapter import LACKS, STOPS, Try
from viz.panels import tabs, walk
from viz.panels.transport import MOST_STEPS
from viz.panels.view import TABS

FAMILIES = ["phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3"]


@pytest.fixture(scope="module")
def builtin() -> Model:
    return load_model("builtin")


def drawn(model: Model) -> list[dict[str, Any]]:
    scene: Any = SimpleNamespace(model=model, moment=model.begin("a b"))
    stops: list[dict[str, Any]] = walk.draw(scene)["stops"]
    json.dumps(stops)
    return stops


class TestStops:
    def test_there_are_twelve_and_each_opens_a_tab_of_the_page(self) -> None:
        assert len(STOPS) == 12
        assert len({stop.title for stop in STOPS}) == 12
        known = {tab.name for tab in tabs.ALL}
        assert {one.tab for stop in STOPS for one in stop.tries} <= known
        assert known == set(TABS)

    def test_every_stop_is_a_few_short_sentences_in_our_words(self) -> None:
        for stop in STOPS:
            sentences = [part for part in stop.words.replace("?", ".").split(". ") if part]
            assert 1 <= len(sentences) <= 4, stop.title
            assert len(stop.words) < 330, stop.title
            assert 1 <= len(stop.tries) <= 4

    def test_what_can_be_lacked_has_words_and_a_stop(self) -> None:
        assert {need for stop in STOPS for need in stop.needs} == set(LACKS)

    def test_steps_can_be_played(self) -> None:
        assert all(one.steps is None or one.steps <= MOST_STEPS for stop in STOPS for one in stop.tries)


class TestOnAModel:
    def test_it_is_what_the_cursor_stands_on_and_dog_and_squirrel_are_asked_about(self, builtin: Model) -> None:
        looking = drawn(builtin)[6]["tries"][0]
        ids = builtin.begin(STOPS[6].tries[0].prompt).ids
        assert builtin.text(ids[looking["cursor"]]).strip() == "it"
        assert [builtin.text(ids[key]).strip() for key in looking["keys"]] == ["dog", "squirrel"]

    def test_a_head_that_the_model_has_is_named(self, builtin: Model) -> None:
        assert drawn(builtin)[7]["tries"][0]["label"] == "Through L4 H3, from vectors to the result"
        _, small = pair_of("llama")  # three layers
        one = drawn(small)[7]["tries"][0]
        assert one["head"] == (2, 3)
        assert "L2 H3" in one["label"]

    def test_what_a_model_lacks_is_said_at_the_stops_about_it(self, builtin: Model) -> None:
        stops = drawn(builtin)
        assert stops[2]["lacks"] == []
        assert not any(one["refused"] for stop in stops for one in stop["tries"])
        old = drawn(load_model("builtin-gpt2"))
        assert old[2]["lacks"] == [LACKS["chat"]]
        assert [bool(one["refused"]) for one in old[2]["tries"]] == [False, True, False, False]
        assert LACKS["shared"] in old[5]["lacks"]
        assert old[10]["lacks"] == [LACKS["rotary"]]

    @pytest.mark.parametrize("family", FAMILIES)
    def test_every_family_has_all_stops(self, family: str) -> None:
        _, model = pair_of(family)
        stops = drawn(model)
        assert len(stops) == 12
        shared = family not in {"gpt2", "gpt_neox"}
        assert (LACKS["shared"] in stops[5]["lacks"]) != shared
        rotary = family != "gpt2"
        assert (LACKS["rotary"] in stops[10]["lacks"]) != rotary
        window = family in {"mistral", "phi3", "gemma2"}
        assert (LACKS["window"] in stops[8]["lacks"]) != window


class TestPlaces:
    def test_a_word_cut_into_pieces_is_found_at_its_first(self) -> None:
        texts = ["The", " squ", "irrel", " and", " it", "."]
        assert walk._place(texts, "squirrel") == 1
        assert walk._place(texts, "it") == 4
        assert walk._place(texts, "cat") is None
        assert walk._place(["unit", " it"], "it") == 1

    def test_a_prompt_that_does_not_fit_leaves_the_cursor_at_the_end(self) -> None:
        _, small = pair_of("llama")  # 64 tokens, one a byte
        one = Try("", "looking", prompt="it " * 40, cursor="it", keys=("it",))
        assert walk._try(small, one)["cursor"] is None
        assert walk._try(small, one)["keys"] == []


class TestFilling:
    def test_a_try_sets_prompt_mode_and_steps(self) -> None:
        report = STOPS[0].tries[2]
        event: Any = SimpleNamespace(_data={"stop": 0, "index": 2})
        assert walk._fill(event) == (report.prompt, "chat", 500)
        event = SimpleNamespace(_data={"stop": 99, "index": -4})
        assert walk._fill(event)[0] == STOPS[-1].tries[0].prompt

    @pytest.mark.parametrize("data", [None, [], {}, {"stop": "1", "index": 0}, {"stop": 1}])
    def test_what_is_no_try_changes_nothing(self, data: object) -> None:
        event: Any = SimpleNamespace(_data=data)
        assert all(isinstance(part, dict) and part["__type__"] == "update" for part in walk._fill(event))
