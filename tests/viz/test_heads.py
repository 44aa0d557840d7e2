import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.attention_views import hide_sink, merge_words
from model_runtime.moment import Ablate
from tests.viz import records_by_hand as records
from viz.ablation import off_payload, scan_payload
from viz.attention_map import MOST_CELLS, attention_figure, attention_measure, attention_payload, looks_at_payload
from viz.head_mosaic import mosaic_payload
from viz.head_names import shares
from viz.head_ranking import pairs_payload, ranking_payload
from viz.next_token import next_token_chart
from viz.payload import unpack
from viz.token_strip import labels_of
from viz.units import tokens_as_units, words_as_units
from viz.window import Window

LABELS = labels_of(records.tokens())
WORDS = np.array([0, 1, 1, 2, 3, 4])


class TestMosaic:
    def test_bytes_are_the_records(self) -> None:
        record = records.mosaic()
        payload = mosaic_payload(record, 8)
        assert np.array_equal(unpack(payload["cells"]), record.cells)
        assert np.array_equal(unpack(payload["groups"]), record.key_value_head)
        assert (payload["layers"], payload["heads"], payload["side"]) == (3, 4, 4)
        assert payload["ablated"] == [[2, 3]]
        assert payload["shared"]
        assert payload["pooled"] == "one cell for 2 tokens, its largest weight"
        assert payload["mean_hidden"] is None
        uneven = replace(record, edges=np.array([0, 4, 6, 8, 9]))
        assert mosaic_payload(uneven, 9)["pooled"] == "one cell for 1 to 4 tokens, its largest weight"

    def test_says_how_much_is_hidden(self) -> None:
        payload = mosaic_payload(records.mosaic(hidden=True), 4)
        assert payload["mean_hidden"] == pytest.approx(0.25)
        assert payload["pooled"] == "one cell a token"

    def test_a_large_model_fits_into_half_a_megabyte(self) -> None:
        grid = (32, 32)
        small = records.mosaic()
        record = replace(
            small,
            cells=np.zeros((*grid, 18, 18), np.uint8),  # what the runtime's bound leaves for 1,024 heads
            edges=np.arange(19),
            exists=np.ones(grid, bool),
            key_value_head=np.zeros(grid, np.int64),
            ablated=np.zeros(grid, bool),
            hidden=np.zeros(grid, np.float32),
        )
        assert len(json.dumps(mosaic_payload(record, 1000, np.full(grid, "no clear pattern")))) < 500_000

    def test_sharing_is_seen(self) -> None:
        assert shares(np.array([[0, 0, 1, 1]]))
        assert not shares(np.array([[0, 1, 2, -1]]))


class TestRanking:
    def test_weights_and_order_are_the_records(self) -> None:
        record = records.ranking()
        payload = ranking_payload(record, LABELS)
        assert np.array_equal(unpack(payload["weights"]), record.weights, equal_nan=True)
        assert payload["order"] == record.order.tolist()
        assert payload["keys"] == [[1, "·The"], [4, "</script>"]]
        assert payload["mean_hidden"] == pytest.approx(0.5)
        assert payload["hidden_keys"] == [1]
        assert payload["ahead"] == []

    def test_pairs(self) -> None:
        payload = pairs_payload(records.pairs(), LABELS)
        assert payload["pairs"] == [[4, "</script>", 2, "·cat"], [5, "·sat", 4, "</script>"]]
        assert unpack(payload["weights"]).tolist() == [0.75, 0.5]


class TestScan:
    def test_the_largest_change_stands_first_whatever_its_sign(self) -> None:
        record = records.scan(8)
        payload = scan_payload(record, records.key_value_heads(), [Ablate(0, 2, "zero")])
        assert payload["order"] == [[2, 2], [0, 1], [0, 3], [0, 0], [2, 3], [0, 2], [2, 0], [2, 1]]
        assert np.array_equal(unpack(payload["change"]), record.change, equal_nan=True)
        assert payload["ablated"] == [[0, 2]]
        assert payload["label"] == "·Tokyo<b>"

    def test_a_scan_under_way_lists_what_is_known(self) -> None:
        payload = scan_payload(records.scan(4), records.key_value_heads(), [])
        assert payload["order"] == [[0, 1], [0, 3], [0, 0], [0, 2]]
        assert (payload["done"], payload["total"]) == (4, 8)

    def test_the_bar_names_every_head(self) -> None:
        assert off_payload([Ablate(0, 2, "zero"), Ablate(3, 1, "mean")]) == [[0, 2, "zero"], [3, 1, "mean"]]


class TestWords:
    def test_units(self) -> None:
        units = words_as_units(LABELS, WORDS)
        assert units.labels == ["<s>", "·The·cat", "↵", "</script>", "·sat"]
        assert units.last.tolist() == [0, 2, 3, 4, 5]

    @given(st.lists(st.booleans(), min_size=1, max_size=30))
    def test_every_token_is_in_one_word(self, begins: list[bool]) -> None:
        words = np.cumsum([0, *begins[1:]])
        labels = [f"{index};" for index in range(len(words))]
        units = words_as_units(labels, words)
        assert "".join(units.labels) == "".join(labels)
        assert [units.of[last] for last in units.last] == list(range(len(units.labels)))
        assert units.last[-1] == len(labels) - 1

    def test_a_merged_head_is_drawn_over_words(self) -> None:
        merged = merge_words(records.attention(), WORDS)
        payload = attention_payload(merged, words_as_units(LABELS, WORDS), Window(1, 5, 5), 4)
        cells = unpack(payload["figure"]["data"][0]["z"])
        assert cells.shape == (4, 4)
        assert np.nansum(cells, axis=1) + unpack(payload["outside"]) == pytest.approx(1, abs=1e-6)
        assert unpack(payload["last"]).tolist() == [2, 3, 4, 5]
        assert payload["shown"] == "words 1 to 4 of 5"


class TestHiding:
    def test_the_picture_the_list_and_the_strip_say_how_much(self) -> None:
        whole = records.attention()
        hidden = hide_sink(whole, [0])
        share = pytest.approx(float(whole.weights[4, 0]), abs=1e-6)
        payload = attention_payload(hidden, tokens_as_units(LABELS), Window(0, 6, 6), 4)
        assert payload["hidden"]["row"] == share
        assert payload["hidden"]["mean"] == pytest.approx(whole.weights[:, 0].mean(), abs=1e-6)
        assert np.isnan(unpack(payload["figure"]["data"][0]["z"])[:, 0]).all()
        assert looks_at_payload(hidden, tokens_as_units(LABELS), 4)["hidden"]["row"] == share
        row = unpack(looks_at_payload(hidden, tokens_as_units(LABELS), 4)["row"])
        assert np.isnan(row[0])
        assert np.nansum(row) == pytest.approx(1, abs=1e-6)
        assert f"{100 * whole.weights[4, 0]:.1f} %" in attention_measure(hidden, 4).title

    def test_nothing_hidden_says_nothing(self) -> None:
        payload = attention_payload(records.attention(), tokens_as_units(LABELS), Window(0, 6, 6), 4)
        assert payload["hidden"] is None


def test_a_large_window_is_an_image_of_exact_weights() -> None:
    count = MOST_CELLS + 1
    record = records.attention(count)
    trace = attention_figure(record, ["x"] * count, Window(0, count, count), 5, "log")["data"][0]
    triangle = unpack(trace["meta"]["triangle"])
    assert trace["type"] == "image"
    assert trace["meta"]["colour"] == "log"
    assert np.array_equal(triangle, record.weights[np.tril_indices(count)])


def test_bars_show_what_was_before() -> None:
    after, before = records.distribution(count=100), records.distribution(count=100)
    order = np.arange(100)[::-1]
    before = replace(before, ids=order.copy(), text=tuple(f" {index}" for index in order))
    chart = next_token_chart(after, "x", True, before)
    assert len(chart["ids"]) == 20
    assert set(order[:5].tolist()) <= set(chart["ids"])  # what led before stays in sight
    expected = [float(before.raw[99 - token]) for token in chart["ids"]]
    assert unpack(chart["before"]).tolist() == expected
    assert next_token_chart(after, "x", True)["before"] is None


def test_payloads_are_json() -> None:
    json.dumps(mosaic_payload(records.mosaic(hidden=True), 8), allow_nan=False)
    json.dumps(ranking_payload(records.ranking(), LABELS), allow_nan=False)
    json.dumps(scan_payload(records.scan(4), records.key_value_heads(), []), allow_nan=False)
