import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import FeatureUnavailable
from model_runtime.stream_records import ResidualTable, StreamSimilarity, TokenSimilarity
from viz.panels import residual as panel
from viz.payload import unpack
from viz.residual import OUTLIER, outliers, residual_payload, similarity_payload, vector_payload
from viz.window import Window

LABELS = ["The", "·cat", "</script>", "${7*6}"]


def table(streams: int = 4, tokens: int = 6) -> ResidualTable:
    random = np.random.default_rng(2)
    blocks = (streams - 1, tokens)
    return ResidualTable(
        norm=random.random((streams, tokens)).astype(np.float32),
        turn=random.uniform(-1, 1, blocks).astype(np.float32),
        attention_norm=np.full(blocks, np.nan, np.float32),
        mlp_norm=random.random(blocks).astype(np.float32),
        points=random.normal(size=(streams, tokens, 2)).astype(np.float32),
        explained=np.array([0.4, 0.1], np.float32),
        fitted=20,
    )


class TestTable:
    def test_numbers_are_the_records_inside_the_window(self) -> None:
        record = table()
        payload = residual_payload(record, Window(2, 5, 6))
        for name, values in (("norm", record.norm), ("turn", record.turn), ("mlp", record.mlp_norm)):
            assert np.array_equal(unpack(payload[name]), values[:, 2:5])
        assert np.isnan(unpack(payload["attention"])).all()
        assert np.array_equal(unpack(payload["points"]), record.points[:, 2:5])
        assert payload["streams"] == 4

    def test_the_axes_hold_every_stream_of_the_tokens_that_are_shown(self) -> None:
        record = table()
        payload = residual_payload(record, Window(2, 5, 6))
        for axis, (low, high) in enumerate(payload["edges"]):
            shown = [float(record.points[stream, token, axis]) for stream in range(4) for token in (2, 3, 4)]
            assert (low, high) == (min(shown), max(shown))

    def test_payloads_are_json(self) -> None:
        json.dumps(residual_payload(table(), Window(0, 6, 6)))


class TestOutliers:
    def test_the_token_is_named_in_the_stream_where_it_is_longest_by_factor(self) -> None:
        norm = np.ones((3, 4), np.float32)
        norm[1] = [62, 2, 2, 2]  # the median of 2, 2, 2, 62 is 2
        norm[2] = [90, 9, 9, 9]
        assert outliers(norm, LABELS) == "“The” (0) is 31 times as long as the median in stream 1."

    def test_most_are_counted_and_the_longest_named(self) -> None:
        norm = np.ones((1, 11), np.float32)
        norm[0, [1, 3, 5, 7, 9]] = [10, 50, 20, 40, 30]
        said = outliers(norm, [f"t{index}" for index in range(11)])
        assert said.index("“t3” (3) is 50") < said.index("“t7” (7) is 40") < said.index("“t9” (9) is 30")
        assert said.endswith("; 2 more tokens are 5 or more times as long.")

    def test_alike_and_empty_vectors_have_none(self) -> None:
        for norm in (np.ones((2, 3)), np.zeros((2, 3)), np.ones((2, 1))):
            assert outliers(norm.astype(np.float32), LABELS).startswith("No vector is 5 or more times")

    @given(st.lists(st.floats(0.5, 1.0), min_size=3, max_size=9), st.floats(0.1, 50))
    def test_only_what_is_far_longer_is_named(self, others: list[float], factor: float) -> None:
        norm = np.array([[*others, factor]])
        named = not outliers(norm, [str(index) for index in range(len(others) + 1)]).startswith("No")
        assert named == (factor / np.median(norm) >= OUTLIER)


class TestVector:
    def test_the_largest_dimensions_whichever_their_sign(self) -> None:
        vector = np.array([3, -12, 0, 4], np.float32)
        payload = vector_payload(vector)
        assert payload["largest"] == [[1, -12.0], [3, 4.0], [0, 3.0], [2, 0.0]]
        assert (payload["top"], payload["length"], payload["share"]) == (12.0, 13.0, 1.0)
        assert np.array_equal(unpack(payload["vector"]), vector)

    def test_the_share_is_of_the_squared_length(self) -> None:
        assert vector_payload(np.ones(40, np.float32))["share"] == pytest.approx(10 / 40)
        assert vector_payload(np.zeros(40, np.float32))["share"] == 0


def test_likeness_travels_as_it_is() -> None:
    raw = TokenSimilarity(2, False, 3, np.array([[1, 0.5], [0.5, 1]], np.float32))
    centred = TokenSimilarity(2, True, 3, np.array([[1, -0.5], [-0.5, np.nan]], np.float32))
    streams = StreamSimilarity(4, np.eye(4, dtype=np.float32))
    payload = similarity_payload(streams, raw, centred)
    assert np.array_equal(unpack(payload["alike"]), streams.cosine)
    assert np.array_equal(unpack(payload["pairs"]["raw"]), raw.cosine)
    assert np.array_equal(unpack(payload["pairs"]["centred"]), centred.cosine, equal_nan=True)
    assert (payload["first"], payload["count"]) == (3, 2)


def test_a_model_without_streams_says_why() -> None:
    def residual(moment: Any) -> ResidualTable:
        raise FeatureUnavailable("The hidden of this model is switched off.")

    def similarity(*_: Any, **__: Any) -> TokenSimilarity:
        return TokenSimilarity(0, False, 0, np.eye(2, dtype=np.float32))

    model = SimpleNamespace(residual=residual, token_similarity=similarity)
    view = SimpleNamespace(cursor=1, reading=400, window=32)
    scene: Any = SimpleNamespace(
        model=model, moment=None, view=view, labels=LABELS[:2], card=SimpleNamespace(layers=3), window=Window(0, 2, 2)
    )
    assert panel.draw(scene) == {"unavailable": "The hidden of this model is switched off."}
