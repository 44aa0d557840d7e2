import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from model_runtime import FeatureUnavailable, Moment
from model_runtime.cause_records import Attribution
from model_runtime.errors import InputError
from model_runtime.part_records import Question
from viz.inputs import LISTED, attribution_payload, completeness, state_of
from viz.panels import inputs as panel
from viz.panels.view import View
from viz.payload import unpack

MOMENT = Moment("builtin", "", "print", (5, 6, 7, 8, 9, 10), 4)
LABELS = ["<s>", "·The", "</script>", "${7*6}", "·is", "·Tokyo"]
SCORES = (0.5, -2.0, float("nan"), 1.0, 0.25)


def attribution(
    scores: tuple[float, ...] = SCORES, method: str = "integrated", done: int = 32, **kept: Any
) -> Attribution:
    total = float(np.nansum(scores))
    numbers = {"value": 7.3, "baseline_value": 1.0, "baseline": "the vocabulary's mean embedding", **kept}
    return Attribution(
        question=Question(len(scores) - 1, 7, " <b>", centred=True),
        method=method,
        score=np.array(scores, np.float32),
        total=total,
        error=total - (numbers["value"] - numbers["baseline_value"]),
        steps=32,
        done=done,
        runs=32,
        **numbers,
    )


class TestResult:
    def test_numbers_are_the_records(self) -> None:
        record = attribution()
        payload = attribution_payload(record, MOMENT, LABELS)
        assert np.array_equal(unpack(payload["score"]), record.score, equal_nan=True)
        assert unpack(payload["ids"]).tolist() == [5, 6, 7, 8, 9]
        assert payload["labels"] == LABELS[:5]
        assert payload["asked"] == [4, 7, None, True]
        assert (payload["label"], payload["method"], payload["done"], payload["runs"]) == ("·<b>", "integrated", 32, 32)
        json.dumps(payload)

    def test_the_largest_come_first_whichever_their_sign_and_the_unknown_not_at_all(self) -> None:
        assert attribution_payload(attribution(), MOMENT, LABELS)["order"] == [1, 3, 0, 4]

    def test_a_long_text_lists_only_the_largest(self) -> None:
        count = LISTED + 10
        moment = Moment("builtin", "", "print", tuple(range(count)), 4)
        payload = attribution_payload(attribution(tuple(range(count))), moment, ["x"] * count)
        assert payload["order"] == list(range(count - 1, count - 1 - LISTED, -1))

    def test_a_result_is_known_by_the_model_and_what_is_changed_in_it(self) -> None:
        longer = MOMENT.grown(11)
        assert state_of(longer) == state_of(MOMENT)
        assert state_of(MOMENT.without([(0, 1)])) != state_of(MOMENT)
        assert state_of(Moment("builtin", "", "other", MOMENT.ids, 4)) != state_of(MOMENT)


class TestCompleteness:
    def test_the_sum_the_change_and_what_they_miss(self) -> None:
        assert completeness(attribution((4.0, 2.24))) == (
            "The scores sum to 6.24; the logit less the vocabulary's mean moved from 1.00 (baseline: the vocabulary's "
            "mean embedding) to 7.30, by 6.30: they miss 0.06 (1.0 %)."
        )

    def test_minus_signs_and_a_change_of_nothing(self) -> None:
        said = completeness(attribution((-1.0,), value=-2.0, baseline_value=-2.0))
        assert "sum to \u22121.00" in said
        assert "to \u22122.00, by 0.00: they miss 1.00." in said

    def test_what_is_not_finished_has_no_sum(self) -> None:
        assert completeness(attribution(done=3)) == "3 of 32 runs are done; the sum is known when all are."


def scene(tokens: int, parameters: int = 4_000_000, answer: Any = None) -> Any:
    def attributed(*_: Any, **__: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return iter([answer])

    moment = Moment("builtin", "", "print", tuple(range(tokens)), 1)
    labels = ["x"] * tokens
    question = {"position": tokens - 1, "target": 7, "centred": True}
    return SimpleNamespace(
        model=SimpleNamespace(attribution=attributed),
        moment=moment,
        labels=labels,
        choices=[(7, "·<b>", 0.5)],
        question=question,
        card=SimpleNamespace(parameters=parameters),
        view=View((moment.to_text(),), cursor=tokens - 1),
    )


class TestTab:
    def test_a_short_text_is_answered_at_once(self) -> None:
        payload = panel.draw(scene(5, answer=attribution(method="gradient")))
        assert payload["now"]["asked"] == payload["asked"] == [4, 7, None, True]
        assert payload["now"]["state"] == payload["state"]
        assert payload["ids"] == (0, 1, 2, 3, 4)

    def test_a_large_model_is_asked_only_on_demand(self) -> None:
        assert panel.draw(scene(5, parameters=10**9, answer=AssertionError("asked")))["now"] is None

    def test_a_model_without_gradients_says_why(self) -> None:
        payload = panel.draw(scene(5, answer=FeatureUnavailable("No gradient.")))
        assert (payload["unavailable"], payload["now"]) == ("No gradient.", None)

    @pytest.mark.parametrize(
        "detail", [{"method": "guess"}, {"method": "integrated", "steps": 10**9}, {"method": None}]
    )
    def test_unknown_methods_and_steps_are_refused_in_words(self, detail: dict[str, Any]) -> None:
        model: Any = None
        with pytest.raises(InputError, match="use one of"):
            next(panel.scanned(model, View((MOMENT.to_text(),)), detail))
