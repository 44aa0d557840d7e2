import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.viz import records_by_hand as records
from viz.attention_map import attention_figure, attention_measure, attention_payload, looks_at_payload
from viz.next_token import next_token_chart
from viz.payload import pack, unpack
from viz.token_strip import SHADES, labels_of, token_strip
from viz.units import tokens_as_units
from viz.window import Window, window_to

LABELS = labels_of(records.tokens())
UNITS = tokens_as_units(LABELS)
WHOLE = Window(0, 6, 6)


@given(arrays.arrays(st.sampled_from([np.float32, np.int32, np.uint8]), arrays.array_shapes(max_dims=3)))
def test_arrays_travel_unchanged(array: np.ndarray) -> None:
    travelled = unpack(json.loads(json.dumps(pack(array))))
    assert travelled.dtype == array.dtype
    assert np.array_equal(travelled, array, equal_nan=array.dtype.kind == "f")


def test_wide_integers_are_narrowed_or_refused() -> None:
    assert unpack(pack(np.array([2**31 - 1]))).tolist() == [2**31 - 1]
    with pytest.raises(ValueError, match="32 bits"):
        pack(np.array([2**31]))
    with pytest.raises(ValueError, match="complex"):
        pack(np.array([1j]))


@given(st.integers(1, 500), st.integers(1, 300), st.data())
def test_a_window_holds_the_cursor_and_is_as_full_as_it_can_be(total: int, size: int, data: st.DataObject) -> None:
    cursor = data.draw(st.integers(0, total - 1))
    window = window_to(cursor, total, size)
    assert 0 <= window.start <= cursor < window.stop <= total
    assert window.size == min(size, total)
    assert window.cut == (size < total)


def test_a_window_says_what_it_shows() -> None:
    assert window_to(399, 400, 64).describe() == "tokens 336 to 399 of 400"
    assert window_to(3, 5, 64).describe() == "all 5 tokens"


class TestNextToken:
    def test_numbers_are_the_records(self) -> None:
        record = records.distribution()
        chart = next_token_chart(record, "·is", greedy=True)
        assert unpack(chart["raw"]).tolist() == record.raw[:20].tolist()
        assert unpack(chart["final"]).tolist() == record.final[:20].tolist()
        assert chart["cut"] == ["", ""] + ["top-k 2"] * 18
        assert chart["title"] == "Next token, after “·is”"
        assert chart["labels"][0] == "·0"

    def test_the_rows_and_the_rest_are_everything(self) -> None:
        chart = next_token_chart(records.distribution(), "x", greedy=False)
        assert unpack(chart["raw"]).sum(dtype=np.float64) + chart["other"]["raw"] == pytest.approx(1, abs=1e-6)
        assert chart["other"]["count"] == 80

    @pytest.mark.parametrize(("chosen", "choice"), [(23, 0), (0, 23), (22, 23), (23, 23), (None, 3)])
    def test_what_is_taken_is_always_listed(self, chosen: int | None, choice: int) -> None:
        chart = next_token_chart(records.distribution(chosen=chosen, choice=choice), "x", greedy=True)
        assert len(chart["ids"]) == 20
        assert choice in chart["ids"]
        assert chosen is None or chosen in chart["ids"]
        assert chart["ids"] == sorted(chart["ids"])
        assert unpack(chart["raw"]).sum(dtype=np.float64) + chart["other"]["raw"] == pytest.approx(1, abs=1e-6)


class TestTokenStrip:
    @pytest.mark.parametrize("shade", SHADES)
    def test_shades(self, shade: str) -> None:
        table = records.tokens()
        strip = token_strip(table, LABELS, 5, shade, 100, attention_measure(records.attention(), 4))  # type: ignore[arg-type]
        expected = {
            "probability": np.exp(-table.surprisal),
            "surprisal": table.surprisal,
            "entropy": table.entropy,
            "attention": np.where(np.arange(6) <= 4, records.attention().weights[4], np.nan).astype(np.float32),
        }
        if shade not in expected:  # nothing, or what only the page knows
            assert shade in ("none", "contribution")
            assert strip["values"] is None
        else:
            assert np.array_equal(unpack(strip["values"]), expected[shade], equal_nan=True)

    def test_marks(self) -> None:
        strip = token_strip(records.tokens(), LABELS, 2, "none", 100)
        assert strip["labels"] == ["<s>", "·The", "·cat", "↵", "</script>", "·sat"]
        assert (strip["newlines"], strip["special"], strip["prompt_length"], strip["cursor"]) == ([3], [0], 3, 2)


class TestAttention:
    def test_visible_cells_are_exact_and_masked_ones_empty(self) -> None:
        record = records.attention()
        cells = unpack(attention_figure(record, LABELS, WHOLE, 5)["data"][0]["z"])
        assert np.array_equal(cells[record.visible], record.weights[record.visible])
        assert np.isnan(cells[~record.visible]).all()

    def test_a_window_says_what_lies_outside(self) -> None:
        record = records.attention()
        payload = attention_payload(record, UNITS, Window(3, 6, 6), 5)
        cells = unpack(payload["figure"]["data"][0]["z"])
        assert np.nansum(cells, axis=1) + unpack(payload["outside"]) == pytest.approx(1, abs=1e-6)

    def test_the_selected_row_is_exact_and_the_facts_are_the_records(self) -> None:
        record = records.attention()
        side = looks_at_payload(record, UNITS, 4)
        assert unpack(side["row"]).tolist() == record.weights[4, :5].tolist()
        assert side["cursor"] == 4
        assert "bfloat16" in side["facts"]
        assert "window of 4" in side["facts"]

    def test_labels_pass_the_door(self) -> None:
        axis = attention_figure(records.attention(), LABELS, WHOLE, 5)["layout"]["xaxis"]
        assert axis["ticktext"][0] == "&lt;s&gt;"
        assert axis["tickvals"] == [0, 1, 2, 3, 4, 5]


def test_payloads_are_json() -> None:
    json.dumps(attention_payload(records.attention(), UNITS, WHOLE, 5))
    json.dumps(next_token_chart(records.distribution(), "x", greedy=True))
    json.dumps(token_strip(records.tokens(), LABELS, 0, "surprisal", 100), allow_nan=False)
