import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.head_records import HeadDistance
from tests.viz import head_records_by_hand as by_hand
from tests.viz import records_by_hand as records
from viz.bertviz_view import KINDS, Scripts, bertviz_document, estimated_bytes
from viz.comparison import Pinned, card_payload, difference_payload, similarity_payload
from viz.components.bertviz_scripts import bertviz_scripts
from viz.head_inside import inside_payload
from viz.head_table import head_table_payload, label_indices
from viz.labels import visible
from viz.payload import unpack
from viz.window import Window

LABELS = [visible(text) for text in records.TEXT]
WHOLE = Window(0, 6, 6)
HOSTILE = "</script><img src=x onerror=alert(1)>${7*6}<!--\u2028"


def pinned(window: Window = WHOLE, scale: float = 1.0) -> Pinned:
    map_ = records.attention()
    uneven = np.where(map_.visible, map_.weights**scale, 0)
    weights = (uneven / uneven.sum(axis=1, keepdims=True)).astype(np.float32)
    return Pinned("L3 H5", "kv 2", "now", (3, 5), replace(map_, weights=weights), LABELS, window, 5)


class TestTable:
    def test_numbers_and_labels_are_the_records(self) -> None:
        table = by_hand.head_table()
        payload = head_table_payload(table, by_hand.MEASURES, by_hand.LABELS, (1, 0))
        for measure in payload["measures"]:
            assert np.array_equal(unpack(measure["values"]), table.measures[measure["name"]], equal_nan=True)
        assert unpack(payload["label"]).tolist() == [[0, 2], [1, 0], [2, -1]]
        assert [measure["top"] for measure in payload["measures"]] == [2.5, 1.0, 1.0]
        assert unpack(payload["ablated"]).tolist() == [[0, 1], [0, 0], [0, 0]]
        assert payload["windows"] == [None, 4, None]
        json.dumps(payload, allow_nan=False)

    def test_an_unknown_label_is_no_label(self) -> None:
        assert (label_indices(by_hand.head_table(), by_hand.LABELS[1:]) == [[-1, 1], [0, -1], [1, -1]]).all()


class TestComparison:
    def test_a_card_holds_exact_weights_and_no_masked_ones(self) -> None:
        one = pinned(Window(2, 6, 6))
        assert one.map is not None
        cells = unpack(card_payload(one)["weights"])
        seen = one.map.visible[2:, 2:]
        assert np.array_equal(cells[seen], one.map.weights[2:, 2:][seen])
        assert np.isnan(cells[~seen]).all()

    def test_a_difference_is_first_minus_second(self) -> None:
        one, other = pinned(), pinned(scale=3.0)
        assert one.map is not None
        assert other.map is not None
        distance = HeadDistance(np.arange(6, dtype=np.float32) / 10, np.arange(6, dtype=np.float32) / 7, 0.25, 0.5)
        payload = difference_payload(one, other, distance)
        cells = unpack(payload["difference"])
        seen = one.map.visible
        assert cells[seen] == pytest.approx((one.map.weights - other.map.weights)[seen])
        assert np.isnan(cells[~seen]).all()
        assert payload["top"] == np.nanmax(np.abs(cells))
        assert unpack(payload["distance"]).tolist() == distance.distance.tolist()
        assert payload["mean"] == 0.5

    def test_equal_maps_do_not_blow_up_their_rounding(self) -> None:
        distance = HeadDistance(np.zeros(6, np.float32), np.zeros(6, np.float32), 0.0, float("nan"))
        payload = difference_payload(pinned(), pinned(), distance)
        assert payload["top"] == 0.01
        assert payload["mean"] is None

    def test_a_map_that_cannot_be_shown_says_why(self) -> None:
        card = card_payload(replace(pinned(), map=None, problem="no attention here"))
        assert card["problem"] == "no attention here"
        assert "weights" not in card

    def test_the_map_of_heads_knows_labels_and_neighbours(self) -> None:
        table = by_hand.head_table()
        places = label_indices(table, by_hand.LABELS)
        near = [((0, 1), 0.3), ((1, 0), 0.4)]
        payload = similarity_payload(by_hand.similarity(), table.key_value_head, places, ["a", "b", "c"], near)
        assert unpack(payload["label"]).tolist() == [0, 2, 1, 0, 2]
        assert payload["nearest"] == [[0, 1, 0.3, 0], [1, 0, 0.4, 0]]
        assert payload["hides"] == 1


class TestInside:
    @pytest.mark.parametrize("window", [WHOLE, Window(2, 6, 6), Window(4, 6, 6)])
    def test_what_is_sent_adds_up(self, window: Window) -> None:
        record = by_hand.inside()
        payload = inside_payload(record, LABELS, window, 4)
        numbers = {name: unpack(payload[name]) for name in ("products", "raw", "scaled", "weights", "weighted")}
        assert numbers["products"].sum(axis=1) == pytest.approx(numbers["raw"], abs=1e-6)
        assert numbers["raw"] * payload["scale"] == pytest.approx(numbers["scaled"], abs=1e-6)
        shares = numbers["weights"].sum() + payload["rest"]["weight"] + payload["sink"]
        assert shares == pytest.approx(1, abs=1e-6)
        output = numbers["weighted"].sum(axis=0) + unpack(payload["rest"]["weighted"])
        assert output == pytest.approx(unpack(payload["output"]), abs=1e-6)
        assert payload["rest"]["count"] == window.start
        assert len(payload["labels"]) == len(numbers["raw"]) == 6 - window.start

    def test_it_knows_what_the_layer_sees_and_shares(self) -> None:
        payload = inside_payload(by_hand.inside(), LABELS, WHOLE, 4)
        assert payload["first_visible"] == 2
        assert payload["shared_with"] == [2, 3]
        assert unpack(payload["visible"]).tolist() == [0, 0, 1, 1, 1, 1]
        json.dumps(payload, allow_nan=False)

    def test_a_query_before_the_end_has_no_rows_after_it(self) -> None:
        payload = inside_payload(by_hand.inside(position=3, window=None), LABELS, WHOLE, 4)
        assert payload["labels"] == LABELS[:4]
        assert unpack(payload["raw"]).shape == (4,)


def made_of(document: str) -> dict[str, object]:
    """The data that a document's view would read."""
    found = re.search(r"const params = (.*?); // HACK|DATA=(.*?);END", document)
    assert found
    return dict(json.loads(found.group(1) or found.group(2)))


class TestBertviz:
    SCRIPTS = Scripts(("/* a library */",), "DATA=PYTHON_PARAMS;END // PYTHON_PARAMS stays in a comment")

    def test_weights_are_rounded_to_four_digits(self) -> None:
        weights = np.random.default_rng(0).random((2, 3, 5, 5)).astype(np.float32)
        document = bertviz_document("head view", weights, [1, 4], list("abcde"), self.SCRIPTS, 4)
        data = made_of(document)
        sent = data["attention"][0]["attn"]  # type: ignore[index]
        assert np.abs(np.array(sent) - weights).max() <= 5.1e-5
        assert (data["layer"], data["include_layers"]) == (4, [1, 4])
        assert "stays in a comment" in document

    @given(st.lists(st.text() | st.just(HOSTILE), min_size=2, max_size=2), st.sampled_from(KINDS))
    def test_a_token_cannot_leave_the_data(self, texts: list[str], kind: str) -> None:
        weights = np.tril(np.full((1, 1, 2, 2), 0.5, np.float32))
        document = bertviz_document(kind, weights, [0], texts, self.SCRIPTS, 0)  # type: ignore[arg-type]
        assert document.count("</script>") == document.count("<script>")
        assert "<img" not in document
        assert "<!--" not in document
        assert made_of(document)["attention"][0]["left_text"] == texts  # type: ignore[index]

    @pytest.mark.parametrize("tokens", [8, 32, 64])
    def test_the_size_is_told_before(self, tokens: int) -> None:
        random = np.random.default_rng(1)
        weights = np.tril(random.dirichlet(np.ones(tokens), (2, 4, tokens)).astype(np.float32))
        document = bertviz_document("model view", weights, [0, 1], ["x"] * tokens, self.SCRIPTS, 0)
        assert estimated_bytes(2, 4, tokens) == pytest.approx(len(document), rel=0.25, abs=2000)

    @pytest.mark.parametrize("kind", KINDS)
    def test_its_own_scripts_are_found_without_importing_it(self, kind: str) -> None:
        import sys

        scripts = bertviz_scripts(kind)  # type: ignore[arg-type]
        assert scripts is not None
        assert "PYTHON_PARAMS" in scripts.view
        assert "bertviz" not in sys.modules
        weights = np.ones((1, 1, 1, 1), np.float32)
        document = bertviz_document(kind, weights, [0], ["a"], scripts, 0)  # type: ignore[arg-type]
        assert made_of(document)["root_div_id"] == "bertviz"
