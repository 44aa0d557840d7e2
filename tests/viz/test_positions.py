import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from model_runtime import FeatureUnavailable, LearnedPositions, PackedRun, Packing, PositionScheme, RotaryHead
from model_runtime.errors import InputError
from viz.panels import positions as panel
from viz.payload import unpack
from viz.positions import MOST_PAIRS, learned_payload, packing_payload, rotary_payload, scheme_payload

LABELS = ["The", "·cat", "</script>", "${7*6}"]


def floats(*values: float) -> Any:
    return np.array(values, np.float32)


def scheme(kind: str = "rotary", error: float = 1e-6) -> PositionScheme:
    return PositionScheme(kind, "Every block turns.", (True, True), floats(), 7, error, 64)


def rotary(pairs: int = 3, width: int = 8) -> RotaryHead:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(4, width)).astype(np.float32)
    return RotaryHead(
        layer=1,
        head=2,
        key_value_head=1,
        position=3,
        key_position=1,
        layout="halves",
        pairs=np.stack([np.arange(pairs), np.arange(pairs) + width // 2], axis=1),
        frequency=np.geomspace(1, 0.01, pairs).astype(np.float32),
        length=1.0,
        query=vectors[0],
        key=vectors[1],
        query_turned=vectors[2],
        key_turned=vectors[3],
        scores=random.normal(size=5).astype(np.float32),
        parts=random.normal(size=(pairs, 5)).astype(np.float32),
        rest=0.25,
        recorded=0.5,
        shifts=np.array([0, 1, 10]),
        moved=floats(0.5, 0.5, 0.5),
        peak=2.0,
    )


def run(possible: bool = True) -> PackedRun:
    numbers = floats(0.5, 2.0) if possible else floats(np.nan, np.nan)
    top = (np.array([3, 5]), (" <b>", "\n"), floats(0.5, 0.25)) if possible else (np.zeros(0, np.int64), (), floats())
    return PackedRun(True, False, possible, numbers, numbers / 4, 1, *top)


class TestPayloads:
    def test_a_scheme_without_a_proof_has_no_number(self) -> None:
        assert scheme_payload(scheme())["error"] == 1e-6
        assert scheme_payload(scheme("learned", float("nan")))["error"] is None
        json.dumps(scheme_payload(scheme("learned", float("nan"))), allow_nan=False)

    def test_the_dials_hold_the_recorded_vectors_pair_by_pair(self) -> None:
        record = rotary()
        payload = rotary_payload(record, LABELS)
        vectors = unpack(payload["vectors"]).reshape(2, 3, 2)
        for which, vector in enumerate((record.query_turned, record.key_turned)):
            for pair in range(3):
                assert vectors[which, pair].tolist() == [vector[pair], vector[pair + 4]]
        assert np.array_equal(unpack(payload["parts"]), record.parts)
        assert np.array_equal(unpack(payload["scores"]), record.scores)
        assert (payload["flat"], payload["left_out"]) == (2, 0)
        assert payload["labels"] == ["${7*6}", "·cat"]

    def test_of_many_pairs_the_fastest_are_sent(self) -> None:
        payload = rotary_payload(rotary(MOST_PAIRS + 6, 2 * (MOST_PAIRS + 6)), LABELS)
        assert len(payload["pairs"]) == MOST_PAIRS
        assert payload["left_out"] == 6
        assert unpack(payload["frequency"])[0] == 1

    def test_learned_vectors_are_cut_to_the_window(self) -> None:
        learned = LearnedPositions(
            floats(1, 2, 3, 4, 5),
            np.array([0, 4]),
            np.eye(2, dtype=np.float32),
            floats(1, 2, 3, 4),
            floats(5, 6, 7, 8),
            0.0,
        )
        payload = learned_payload(learned, 1, 3, LABELS)
        assert payload["labels"] == LABELS[1:3]
        assert unpack(payload["token"]).tolist() == [2, 3]
        assert unpack(payload["added"]).tolist() == [6, 7]
        assert unpack(payload["norm"]).tolist() == [1, 2, 3, 4, 5]

    def test_packed_runs_say_what_is_not_possible(self) -> None:
        packing = Packing(4, (" a", "<s>"), np.array([3]), (" x",), floats(0.75), 9.0, (run(), run(possible=False)))
        payload = packing_payload(packing)
        assert payload["alone"] == [("·x", 0.75)]
        assert payload["runs"][0]["difference"] == 2.0
        assert payload["runs"][0]["top"] == [("·<b>", 0.5), ("↵", 0.25)]
        assert payload["runs"][1]["difference"] is None
        json.dumps(payload, allow_nan=False)


class Stub:
    def __init__(self, kind: str, failing: bool = False) -> None:
        self.kind, self.failing = kind, failing
        self.asked: list[Any] = []

    def position_scheme(self) -> PositionScheme:
        return scheme(self.kind)

    def rotary(self, moment: object, *asked: int, reach: int) -> RotaryHead:
        self.asked.append(asked)
        if self.failing:
            raise FeatureUnavailable("L1 does not turn its queries and keys.")
        return rotary()

    def attention(self, moment: object, layer: int, head: int) -> Any:
        return SimpleNamespace(weights=np.array([[0.0] * 4] * 3 + [[0.1, 0.2, 0.6, 0.1]]))


def scene(model: Stub, keys: tuple[int, ...] = ()) -> Any:
    view = SimpleNamespace(layer=1, head=2, cursor=3, keys=keys)
    card = SimpleNamespace(layers=2, heads=4, name="m")
    window = SimpleNamespace(start=1, stop=4)
    return SimpleNamespace(model=model, view=view, card=card, moment=None, labels=LABELS, window=window)


class TestPanel:
    def test_the_key_is_the_one_looked_at_most_unless_one_is_marked(self) -> None:
        model = Stub("rotary")
        payload = panel.draw(scene(model))
        panel.draw(scene(model, keys=(0, 1)))
        assert model.asked == [(1, 2, 3, 2), (1, 2, 3, 1)]
        assert [position for position, _ in payload["choices"]] == [1, 2, 3]

    def test_a_block_that_does_not_turn_says_so(self) -> None:
        payload = panel.draw(scene(Stub("rotary", failing=True)))
        assert payload["unavailable"].startswith("L1 does not turn")
        assert payload["rotary"] is None

    def test_without_positions_nothing_is_asked(self) -> None:
        model = Stub("none")
        payload = panel.draw(scene(model))
        assert model.asked == []
        assert payload["scheme"]["kind"] == "none"

    @pytest.mark.parametrize("first", [None, 7, "a" * 1001])
    def test_texts_are_checked(self, first: object) -> None:
        with pytest.raises(InputError, match="first text"):
            next(panel.scanned(Stub("rotary"), SimpleNamespace(), {"first": first, "second": "b"}))  # type: ignore[arg-type]
