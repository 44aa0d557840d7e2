import json
from dataclasses import replace

import numpy as np
import pytest

from model_runtime.part_records import Question
from tests.viz import part_records_by_hand as by_hand
from viz.contributions import check, contributions_payload, told, told_heads
from viz.labels import visible
from viz.neurons import layers_payload, neurons_payload
from viz.payload import unpack


class TestContributions:
    def test_numbers_are_the_records(self) -> None:
        record = by_hand.contributions()
        payload = contributions_payload(record)
        assert unpack(payload["values"]).tolist() == record.values.tolist()
        assert unpack(payload["split_heads"]).tolist() == record.heads.tolist()
        assert unpack(payload["running"]).tolist() == [0.5, -0.25, 3.75, 6.875, 5.375, 5.625]
        assert unpack(payload["running"])[-1] == payload["total"] == 5.625
        assert payload["part_layers"] == [-1, 0, 0, 1, 1, -1]
        assert payload["columns"] == 2
        json.dumps(payload, allow_nan=False)

    def test_orders_go_by_size_whichever_the_sign(self) -> None:
        payload = contributions_payload(by_hand.contributions())
        assert [payload["names"][part] for part in payload["order"]] == [
            *("MLP 0", "attention 1", "MLP 1", "attention 0", "embedding", "bias"),
        ]
        assert unpack(payload["head_order"]).tolist() == [[1, 0], [0, 1], [0, 0], [1, 1]]

    def test_a_block_without_a_head_has_none_in_the_list(self) -> None:
        record = by_hand.contributions()
        heads = record.heads.copy()
        heads[0] = np.nan
        payload = contributions_payload(replace(record, heads=heads))
        assert unpack(payload["head_order"]).tolist() == [[1, 0], [1, 1]]

    def test_whole_blocks_have_their_reason_and_no_heads(self) -> None:
        payload = contributions_payload(by_hand.blocks())
        assert payload["unsplit"] == payload["unsplit_heads"] == "A norm follows each block's sum."
        assert unpack(payload["head_order"]).size == 0
        assert payload["rival"] == "b"
        json.dumps(payload, allow_nan=False)

    def test_hostile_tokens_are_plain_labels(self) -> None:
        question = Question(7, 3, by_hand.HOSTILE + "\n", against=4, against_text="\x00")
        payload = contributions_payload(by_hand.contributions(question))
        assert payload["label"] == visible(by_hand.HOSTILE + "\n")
        assert payload["rival"] == visible("\x00")


class TestSentences:
    def test_names_the_largest_parts_and_heads_with_their_signs(self) -> None:
        assert told(by_hand.contributions()) == [
            "The logit of “·Tokyo” is 5.62 above the vocabulary's mean.",
            "MLP 0 added most, +4.00; then attention 1, +3.12, and the embedding, +0.50.",
            "MLP 1 took off most, \u22121.50; then attention 0, \u22120.75.",
        ]
        assert told_heads(by_hand.contributions()) == (
            "Among the heads, L1 H0 added most, +3.00; then L0 H0, +1.00; L0 H1 took off most, \u22122.00."
        )

    def test_a_negative_number_begins_with_what_took_off(self) -> None:
        subject, first, second = told(by_hand.contributions(scale=-1.0))
        assert subject.endswith("is 5.62 below the vocabulary's mean.")
        assert first == (
            "MLP 0 took off most, \u22124.00; then attention 1, \u22123.12, and the embedding, \u22120.50."
        )
        assert second == "MLP 1 added most, +1.50; then attention 0, +0.75."
        heads = told_heads(by_hand.contributions(scale=-1.0))
        assert heads.endswith("then L0 H0, \u22121.00; L0 H1 added most, +2.00.")

    def test_blocks_and_pairs(self) -> None:
        assert told(by_hand.blocks()) == [
            "The logit of “a” is 2.00 below that of “b”.",
            "Block 0 took off most, \u22125.00.",
            "Block 1 added most, +2.00; then the embedding, +1.00.",
        ]
        assert told_heads(by_hand.blocks()) == ""

    def test_says_where_nothing_speaks_against_it(self) -> None:
        record = by_hand.contributions()
        one = replace(
            record,
            values=np.array([0, 0, 4, 0, -0.25, 0], np.float32),
            heads=np.zeros((2, 2), np.float32),
            output_bias=np.zeros(2, np.float32),
            total=3.75,
        )
        assert told(one)[1:] == ["MLP 0 added most, +4.00.", "Nothing took off a tenth as much."]
        nothing = replace(one, values=np.zeros(6, np.float32), total=0.0)
        assert told(nothing)[1:] == ["No part added anything to it."]

    def test_the_softcap_is_named(self) -> None:
        record = by_hand.contributions(Question(7, 3, "x"), softcap=30.0)
        assert told(record)[0] == "The logit of “x” is 5.62, before the softcap."
        assert contributions_payload(record)["logit"] == pytest.approx(30 * np.tanh(5.625 / 30))

    def test_the_check_holds_both_numbers_and_can_fail(self) -> None:
        record = by_hand.contributions(Question(7, 3, "x"))
        assert check(record) == "Sum of the parts 5.6250 = the model's own logit 5.6250 (difference below 0.0000001)"
        near = replace(record, total=5.62501, error=-1e-5)
        assert "= the model's own logit 5.6250 (difference 0.0000100)" in check(near)
        rounded = replace(record, total=5.65, error=-0.025)
        assert "5.6250 ≈ the model's own logit 5.6500 (difference 0.0250000)" in check(rounded)
        wrong = replace(record, total=5.5, error=0.125)
        assert check(wrong) == "Sum of the parts 5.6250 ≠ the model's own logit 5.5000 (difference 0.1250000)"


class TestNeurons:
    def test_numbers_are_the_records(self) -> None:
        table = by_hand.neurons()
        payload = neurons_payload(table)
        assert payload["neuron"] == [5, 0, 7]
        assert unpack(payload["activation"]).tolist() == table.activation.tolist()
        assert unpack(payload["value"]).tolist() == table.value.tolist()
        assert unpack(payload["value"]).sum() + payload["others"] + payload["bias"] == payload["total"]
        assert payload["promoted"][0] == [["·Tokyo", "+3.00"], [visible(by_hand.HOSTILE), "+2.50"]]
        assert payload["promoted"][1] == [["↵", "+1.00"], ["∅", "+0.50"]]
        assert payload["promoted"][2][1] == ["b", "+0.00"]
        assert payload["suppressed"][0][0] == ["·the", "\u22123.00"]
        assert payload["told"] == (
            "MLP 1 added +1.38; neuron 5 of 8 counts most, +3.00; the 3 listed come to +1.50, all others to \u22120.25."
        )
        json.dumps(payload, allow_nan=False)

    def test_layers_hold_what_their_mlp_added(self) -> None:
        payload = layers_payload(by_hand.contributions())
        assert payload["layers"] == 2
        assert unpack(payload["mlp"]).tolist() == [4.0, -1.5]
        assert np.isnan(unpack(layers_payload(by_hand.blocks())["mlp"])).all()
