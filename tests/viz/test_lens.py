import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.lens_records import LensCell, LensCurves, LensGrid, LensReading
from model_runtime.records import Integers
from viz.lens_cell import cell_payload
from viz.lens_curves import curves_payload
from viz.lens_grid import lens_payload, nearest_reading, row_name, row_readings, stream_names
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

    def test_rows_are_named_and_leads_are_half_steps(self) -> None:
        payload = lens_payload(_lens(), LABELS, Window(1, 4, 5), 3, 1000)
        assert payload["rows"][:3] == ["0 embedding", "after attention 0", "1 after block 0"]
        assert payload["rows"][-2:] == ["after attention 2", "3 output"]
        assert unpack(payload["first_lead"]).tolist() == [2, 4, 0]
        assert unpack(payload["settled"]).tolist() == [6, 4, 0]
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
