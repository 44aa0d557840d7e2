"""What patching sends to the page: the record's numbers, hostile tokens, texts that do not fit each other."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from model_runtime.cause_records import PatchGrid
from model_runtime.errors import InputError, OutOfRange, UnequalTexts
from model_runtime.part_records import Question
from model_runtime.records import Distribution
from tests.runtime.conftest import pair_of
from viz.labels import visible
from viz.panels.actions import Request
from viz.panels.patching import draw, scanned
from viz.panels.scene import scene_of
from viz.panels.steer_actions import STEER_ACTIONS
from viz.panels.view import MOST_CHANGED, View
from viz.patching import aligned_payload, answer_pair, column_names, patch_payload, row_names
from viz.payload import unpack

if TYPE_CHECKING:
    from model_runtime.model import Model

HOSTILE = "</script><img src=x onerror=alert(1)>"
NAN = float("nan")
ABOVE, CHANGED, BEGIN = "a b c d", "a x c d", "<s>"  # the tokenizer puts the last before a text


def grid(part: str = "stream", rows: int = 3) -> PatchGrid:
    """One row is not yet known; the largest number is negative."""
    recovered = np.array([[0.0, 0.5], [-1.5, 1.0], [NAN, NAN]], np.float32)[:rows]
    return PatchGrid(
        question=Question(1, 7, HOSTILE, 8, " Paris"),
        part=part,
        layer=-1,
        differs=np.array([False, True]),
        difference=(recovered * 4 - 1).astype(np.float32),
        clean=3.0,
        changed=-1.0,
        recovered=recovered,
        done=4,
        total=6,
    )


def distribution(*ids: int) -> Distribution:
    raw = (0.5 ** np.arange(1, len(ids) + 1)).astype(np.float32)
    return Distribution(
        position=0,
        ids=np.array(ids),
        text=tuple(f"t{token}" for token in ids),
        raw=raw,
        final=raw,
        logits=np.log(raw),
        stages=(),
        other_raw=0.0,
        other_final=0.0,
        entropy=1.0,
        vocabulary_size=len(ids),
        chosen=None,
        choice=ids[0],
    )


class TestPayload:
    def test_numbers_are_the_records_and_the_largest_stand_first(self) -> None:
        payload = patch_payload(grid(), ["·a", "·b→·c"], None)
        assert np.array_equal(unpack(payload["recovered"]), grid().recovered, equal_nan=True)
        assert np.array_equal(unpack(payload["difference"]), grid().difference, equal_nan=True)
        assert payload["order"] == [[1, 0], [1, 1], [0, 1]]  # zero and what is not known are not listed
        assert payload["row_names"] == ["0 embedding", "1 after block 0", "2 after block 1"]
        assert (payload["label"], payload["against"]) == (HOSTILE.replace(" ", "·"), "·Paris")
        assert json.loads(json.dumps(payload))["column_names"] == ["·a", "·b→·c"]

    def test_a_grid_of_heads_knows_what_they_share(self) -> None:
        payload = patch_payload(grid("heads", 2), [], np.array([[0, 0], [0, -1]]))
        assert payload["heads"]["shared"]
        assert payload["row_names"] == ["L0", "L1"]

    def test_names(self) -> None:
        assert row_names("MLP", 2) == ["MLP 0", "MLP 1"]
        assert row_names("layer heads", 2) == ["H0", "H1"]
        assert column_names(["a", HOSTILE], ["a", "b"]) == ["a", f"{HOSTILE}→b"]
        assert aligned_payload(["a", "b"], ["a", HOSTILE]) == {"tokens": ["a", "b"], "differs": [[1, HOSTILE]]}

    def test_the_pair_is_never_one_token(self) -> None:
        assert answer_pair(distribution(4, 5), distribution(6, 4)) == (4, 6)
        assert answer_pair(distribution(4, 5), distribution(4, 6)) == (4, 6)


@pytest.fixture(scope="module")
def model() -> "Model":
    return pair_of("llama")[1]


@pytest.fixture
def view(model: "Model") -> View:
    moment = model.begin(ABOVE)
    for _ in range(3):
        moment = model.step(moment)
    return View((moment.to_text(),), cursor=len(moment.ids) - 1, tab="patching", changed=BEGIN + CHANGED)


class TestTab:
    def test_both_texts_go_on_alike_up_to_the_cursor(self, model: "Model", view: View) -> None:
        payload = draw(scene_of(model, view))
        assert payload["error"] == ""
        assert len(payload["tokens"]) == view.cursor + 1
        changed = model.begin(CHANGED)
        differs = [
            place for place, (one, other) in enumerate(zip(view.moment.ids, changed.ids, strict=False)) if one != other
        ]
        assert [place for place, _ in payload["differs"]] == differs
        earlier = draw(scene_of(model, replace(view, cursor=differs[0] - 1)))
        assert earlier["differs"] == []
        assert len(earlier["tokens"]) == differs[0]

    def test_the_answers_are_those_of_both_texts(self, model: "Model", view: View) -> None:
        prompt = replace(view, cursor=len(model.begin(ABOVE).ids) - 1)
        payload = draw(scene_of(model, prompt))
        for name, text in (("clean", ABOVE), ("changed", CHANGED)):
            expected = model.distribution(model.begin(text), -1, top=5)
            assert [row[0] for row in payload[name][:5]] == expected.ids[:5].tolist()
            assert [row[2] for row in payload[name][:5]] == pytest.approx(expected.raw[:5].tolist(), rel=1e-4)
        assert payload["pair"][0] != payload["pair"][1]

    def test_no_change_yet(self, model: "Model", view: View) -> None:
        payload = draw(scene_of(model, replace(view, changed="")))
        assert payload["text"] == payload["original"]
        assert payload["differs"] == []

    def test_texts_of_different_length_are_counted(self, model: "Model", view: View) -> None:
        payload = draw(scene_of(model, replace(view, changed=f"{BEGIN}{ABOVE} today")))
        assert payload["text"].endswith("today")  # nothing that was typed is lost
        assert f"{view.moment.prompt_length} tokens" in payload["error"]

    def test_a_result_is_of_the_texts_it_was_made_from(self, model: "Model", view: View) -> None:
        keys = {
            draw(scene_of(model, one))["key"]
            for one in (
                view,
                replace(view, cursor=view.cursor - 1),
                replace(view, changed=f"{BEGIN}a y c d"),
                view.at(view.moment.without([(0, 0)])),
            )
        }
        assert len(keys) == 4


def patched(model: "Model", view: View, **detail: Any) -> dict[str, Any]:
    *_, last = scanned(model, view, detail)
    assert last.done == last.total
    return last.payload


class TestRun:
    def test_the_whole_clean_run_brings_the_answer_back(self, model: "Model", view: View) -> None:
        payload = patched(model, view, part="stream")
        recovered = unpack(payload["recovered"])
        assert recovered.shape == (model.card().layers + 1, view.cursor + 1)
        assert recovered[-1, -1] == pytest.approx(1, abs=1e-3)  # what leaves the last block decides alone
        assert np.abs(recovered[-1, :-1]).max() < 1e-3
        assert payload["key"] == draw(scene_of(model, view))["key"]

    def test_heads_and_a_pair_of_ones_own(self, model: "Model", view: View) -> None:
        payload = patched(model, view, part="heads", pair=[5, 6])
        assert (payload["rows"], payload["columns"]) == (payload["heads"]["layers"], payload["heads"]["heads"])
        assert payload["label"] == visible(model.text(5))
        one = patched(model, view, part="layer heads", layer=1)
        assert (one["layer"], one["rows"]) == (1, model.card().heads)

    @pytest.mark.parametrize(
        ("change", "detail", "error"),
        [
            ({}, {"part": "everything"}, InputError),
            ({}, {"part": "stream", "layer": 99}, OutOfRange),
            ({}, {"part": "stream", "pair": [1, 10**9]}, OutOfRange),
            ({"changed": "too long by far for this"}, {"part": "stream"}, UnequalTexts),
        ],
    )
    def test_what_cannot_be_patched_is_refused(
        self, model: "Model", view: View, change: dict[str, Any], detail: dict[str, Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            patched(model, replace(view, **change), **detail)


class TestAction:
    def test_the_text_is_kept_as_it_was_typed(self, model: "Model", view: View) -> None:
        outcome = STEER_ACTIONS["changed"](model, view, Request({"text": " x"}, "", chat=False))
        assert outcome.view.changed == " x"

    @pytest.mark.parametrize("text", [None, 3, "x" * (MOST_CHANGED + 1)])
    def test_damage_is_refused(self, model: "Model", view: View, text: Any) -> None:
        with pytest.raises(InputError):
            STEER_ACTIONS["changed"](model, view, Request({"text": text}, "", chat=False))
