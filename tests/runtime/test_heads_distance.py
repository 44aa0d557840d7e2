"""Jensen-Shannon distances and the map of heads against their definitions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, kl_divergence

from model_runtime import CombinedMap, OutOfRange
from model_runtime.attention_views import hide_sink
from model_runtime.head_distance import distance_between, nearest, scaled
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import VOCABULARY
from tests.runtime.heads_reference import IDS, walked

COUNT = len(IDS)


def by_definition(one, other):
    """Half the Kullback-Leibler divergences from the middle, in bits."""
    one, other = torch.tensor(one).double(), torch.tensor(other).double()
    middle = Categorical((one + other) / 2)
    return float(sum(kl_divergence(Categorical(side), middle) for side in (one, other)) / 2 / math.log(2))


def as_map(rows):
    rows = np.array(rows, np.float32)
    square = np.zeros((max(rows.shape), max(rows.shape)), np.float32)
    square[: rows.shape[0], : rows.shape[1]] = rows
    return CombinedMap("mean", ((0, 0),), square, square > 0, np.zeros(len(square), np.float32))


@pytest.mark.parametrize("family", ["llama", "gpt_oss"])
def test_divergence_is_the_definition_with_the_sink_as_a_key(family):
    _, model = pair_of(family)
    moment = walked(model)
    one, other = model.attention(moment, 0, 1), model.attention(moment, 2, 3)
    found = distance_between(one, other)
    for query in range(COUNT):
        rows = [np.append(shown.weights[query], shown.sink[query]) for shown in (one, other)]
        assert found.divergence[query] == pytest.approx(by_definition(*rows), abs=1e-5)
    assert np.allclose(found.distance**2, found.divergence, atol=1e-6)
    assert found.mean_divergence == pytest.approx(found.divergence.mean(), abs=1e-6)
    assert found.mean_distance == pytest.approx(found.distance.mean(), abs=1e-6)
    assert distance_between(one, one).divergence.max() < 1e-9


def test_rows_without_anything_are_left_out(llama):
    moment = moment_of(llama, IDS)
    one, other = (hide_sink(llama.attention(moment, 0, head), (0,)) for head in (0, 1))
    found = distance_between(one, other)
    assert np.isnan(found.divergence[0])
    assert found.mean_divergence == pytest.approx(found.divergence[1:].mean(), abs=1e-6)


def test_one_head_at_two_moments_and_maps_of_unequal_length(llama):
    other = some_ids(COUNT, VOCABULARY, seed=99)
    here, there = (llama.attention(moment_of(llama, ids), 1, 1) for ids in (IDS, other))
    assert 0 < distance_between(here, there).mean_distance <= 1
    with pytest.raises(OutOfRange, match="equal length"):
        distance_between(here, llama.attention(moment_of(llama, IDS[:9]), 1, 1))


row = st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4).filter(lambda values: sum(values) > 1e-3)


@settings(max_examples=200, deadline=None)
@given(row, row, row)
def test_the_distance_is_a_metric_from_0_to_1(one, two, three):
    maps = [as_map([values]) for values in (one, two, three)]
    ab, bc, ac = (float(distance_between(maps[i], maps[j]).distance[0]) for i, j in ((0, 1), (1, 2), (0, 2)))
    assert all(0 <= value <= 1 for value in (ab, bc, ac))
    assert ab == float(distance_between(maps[1], maps[0]).distance[0])
    assert ac <= ab + bc + 1e-6
    assert float(distance_between(maps[0], maps[0]).distance[0]) < 1e-4


def test_nothing_in_common_is_1():
    assert distance_between(as_map([[1, 0]]), as_map([[0, 1]])).divergence[0] == 1


@pytest.mark.parametrize(("family", "hide"), [("llama", None), ("gpt_oss", None), ("gemma2", "first"), ("lfm2", None)])
def test_similarity_is_the_mean_distance_of_all_pairs(family, hide):
    _, model = pair_of(family)
    moment = walked(model)
    found = model.similarity(moment, hide)
    hidden = model.hiding(moment, hide)
    maps = [hide_sink(model.attention(moment, *head), hidden) for head in found.heads.tolist()]
    assert len(maps) == (4 if family == "lfm2" else 12)
    assert found.queries.tolist() == list(range(len(hidden), COUNT))
    for i, one in enumerate(maps):
        for j, other in enumerate(maps):
            expected = 0 if i == j else distance_between(one, other).distance[len(hidden) :].mean()
            assert found.distance[i, j] == pytest.approx(expected, abs=1e-5)
    layer, head = found.heads[2].tolist()
    listed = nearest(found, layer, head, count=3)
    assert [distance for _, distance in listed] == sorted(np.delete(found.distance[2], 2))[:3]
    assert (layer, head) not in [other for other, _ in listed]
    with pytest.raises(OutOfRange):
        nearest(found, 7, 7)


def test_much_is_compared_at_some_queries(llama, monkeypatch):
    moment = moment_of(llama, IDS)
    monkeypatch.setattr("model_runtime.head_distance.COMPARED", 12 * 12 * COUNT * 3)
    monkeypatch.setattr("model_runtime.head_distance.WEIGHTS_AT_ONCE", 12 * COUNT * 2)
    found = llama.similarity(moment)
    assert len(found.queries) == 6
    assert found.queries[-1] == COUNT - 1
    pair = distance_between(llama.attention(moment, 0, 0), llama.attention(moment, 0, 1))
    assert found.distance[0, 1] == pytest.approx(pair.distance[found.queries].mean(), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=9))
def test_scaling_finds_a_plane_again(points):
    points = np.array(points)
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    coordinates, explained = scaled(distance)
    again = np.linalg.norm(coordinates[:, None] - coordinates[None], axis=-1)
    assert np.abs(again - distance).max() < 1e-6
    assert explained == pytest.approx(1, abs=1e-6) or distance.max() < 1e-6


def test_the_map_of_heads_keeps_order_and_says_how_much_it_shows(llama):
    found = llama.similarity(moment_of(llama, IDS))
    inner = found.coordinates.astype(np.float64)
    assert np.abs(inner.mean(0)).max() < 1e-6
    assert inner[:, 0].std() >= inner[:, 1].std() > 0
    assert 0 < found.explained < 1
    assert (inner[np.abs(inner).argmax(0), [0, 1]] > 0).all()
