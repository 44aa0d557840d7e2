"""What goes wrong while a model runs reaches the right place of the page, and the view stays."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from model_runtime import ModelNotFound, Moment
from model_runtime.model import Model
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.families import VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level
from viz.panels.actions import Request
from viz.panels.answers import Desk
from viz.panels.models import Models
from viz.panels.view import TABS, View

IDS = some_ids(12, VOCABULARY, seed=8)


class OneModel:
    """A library with one model."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def get(self, name: str, progress: Any = None, **settings: Any) -> Model:
        if name != "own":
            raise ModelNotFound(f"There is no folder {name!r}.")
        return self.model


@pytest.fixture
def model() -> Model:
    return Model(build("llama", {}, seed=21).model, byte_level(), name="own")


@pytest.fixture
def desk(model: Model) -> Desk:
    return Desk(Models(OneModel(model), "own"))


def asked(desk: Desk, name: str, view: Any, prompt: str = "the cat", **detail: Any) -> dict[str, Any]:
    return desk.act(name, view, Request(detail, prompt, False))


def view_of(moment: Moment) -> dict[str, Any]:
    return View(branches=(moment.to_text(),), cursor=len(moment.ids) - 1).to_json()


class TestRefusals:
    """Each is told in its place, and nothing else changes."""

    def refused(self, answer: dict[str, Any], view: dict[str, Any], words: str, place: str = "") -> None:
        assert answer["message"]["kind"] == "error"
        assert words in answer["message"]["text"]
        assert answer["message"]["at"] == place
        assert answer["session"]["view"] == view
        assert set(answer) == {"session", "message"}

    def test_memory(self, desk: Desk, model: Model) -> None:
        view = view_of(moment_of(model, IDS))

        def fails(module: nn.Module, args: Any) -> None:
            raise torch.OutOfMemoryError

        hook = model._engine.anatomy.layers[0].register_forward_pre_hook(fails)
        self.refused(asked(desk, "step", view), view, "12 tokens")
        hook.remove()
        after = asked(desk, "step", view)
        assert after["message"]["kind"] == "notice"
        assert len(View.from_json(after["session"]["view"]).moment.ids) == 13

    def test_a_prompt_that_is_too_long_or_has_unknown_tokens(self, desk: Desk, model: Model) -> None:
        view = view_of(moment_of(model, IDS))
        self.refused(asked(desk, "start", view, "x" * 100), view, "this model takes 64", "prompt")
        model._vocabulary._tokenizer.add_tokens([f"<new{index}>" for index in range(80)])  # type: ignore[attr-defined]
        self.refused(asked(desk, "start", view, "a <new79>"), view, "the model has ids 0 to 319", "prompt")
        self.refused(asked(desk, "append", view, text="<new79>"), view, "the model has ids 0 to 319", "append")
        self.refused(asked(desk, "append", view, text="x" * 100), view, "this model takes 64", "append")

    def test_moments_of_others(self, desk: Desk, model: Model) -> None:
        moment = moment_of(model, IDS)
        for other, words in (
            (replace(moment, fingerprint="0" * 12), "tokenizer or config"),
            (replace(moment, model="gone"), "made with gone, which cannot be opened here. There is no folder 'gone'"),
            (moment.grown(320), "token id 320"),
            (moment.grown(*some_ids(60, VOCABULARY)), "this model takes 64"),
        ):
            view = view_of(other)
            self.refused(asked(desk, "tab", view, tab="lens"), view, words)
            opened = desk.open({"view": view}, Request({}, "the cat", False))
            assert words in opened["message"]["text"]
            assert View.from_json(opened["session"]["view"]).moment.model == "own"


class TestNotFinite:
    @pytest.mark.parametrize("tab", TABS)
    def test_every_tab_says_so_or_shows_what_there_is(self, desk: Desk, model: Model, tab: str) -> None:
        view = view_of(moment_of(model, IDS))
        with torch.no_grad():
            model._engine.anatomy.layers[1].mlp.down_proj.weight[3] = float("nan")
        answer = asked(desk, "tab", view, tab=tab)
        missing = answer["message"]["missing"]
        assert "The first block whose stream is not finite is block 1" in missing["next-token"]
        assert answer["message"]["kind"] == "error"
        assert View.from_json(answer["session"]["view"]).tab == tab
        assert answer["strip"]
        json.dumps(answer, allow_nan=False)

    def test_stepping_is_refused_with_the_reason(self, desk: Desk, model: Model) -> None:
        view = view_of(moment_of(model, IDS))
        with torch.no_grad():
            model._engine.anatomy.layers[1].mlp.down_proj.weight[3] = float("nan")
        answer = asked(desk, "step", view)
        assert "is block 1" in answer["message"]["text"]
        assert answer["session"]["view"] == view
        attention = asked(desk, "tab", view, tab="attention")["attention"]
        assert not attention.get("unavailable")

    def test_what_is_sound_covers_nothing(self, desk: Desk, model: Model) -> None:
        answer = asked(desk, "step", view_of(moment_of(model, IDS)))
        assert answer["message"]["missing"] == {}
