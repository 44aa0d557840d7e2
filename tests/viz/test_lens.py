import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import Moment
from model_runtime.errors import InputError
from model_runtime.lens_records import LensCell, LensCurves, LensGrid, LensReading
from model_runtime.records import Integers
from viz.lens_cell import cell_payload
from viz.lens_curves import curves_payload
from viz.lens_grid import leads, lens_payload, nearest_reading, row_name, row_readings, stream_names
from viz.panels.actions import Outcome, Request
from viz.panels.layer_actions import LAYER_ACTIONS
from viz.panels.view import View
from viz.payload import unpack
from viz.window import Window

LABELS = ["The", "·cat", "↵", "</script>", "·sat"]
WHOLE = Window(0, 5, 5)
TEXT = {token: f" <b>{token}" for token in range(40)}


def _reading(ids: Integers, first: float) -> LensReading:
    """Numbers of their own in every array: 0 to 19 times a step, from `first` on."""
    numbers = (np.arange(ids.size).reshape(ids.shape) / 64 + first).astype(np.float32)
    return LensReading(
        ids=ids,
        probability=numbers,
        top_ids=ids[..., None].copy(),
        top_probability=numbers[..., None].copy(),
        target_rank=ids * 3,
        target_probability=numbers / 2,
        entropy=numbers + 1,
        divergence=numbers + 2,
    )


def _lens(middle: bool = True) -> LensGrid:
    """Four streams of five tokens, and the three midpoints between them."""
    streams = _reading(np.arange(20).reshape(4, 5), 0.25)
    return LensGrid(
        **vars(streams),
        target_ids=streams.ids[-1].copy(),
        first_lead=np.array([3, 1, 2, 0, 3]),
        settled=np.array([3, 3, 2, 0, 3]),
        vocabulary=TEXT,
        middle=_reading(20 + np.arange(15).reshape(3, 5), 0.5) if middle else None,
    )


class TestGrid:
    @pytest.mark.parametrize(
        "name", ["ids", "probability", "target_rank", "target_probability", "entropy", "divergence"]
    )
    def test_midpoints_stand_between_their_streams(self, name: str) -> None:
        lens = _lens()
        rows = unpack(lens_payload(lens, LABELS, Window(2, 5, 5), 4, 1000)[name])
        assert rows.shape == (7, 3)
        assert np.array_equal(rows[::2], getattr(lens, name)[:, 2:])
        assert np.array_equal(rows[1::2], getattr(lens.middle, name)[:, 2:])

    def test_without_midpoints_the_rows_are_the_streams(self) -> None:
        lens = _lens(middle=False)
        payload = lens_payload(lens, LABELS, WHOLE, 4, 1000)
        assert np.array_equal(unpack(payload["entropy"]), lens.entropy)
        assert payload["readings"] == [0, 2, 4, 6]
        assert payload["rows"] == ["0 embedding", "1 after block 0", "2 after block 1", "3 output"] == stream_names(4)

    def test_rows_are_named_and_the_window_is_placed(self) -> None:
        payload = lens_payload(_lens(), LABELS, Window(1, 4, 5), 3, 1000)
        assert payload["rows"][:3] == ["0 embedding", "after attention 0", "1 after block 0"]
        assert payload["rows"][-2:] == ["after attention 2", "3 output"]
        assert (payload["start"], payload["total"], payload["cursor"]) == (1, 5, 3)

    def test_every_cell_has_its_word_as_plain_text(self) -> None:
        payload = json.loads(json.dumps(lens_payload(_lens(), LABELS, WHOLE, 0, 1000)))
        assert payload["words"]["34"] == "·<b>34"
        assert {str(token) for token in unpack(payload["ids"]).ravel()} <= payload["words"].keys()
        assert {str(token) for token in unpack(payload["target_ids"])} <= payload["words"].keys()

    @pytest.mark.parametrize(
        ("largest", "end"), [(0.0, 1), (0.3, 0.5), (1.0, 1), (1.01, 2), (4.2, 5), (5.5, 10), (61.0, 100)]
    )
    def test_the_divergence_s_scale_ends_with_a_round_number(self, largest: float, end: float) -> None:
        lens = _lens(middle=False)
        lens = replace(lens, divergence=np.linspace(0, largest, 20, dtype=np.float32).reshape(4, 5))
        assert lens_payload(lens, LABELS, WHOLE, 0, 1000)["most"] == pytest.approx(end)

    def test_a_long_text_of_a_deep_model_stays_small(self) -> None:
        ids = np.zeros((33, 128), np.int64)
        lens = replace(
            _lens(),
            **vars(_reading(ids, 0)),
            middle=_reading(ids[:-1], 0),
            target_ids=ids[-1],
            first_lead=ids[-1],
            settled=ids[-1],
        )
        payload = lens_payload(lens, ["·word"] * 128, Window(0, 128, 128), 0, 128_000)
        assert len(json.dumps(payload)) < 6 * 4 * 65 * 128 * 4 / 3 + 8_000


@given(st.booleans(), st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=5))
def test_the_lead_is_found_among_all_rows(middle: bool, led: list[list[bool]]) -> None:
    columns = [[*column[:6], True] for column in led]  # the output leads always: its choice is what is looked for
    rank = np.where(np.array(columns).T, 0, 5)
    grid = _reading(np.zeros((4, len(led)), np.int64), 0)
    between = replace(_reading(np.zeros((3, len(led)), np.int64), 0), target_rank=rank[1::2])
    none = np.zeros(len(led), np.int64)
    lens = LensGrid(
        **{**vars(grid), "target_rank": rank[::2]}, target_ids=none, first_lead=none, settled=none, vocabulary=TEXT
    )
    first, settled = leads(replace(lens, middle=between) if middle else lens)
    for column, lead, stays in zip(columns, first.tolist(), settled.tolist(), strict=True):
        rows = {reading: column[reading] for reading in range(0, 7, 1 if middle else 2)}
        assert lead == min(reading for reading in rows if rows[reading])
        assert stays == min(reading for reading in rows if all(rows[later] for later in rows if later >= reading))


@given(st.integers(2, 100), st.booleans(), st.integers(0, 400))
def test_a_row_is_always_found(streams: int, middle: bool, reading: int) -> None:
    found = nearest_reading(reading, streams, middle)
    rows = row_readings(streams, middle)
    assert len(rows) == (2 * streams - 1 if middle else streams)
    assert found in rows
    assert found == reading or reading not in rows
    assert row_name(found, streams)


def _cell() -> LensCell:
    return LensCell(
        position=4,
        stream=2,
        middle=True,
        ids=np.array([7, 3]),
        text=(" Tokyo", "<img>\n"),
        probability=np.array([0.75, 0.125], np.float32),
        final=np.array([0.25, 0.5], np.float32),
        rank=np.array([0, 1]),
        final_rank=np.array([1, 0]),
        entropy=0.5,
        final_entropy=1.5,
        divergence=2.5,
        vocabulary_size=100,
    )


class TestCell:
    def test_numbers_are_the_records_and_the_rest_makes_one(self) -> None:
        payload = json.loads(json.dumps(cell_payload(_cell(), "·is")))
        assert unpack(payload["probability"]).tolist() == [0.75, 0.125]
        assert unpack(payload["final"]).tolist() == [0.25, 0.5]
        assert unpack(payload["final_rank"]).tolist() == [1, 0]
        assert payload["labels"] == ["·Tokyo", "<img>↵"]
        assert payload["other"] == {"count": 98, "probability": 0.125, "final": 0.25}
        assert (payload["reading"], payload["position"], payload["label"]) == (5, 4, "·is")
        assert (payload["entropy"], payload["final_entropy"], payload["divergence"]) == (0.5, 1.5, 2.5)

    def test_rounding_leaves_no_negative_rest(self) -> None:
        cell = replace(_cell(), probability=np.array([0.75, 0.25001], np.float32))
        assert cell_payload(cell, "x")["other"]["probability"] == 0


class TestCurves:
    def test_numbers_are_the_records(self) -> None:
        probability = np.array([[0, 0.25, 0.5], [0.5, 0.25, 0]], np.float32)
        rank = np.array([[99, 1, 0], [0, 2, 98]])
        row = np.array([0, 0.5, 1], np.float32)
        curves = LensCurves(4, row, np.array([7, 3]), (" Tokyo", "</svg>"), probability, rank, 100)
        payload = json.loads(json.dumps(curves_payload(curves, 7, (1, 1))))
        assert payload["readings"] == [0, 1, 2]
        assert np.array_equal(unpack(payload["probability"]), probability)
        assert np.array_equal(unpack(payload["rank"]), rank)
        assert payload["labels"] == ["·Tokyo", "</svg>"]
        assert (payload["ids"], payload["final"], payload["vocabulary"]) == ([7, 3], 7, 100)


class _Words:
    """A model whose vocabulary is words, with or without a space before them."""

    WORDS = ("is", " is", " Tokyo", "To", "kyo", " the", "q", " q", " ")

    def text(self, token: int) -> str:
        return self.WORDS[token]

    def card(self) -> SimpleNamespace:
        return SimpleNamespace(vocabulary_size=len(self.WORDS))

    def append(self, moment: Moment, text: str) -> Moment:
        ids: list[int] = []
        while text:
            word = max((word for word in self.WORDS if text.startswith(word)), key=len)
            ids.append(self.WORDS.index(word))
            text = text[len(word) :]
        return replace(moment, ids=(*moment.ids, *ids))


class TestFollow:
    MOMENT = Moment(model="m", revision="", fingerprint="f", ids=(5, 1), prompt_length=2)

    def _follow(self, view: View, **detail: object) -> Outcome:
        return LAYER_ACTIONS["follow"](_Words(), view, Request(detail, "", False))  # type: ignore[arg-type]

    def _view(self, *tokens: int) -> View:
        return View(branches=(self.MOMENT.to_text(),), follow=tokens)

    def test_a_word_is_found_after_a_space(self) -> None:
        outcome = self._follow(self._view(), text="Tokyo")
        assert outcome.view.follow == (2,)
        assert "·Tokyo" in outcome.notice

    def test_of_several_tokens_the_first_is_followed_and_all_are_named(self) -> None:
        outcome = self._follow(self._view(5), text="qis")
        assert outcome.view.follow == (5, 7)
        assert "2 tokens" in outcome.notice
        assert "“·q”, “is”" in outcome.notice

    def test_typing_a_followed_token_keeps_it_and_clicking_takes_it_back(self) -> None:
        view = self._view(2, 0)
        assert self._follow(view, text="Tokyo").view.follow == (2, 0)
        assert self._follow(view, token=2).view.follow == (0,)

    @pytest.mark.parametrize("detail", [{"text": " "}, {"token": 9}, {"token": "2"}, {}])
    def test_what_is_no_token_is_refused(self, detail: dict[str, object]) -> None:
        with pytest.raises(InputError):
            self._follow(self._view(), **detail)

    def test_there_is_an_end_to_following(self) -> None:
        with pytest.raises(InputError, match="6 tokens"):
            self._follow(self._view(0, 1, 2, 3, 4, 5), token=7)
