import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from model_runtime import Composition, FeatureUnavailable, LeftOut, Moment, PartAttention, PartEffects, PartSpans
from model_runtime.errors import InputError, OutOfRange
from model_runtime.prompt_part_records import GROUPS, MOST_PART
from viz.colours import CATEGORIES, PARTS, style_sheet
from viz.panels import prompt_parts as panel
from viz.panels.actions import Request
from viz.panels.view import View, read_parts
from viz.payload import unpack
from viz.prompt_parts import MOST_TOKENS, attention_payload, effects_payload, spans_payload

TEXTS = ("You.", "<b>Write.", "", "", "", "", "It.")
MOMENT = Moment("m", "", "f", (1, 2, 3, 4, 5), 4)


def spans(prompt: int = 4) -> PartSpans:
    return PartSpans(np.array([0, 1, 1, 6, -1])[: prompt + 1], np.array([1, 2, 0, 0, 0, 0, 1]), True)


def row(part: int, *written: str, divergence: float = 0.5) -> LeftOut:
    return LeftOut(part, 9, 0.25, divergence, 3, " <i>", 0.5, 0.125, written, "")


def attention() -> PartAttention:
    random = np.random.default_rng(0)
    shape = (3, len(GROUPS))
    here, average = (random.random(shape).astype(np.float32) for _ in range(2))
    return PartAttention(spans(), 4, here, average, 2, here[0].copy())


class TestPayloads:
    def test_the_strip_holds_the_prompt_only(self) -> None:
        payload = spans_payload(spans(), ["a", "b", "c", "d", "e"], 4)
        assert payload["labels"] == ["a", "b", "c", "d"]
        assert payload["part"] == [0, 1, 1, 6]
        assert payload["left_out"] == 0

    def test_a_long_prompt_is_cut_and_says_so(self) -> None:
        part = PartSpans(np.zeros(MOST_TOKENS + 30, np.int64), np.zeros(7, np.int64), False)
        payload = spans_payload(part, ["a"] * (MOST_TOKENS + 30), MOST_TOKENS + 5)
        assert (len(payload["part"]), payload["left_out"]) == (MOST_TOKENS, 5)

    def test_shares_are_the_records(self) -> None:
        record = attention()
        payload = attention_payload(record, "x")
        assert np.array_equal(unpack(payload["here"]), record.here)
        assert np.array_equal(unpack(payload["average"]), record.average)
        assert np.array_equal(unpack(payload["uniform"]), record.uniform)

    def test_a_text_is_split_where_it_first_differs(self) -> None:
        effects = PartEffects(
            3, 9, (row(-1, "a", " b", "\n"), row(1, "a", " c"), row(6, "a", " b", "\n", divergence=np.inf))
        )
        rows = effects_payload(effects)["rows"]
        assert [(one["same"], one["other"]) for one in rows] == [("a b\n", ""), ("a", " c"), ("a b\n", "")]
        assert [one["equal"] for one in rows] == [True, False, True]
        assert rows[2]["divergence"] is None
        assert rows[0]["top"] == "·<i>"
        json.dumps(effects_payload(effects), allow_nan=False)

    def test_every_part_has_a_colour_in_both_themes(self) -> None:
        sheet = style_sheet()
        for colours in CATEGORIES.values():
            for index in range(PARTS):
                assert f"--ts-part-{index}:{colours[index]};" in sheet


class Stub:
    def __init__(self, fault: Exception | None = None, blind: bool = False) -> None:
        self.fault, self.blind = fault, blind
        self.asked: list[Any] = []

    def part_spans(self, moment: object, composition: Composition) -> PartSpans:
        if self.fault:
            raise self.fault
        return spans()

    def part_attention(self, moment: object, composition: Composition, position: int) -> PartAttention:
        if self.blind:
            raise FeatureUnavailable("No attention here.")
        return attention()

    def leave_parts_out(self, moment: object, composition: Composition, following: int, position: int) -> Any:
        self.asked.append((composition.texts, following, position))
        yield PartEffects(2, 2, (row(-1, "a"), row(1, "b")))


def scene(model: Stub, parts: tuple[str, ...] = TEXTS, cursor: int = 2) -> Any:
    view = View(branches=(MOMENT.to_text(),), cursor=cursor, parts=parts)
    return SimpleNamespace(
        model=model, view=view, moment=MOMENT, labels=["a", "b", "c", "d", "e"], card=SimpleNamespace(chat=False)
    )


class TestPanel:
    def test_before_anything_is_composed_the_example_is_offered(self) -> None:
        payload = panel.draw(scene(Stub(), parts=()))
        assert payload["texts"] == panel.EXAMPLE
        assert payload["spans"] is None
        assert "press Start" in payload["hint"]
        assert panel.marks(scene(Stub(), parts=())) is None

    def test_another_text_is_no_error(self) -> None:
        other = scene(Stub(InputError("The text does not begin with these parts.")))
        assert panel.draw(other)["hint"].startswith("The text does not begin")
        assert panel.draw(other)["texts"] == TEXTS
        assert panel.marks(other) is None

    def test_all_of_it(self) -> None:
        payload = panel.draw(scene(Stub()))
        assert payload["spans"]["part"] == [0, 1, 1, 6]
        assert payload["attention"]["label"] == "c"
        assert payload["asked"] == [3, "d", True]  # the cursor is inside the prompt
        assert panel.draw(scene(Stub(), cursor=4))["asked"] == [4, "e", False]
        assert panel.marks(scene(Stub())) == [0, 1, 1, 6]

    def test_without_attention_the_rest_stays(self) -> None:
        payload = panel.draw(scene(Stub(blind=True)))
        assert payload["unavailable"] == "No attention here."
        assert payload["spans"] is not None

    def test_what_is_left_out_carries_what_it_is_about(self) -> None:
        model = Stub()
        shown = scene(model)
        (progress,) = panel.scanned(model, shown.view, {"following": 20})  # type: ignore[arg-type]
        assert progress.payload["about"] == panel.draw(shown)["about"]
        assert progress.payload["about"] != panel.draw(scene(model, cursor=4))["about"]
        assert (progress.done, progress.total) == (2, 2)
        assert model.asked == [(TEXTS, 20, 3)]

    @pytest.mark.parametrize("following", [-1, 101, "40", True])
    def test_the_number_of_tokens_is_checked(self, following: object) -> None:
        with pytest.raises(OutOfRange, match="number of tokens"):
            next(panel.scanned(Stub(), scene(Stub()).view, {"following": following}))  # type: ignore[arg-type]


class TestView:
    def test_parts_travel(self) -> None:
        view = View(branches=(MOMENT.to_text(),), parts=TEXTS)
        sent = json.loads(json.dumps(view.to_json()))
        assert View.from_json(sent).parts == TEXTS
        del sent["parts"]  # from before there were any
        assert View.from_json(sent).parts == ()

    @pytest.mark.parametrize("parts", ["abc", ["a"], ["a"] * 8, [1] * 7, ["a" * (MOST_PART + 1)] * 7, {"a": 1}])
    def test_others_are_refused(self, parts: object) -> None:
        with pytest.raises(InputError):
            read_parts(parts)

    def test_composing_nothing_is_refused(self) -> None:
        view = View(branches=(MOMENT.to_text(),))
        for texts in ([""] * 7, [" "] * 7, []):
            with pytest.raises(InputError, match="empty"):
                panel.compose(Stub(), view, Request({"texts": texts, "chat": False}, "", False))  # type: ignore[arg-type]
