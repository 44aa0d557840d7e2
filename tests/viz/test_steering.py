"""What steering says on the page, and the actions behind it, on a model of random weights."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from model_runtime import Moment
from model_runtime.errors import BadMoment, OutOfRange, TokenscopeError
from model_runtime.interventions import Ablate, Steer
from tests.runtime.conftest import pair_of
from viz.panels.actions import Request
from viz.panels.direction import MOST_CHARACTERS, Direction, read_direction
from viz.panels.head_actions import restore
from viz.panels.next_token import draw as draw_next_token
from viz.panels.scene import scene_of
from viz.panels.steer_actions import STEER_ACTIONS
from viz.panels.steering import draw
from viz.panels.view import View
from viz.payload import unpack
from viz.steering import described, difference_lengths, lengths_payload, side_names, steers_payload

if TYPE_CHECKING:
    from model_runtime.model import Model

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def model() -> "Model":
    return pair_of("llama")[1]


@pytest.fixture
def view(model: "Model") -> View:
    moment = model.begin("the cat sat on the mat")
    draft = Direction("the dog sat", "the cat sat")
    return View((moment.to_text(),), cursor=len(moment.ids) - 1, tab="steering", direction=draft)


def asked(**detail: Any) -> Request:
    return Request(detail, "", chat=False)


class TestNames:
    def test_only_what_differs_is_named(self) -> None:
        france, japan = ["The", "·capital", "·of", "·France", "·is"], ["The", "·capital", "·of", "·Japan", "·is"]
        assert side_names(france, japan) == ("“France”", "“Japan”")

    def test_texts_of_which_one_would_be_left_empty_are_named_whole(self) -> None:
        assert side_names(["a", "·b"], ["a"]) == ("“a·b”", "“a”")
        assert side_names(["a"], ["a"]) == ("“a”", "“a”")
        assert side_names([], ["a"]) == ("“”", "“a”")

    def test_repeated_tokens_are_not_counted_twice(self) -> None:
        assert side_names(["a", "a", "a"], ["a", "a"]) == ("“aaa”", "“aa”")

    def test_a_steering_in_words(self) -> None:
        steer = Steer(3, -1.5, 0, ((1, 2), 1), ((3, 2), 0))
        (payload,) = steers_payload([steer], lambda ids: [HOSTILE if token == 1 else f"t{token}" for token in ids])
        assert payload["name"] == f"“{HOSTILE[:23]}…” \u2212 “t3”"  # plain text: the page never reads it as markup
        assert payload["about"].endswith("minus “t3t2” at “t3” (0)")
        told = described(steer, payload["name"])
        assert told.startswith("\u22121.5 \u00d7 (")
        assert told.endswith("is added to stream 3 everywhere.")
        assert described(replace(steer, start=4), "x").endswith("from position 4 on.")


def test_lengths_by_hand() -> None:
    plus, minus = np.array([[3, 4], [1, 0]], np.float32), np.array([[0, 0], [1, 0]], np.float32)
    payload = lengths_payload(difference_lengths(plus, minus))
    assert unpack(payload["length"]).tolist() == [5, 0]
    assert unpack(payload["usual"]).tolist() == [2.5, 1]


class TestTab:
    def test_lengths_are_those_of_the_plain_streams(self, model: "Model", view: View) -> None:
        steered = view.moment.steered(Steer(1, 3.0, 0, ((5, 6), 1), ((7,), 0)))
        payload = draw(scene_of(model, view.at(steered, view.cursor)))
        plus, minus = model.begin("the dog sat"), model.begin("the cat sat")
        for stream in range(model.card().layers + 1):
            one, other = model.hidden(plus, stream)[-1], model.hidden(minus, stream)[-1]
            assert unpack(payload["lengths"]["length"])[stream] == pytest.approx(np.linalg.norm(one - other), abs=1e-5)
        assert payload["plus"]["position"] == len(plus.ids) - 1
        assert (payload["steers"][0]["layer"], payload["steers"][0]["strength"]) == (1, 3.0)
        json.dumps(payload)

    def test_another_token_has_another_length(self, model: "Model", view: View) -> None:
        last = draw(scene_of(model, view))["lengths"]
        moved = replace(view, direction=replace(view.direction, plus_position=0, minus_position=1))
        assert draw(scene_of(model, moved))["lengths"] != last

    def test_a_text_that_cannot_be_read_says_so_and_the_other_stays(self, model: "Model", view: View) -> None:
        long = "cat " * model.card().context
        payload = draw(scene_of(model, replace(view, direction=replace(view.direction, minus=long))))
        assert "tokens" in payload["minus"]["error"]
        assert payload["plus"]["error"] == ""
        assert payload["lengths"] is None

    def test_a_position_that_a_text_has_lost_becomes_its_last(self, model: "Model", view: View) -> None:
        payload = draw(scene_of(model, replace(view, direction=replace(view.direction, plus_position=99))))
        assert payload["plus"]["position"] == len(payload["plus"]["tokens"]) - 1


class TestActions:
    def test_steering_makes_the_moment_that_it_says(self, model: "Model", view: View) -> None:
        outcome = STEER_ACTIONS["steer"](model, view, asked(layer=2, strength=1.5, start=view.cursor))
        plus, minus = model.begin("the dog sat").ids, model.begin("the cat sat").ids
        (steer,) = outcome.view.moment.steers
        assert steer == Steer(2, 1.5, view.cursor, (plus, len(plus) - 1), (minus, len(minus) - 1))
        assert outcome.view.cursor == view.cursor
        assert "1.5" in outcome.notice

    def test_strength_is_changed_in_place_and_heads_stay_off(self, model: "Model", view: View) -> None:
        one, two = (Steer(layer, 1.0, 0, ((5,), 0), ((6,), 0)) for layer in (1, 2))
        start = view.at(view.moment.without([(0, 1)]).steered(one).steered(two), 2)
        moment = STEER_ACTIONS["strengthen"](model, start, asked(index=0, strength=-2)).view.moment
        assert moment.steers == (replace(one, strength=-2.0), two)
        assert moment.ablations == (Ablate(0, 1),)
        assert STEER_ACTIONS["unsteer"](model, start, asked(index=0)).view.moment.steers == (two,)
        cleared = STEER_ACTIONS["unsteer"](model, start, asked()).view.moment
        assert cleared.interventions == (Ablate(0, 1),)
        assert restore(model, start, asked()).view.moment.interventions == ()

    @pytest.mark.parametrize(
        "detail",
        [
            {"layer": 99, "strength": 1, "start": 0},
            {"layer": 1, "strength": "much", "start": 0},
            {"layer": 1, "strength": 1e9, "start": 0},
            {"layer": 1, "strength": float("nan"), "start": 0},
            {"layer": 1, "strength": True, "start": 0},
            {"layer": 1, "strength": 1, "start": 99},
            {},
        ],
    )
    def test_what_cannot_be_steered_is_refused(self, model: "Model", view: View, detail: dict[str, Any]) -> None:
        with pytest.raises(TokenscopeError):
            STEER_ACTIONS["steer"](model, view, asked(**detail))

    def test_no_such_steering(self, model: "Model", view: View) -> None:
        for name in ("strengthen", "unsteer"):
            with pytest.raises(OutOfRange):
                STEER_ACTIONS[name](model, view, asked(index=0, strength=1))

    def test_a_token_that_the_text_does_not_have(self, model: "Model", view: View) -> None:
        moved = replace(view, direction=replace(view.direction, plus_position=50))
        with pytest.raises(OutOfRange, match="no position 50"):
            STEER_ACTIONS["steer"](model, moved, asked(layer=1, strength=1, start=0))


class TestDraft:
    def test_travels(self) -> None:
        draft = Direction("a", "b", 3, 4)
        assert read_direction(json.loads(json.dumps(draft.to_json()))) == draft

    @pytest.mark.parametrize("change", [{"plus": 3}, {"minus": "x" * (MOST_CHARACTERS + 1)}, {"plus_position": -2}])
    def test_damage_is_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(BadMoment):
            read_direction({**Direction().to_json(), **change})


def test_the_bars_are_drawn_over_the_plain_model(model: "Model", view: View) -> None:
    steer = Steer(1, 4.0, 0, (model.begin("the dog").ids, -1), (model.begin("cat").ids, -1))
    cases: list[tuple[Moment, str]] = [
        (view.moment.steered(steer), "unsteered"),
        (view.moment.without([(0, 0)]).steered(steer), "with every head on and unsteered"),
        (view.moment.without([(0, 0)]), "with every head on"),
    ]
    plain = model.distribution(view.moment, -1, top=None)
    for moment, name in cases:
        payload = draw_next_token(scene_of(model, view.at(moment)))
        assert payload["before_name"] == name
        raw = dict(zip(plain.ids.tolist(), plain.raw.tolist(), strict=True))
        assert unpack(payload["before"]).tolist() == pytest.approx([raw[token] for token in payload["ids"]])
        assert unpack(payload["raw"]).tolist() != pytest.approx([raw[token] for token in payload["ids"]])
