import json
import math
from typing import Any

import numpy as np
import pytest

from model_runtime import BadDecoding, BadMoment, BeamTree, ChoiceStep, ChoiceSteps, Decoding, Draws, Moment
from model_runtime.errors import InputError
from viz.beams import beams_payload, lines
from viz.choosing import curve_payload, curve_ranks, drawn_words, draws_payload, steps_payload, taken_words
from viz.panels.actions import Request
from viz.panels.beams import scanned
from viz.panels.choosing_actions import playground
from viz.panels.playground import Playground, read_playground
from viz.panels.view import View
from viz.payload import unpack

DECODING = Decoding(temperature=0.5, top_p=0.8, seed=4)
MOMENT = Moment("builtin", "", "print", (5, 6, 7), 2, DECODING)
VIEW = View((MOMENT.to_text(),), cursor=1)


def step(name: str, setting: float, shares: list[float], removed: int = 0, share: float = 0.0) -> ChoiceStep:
    return ChoiceStep(
        name=name,
        setting=setting,
        kept=len(shares),
        removed=removed,
        removed_share=share,
        entropy=1.5,
        ids=np.arange(len(shares)) + 10,
        text=(" a", "</script>", "\n", "d")[: len(shares)],
        probability=np.array(shares, np.float32),
    )


def steps(decoding: Decoding = DECODING, nucleus: int = 2) -> ChoiceSteps:
    return ChoiceSteps(
        position=2,
        temperature=decoding.temperature,
        top_p=decoding.top_p,
        seed=decoding.seed,
        steps=(
            step("", math.nan, [0.5, 0.25, 0.15, 0.1]),
            step("temperature", 0.5, [0.7, 0.2, 0.06, 0.04]),
            step("top_p", 0.8, [0.75, 0.25], removed=2, share=0.1),
        ),
        order=np.array([10, 11, 12, 13]),
        cumulative=np.array([0.7, 0.9, 0.96, 1.0]),
        nucleus=nucleus,
        greedy=10,
        greedy_share=0.75,
        choice=11,
    )


def draws(drawn: tuple[int, int], other: int = 10, **changed: Any) -> Draws:
    fields: dict[str, Any] = {
        "position": 2,
        "seed": 4,
        "taken": np.zeros(100, np.int64),
        "ids": np.array([10, 11]),
        "text": (" a", "<b>"),
        "probability": np.array([0.64, 0.3]),
        "drawn": np.array(drawn),
        "other_probability": 0.06,
        "other_drawn": other,
        "possible": 20,
        "seen": 5,
        "distance": 0.04,
        "chance_distance": 0.05,
        "chance_spread": 0.01,
        **changed,
    }
    return Draws(**fields)


class TestChoosing:
    def test_the_cards_hold_the_records_numbers(self) -> None:
        first, second, third = steps_payload(steps())
        assert (first["setting"], second["name"], second["setting"], third["name"]) == (
            "",
            "temperature",
            "0.5",
            "top-p",
        )
        assert first["rows"][1] == [11, "</script>", 0.25]
        assert first["rows"][2][1] == "↵"
        assert third["told"] == "2 tokens kept, 10.00 % removed"
        assert first["told"] == "all 4 tokens"

    def test_the_curve_holds_the_records_numbers(self) -> None:
        payload = curve_payload(steps(), {10: "a", 11: "b", 12: "c", 13: "d"})
        assert unpack(payload["ranks"]).tolist() == [1, 2, 3, 4]
        assert unpack(payload["together"]).tolist() == [0.7, 0.9, 0.96, 1.0]
        assert np.allclose(unpack(payload["own"]), [0.7, 0.2, 0.06, 0.04])
        assert (payload["nucleus"], payload["reached"], payload["top_p"]) == (2, 0.9, 0.8)
        json.dumps(payload)

    @pytest.mark.parametrize(
        ("count", "nucleus"), [(1, 1), (2, 2), (48, 47), (49, 1), (32_000, 9_999), (150_000, 150_000)]
    )
    def test_few_ranks_are_sent_and_the_nucleus_is_among_them(self, count: int, nucleus: int) -> None:
        ranks = curve_ranks(count, nucleus).tolist()
        assert ranks == sorted(set(ranks))
        assert ranks[0] == 1
        assert ranks[-1] == count
        assert nucleus in ranks
        assert nucleus == 1 or nucleus - 1 in ranks
        assert len(ranks) < 120
        assert ranks[: min(count, 48)] == list(range(1, min(count, 48) + 1))

    def test_the_words_on_what_is_taken(self) -> None:
        assert "75.0 %" in taken_words(steps(), "·a", "·b")
        assert "“·b”" in taken_words(steps(), "·a", "·b")
        assert "raise it" in taken_words(steps(Decoding()), "·a", "·a")


class TestDraws:
    def test_counts_and_their_deviations(self) -> None:
        payload = draws_payload(draws((60, 30)))
        assert payload["rows"][0] == [10, "·a", 0.64, 64.0, 60, pytest.approx(4.8)]
        assert payload["rows"][1][1] == "<b>"
        assert payload["other"] == [0.06, 6.0, 10, pytest.approx(math.sqrt(100 * 0.06 * 0.94))]
        assert (payload["others"], payload["count"], payload["seed"]) == (18, 100, 4)
        json.dumps(payload)

    def test_the_verdict_follows_the_distance(self) -> None:
        assert "what chance gives" in drawn_words(draws((60, 30)))
        assert "unusually far" in drawn_words(draws((60, 30), distance=0.09))
        assert "unusually near" in drawn_words(draws((60, 30), distance=0.02))
        assert "0.050, give or take 0.010" in drawn_words(draws((60, 30)))
        assert "5 of 20" in drawn_words(draws((60, 30)))
        assert "all 100 draws" in drawn_words(draws((100, 0), possible=1))

    def test_tokens_without_a_chance_are_not_listed(self) -> None:
        payload = draws_payload(draws((100, 0), probability=np.array([1.0, 0.0]), possible=1))
        assert len(payload["rows"]) == 1
        assert payload["others"] == 0


class TestPlayground:
    def act(self, view: View, **detail: Any) -> View:
        return playground(None, view, Request(detail, "", False)).view  # type: ignore[arg-type]

    def test_what_is_tried_travels_and_the_page_keeps_its_own(self) -> None:
        view = self.act(VIEW, settings={"temperature": "1.5", "top_k": "7"}, count=100)
        again = View.from_json(json.loads(json.dumps(view.to_json())))
        assert again == view
        assert again.playground == Playground(Decoding(temperature=1.5, top_k=7), 100)
        assert again.moment == MOMENT

    def test_the_pages_own_settings_are_followed(self) -> None:
        tried = self.act(VIEW, settings={"temperature": "0.5", "top_p": "0.8", "seed": "4"}, count=10_000)
        assert tried.playground == Playground(None, 10_000)
        changed = self.act(VIEW, settings={"temperature": "1.5"})
        assert self.act(changed, count=100).playground == Playground(None, 100)

    def test_a_view_from_before_has_none(self) -> None:
        content = VIEW.to_json()
        del content["playground"]
        assert View.from_json(content).playground == Playground()

    @pytest.mark.parametrize("settings", [{"temperature": "hot"}, {"top_p": "0"}, {"seed": "-1"}])
    def test_bad_settings_are_refused(self, settings: dict[str, str]) -> None:
        with pytest.raises(BadDecoding):
            self.act(VIEW, settings=settings)

    def test_a_bad_number_of_draws_is_refused(self) -> None:
        with pytest.raises(InputError, match="number of draws"):
            self.act(VIEW, count=10**7)

    @pytest.mark.parametrize(
        "content",
        [
            None,
            [],
            {"count": 5},
            {"count": 100, "decoding": []},
            {"count": 100, "decoding": {"warmth": 1}},
            {"count": 100, "decoding": {"temperature": "1"}},
            {"count": 100, "decoding": {"top_p": 0}},
        ],
    )
    def test_damaged_playgrounds_are_refused(self, content: object) -> None:
        with pytest.raises(BadMoment):
            read_playground(content)


def tree(**changed: Any) -> BeamTree:
    """Two beams over two tokens: the second best first token leads to the best text, and greedy decoding misses it."""
    fields: dict[str, Any] = {
        "width": 2,
        "steps": 2,
        "length_penalty": 1.0,
        "parent": np.array([-1, -1, -1, 1, 0, 0]),
        "step": np.array([0, 0, 0, 1, 1, 1]),
        "ids": np.array([4, 5, 6, 7, 8, 9]),
        "text": (" a", "<i>", " c", " d", "\n", "f"),
        "log_probability": np.array([-0.5, -1.0, -3.0, -0.1, -0.8, -2.0], np.float32),
        "total": np.array([-0.5, -1.0, -3.0, -1.1, -1.3, -2.5], np.float32),
        "fate": ("kept", "kept", "dropped", "kept", "kept", "dropped"),
        "ends": np.array([3, 4]),
        "score": np.array([-0.55, -0.65], np.float32),
        "greedy": np.array([0, 4]),
        "done": 2,
        "finished": True,
    }
    return BeamTree(**{**fields, **changed})


class TestBeams:
    def test_the_numbers_are_the_records(self) -> None:
        payload = beams_payload(tree())
        assert np.array_equal(unpack(payload["total"]), tree().total)
        assert payload["labels"] == ["·a", "<i>", "·c", "·d", "↵", "f"]
        assert [payload["fates"][fate] for fate in payload["fate"]] == list(tree().fate)
        assert payload["results"] == [
            [3, pytest.approx(-1.1), 2, pytest.approx(-0.55)],
            [4, pytest.approx(-1.3), 2, pytest.approx(-0.65)],
        ]
        assert payload["greedy"] == [4, pytest.approx(-1.3), 2, pytest.approx(-0.65)]
        json.dumps(payload)

    def test_the_best_way_runs_straight_and_no_two_leaves_share_a_line(self) -> None:
        found = lines(tree()).tolist()
        assert found[1] == found[3] == 0  # the best way comes first, in one line
        assert found[0] == found[4]
        leaves = [found[node] for node in (2, 3, 4, 5)]
        assert sorted(leaves) == [0, 1, 2, 3]
        assert found[2] == 3  # what was dropped first stands last

    @pytest.mark.parametrize(
        "detail", [{"width": 0}, {"width": 9}, {"width": "4"}, {"steps": 13}, {"steps": True}, {"length_penalty": 3}]
    )
    def test_settings_from_the_page_are_checked(self, detail: dict[str, Any]) -> None:
        with pytest.raises(InputError, match=r"use"):
            list(scanned(None, VIEW, detail))  # type: ignore[arg-type]
