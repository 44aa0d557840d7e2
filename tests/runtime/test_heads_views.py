"""Mosaics, rankings, pairs, combinations, hidden sinks and words against their definitions on stock attentions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime import FeatureUnavailable, OutOfRange
from model_runtime.attention_views import hide_sink, merge_words
from model_runtime.head_mosaic import MOSAIC_BYTES
from tests.runtime.comparison import moment_of, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, HYBRID
from tests.runtime.heads_reference import IDS, walked

SPECIAL = (0, 10, 22)  # positions in IDS
COUNT = len(IDS)


def hidden_away(weights, positions):
    """[..., query, key] without these keys, renormalised, by hand; and what was taken out."""
    kept = weights.astype(np.float64).copy()
    kept[..., list(positions)] = 0
    rest = kept.sum(-1, keepdims=True)
    return np.divide(kept, rest, out=np.zeros_like(kept), where=rest > 0), 1 - rest[..., 0]


def test_the_special_positions_are_where_the_tests_think(llama):
    moment = moment_of(llama, IDS)
    assert llama.hiding(moment, "special") == SPECIAL
    assert llama.hiding(moment, "first") == (0,)
    assert llama.hiding(moment, None) == ()
    with pytest.raises(OutOfRange, match="nothing to hide"):
        llama.hiding(moment, "all")


@pytest.mark.parametrize("family", [*FAMILIES, "lfm2"])
@pytest.mark.parametrize("hide", [None, "special"])
def test_rankings_pairs_and_mosaics_equal_stock(family, hide):
    pair, model = pair_of(family)
    moment = walked(model)
    stock = iter(weights for weights in stock_answers(pair.stock, IDS).attention if weights is not None)
    positions = model.hiding(moment, hide)
    seen = model.looking(moment, -1, [3, 7, 3], hide)
    picture = model.mosaic(moment, hide=hide, scale="linear")
    assert (seen.query, seen.keys, seen.hidden_positions) == (COUNT - 1, (3, 7), positions)
    flat = []
    for layer in range(3):
        if family in HYBRID and layer != 1:
            assert np.all(np.isnan(seen.weights[layer]))
            assert not picture.exists[layer].any()
            continue
        weights = next(stock)
        if positions:
            weights, hidden = hidden_away(weights, positions)
            assert np.abs(seen.hidden[layer] - hidden[:, -1]).max() < 1e-5
            assert np.abs(picture.hidden[layer] - hidden.mean(-1)).max() < 1e-5
        assert np.abs(seen.weights[layer] - weights[:, -1, [3, 7]].sum(-1)).max() < 1e-5
        assert np.abs(picture.cells[layer] - 255 * weights).max() <= 0.51
        flat += [(-seen.weights[layer, head], layer, head) for head in range(4)]
        listed = model.pairs(moment, layer, 1, top=6, hide=hide)
        assert np.abs(listed.weights - np.sort(weights[1].ravel())[::-1][:6]).max() < 1e-5
        assert np.abs(listed.weights - weights[1][listed.queries, listed.keys]).max() < 1e-5
    assert [tuple(entry) for entry in seen.order.tolist()] == [entry[1:] for entry in sorted(flat)]
    assert all(seen.rank[tuple(entry)] == rank for rank, entry in enumerate(seen.order))


def test_a_mosaic_of_any_size_stays_small(llama, monkeypatch):
    moment = moment_of(llama, IDS)
    monkeypatch.setattr("model_runtime.head_mosaic.MOSAIC_BYTES", 12 * 49)
    picture = llama.mosaic(moment)
    assert picture.cells.shape == (3, 4, 7, 7)
    assert picture.edges[0] == 0
    assert picture.edges[-1] == COUNT
    strong = np.stack([[llama.attention(moment, layer, head).weights for head in range(4)] for layer in range(3)])
    pooled = np.maximum.reduceat(np.maximum.reduceat(strong, picture.edges[:-1], 2), picture.edges[:-1], 3)
    assert np.abs(picture.cells - 255 * np.sqrt(pooled)).max() <= 0.51
    assert MOSAIC_BYTES * 4 / 3 <= 500_000
    for wrong in ({"cells": 0}, {"scale": "cubic"}):
        with pytest.raises(OutOfRange):
            llama.mosaic(moment, **wrong)


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt_oss", "mistral"])
def test_combinations_are_what_their_names_say(family):
    pair, model = pair_of(family)
    moment = walked(model)
    stock = stock_answers(pair.stock, IDS).attention
    heads = [(2, 1), (0, 3), (0, 0), (2, 1)]
    chosen = np.stack([stock[0][0], stock[0][3], stock[2][1]])
    mean, most, flow = (model.combined(moment, heads, method) for method in ("mean", "maximum", "rollout"))
    assert mean.heads == ((0, 0), (0, 3), (2, 1))
    assert np.abs(mean.weights - chosen.mean(0)).max() < 1e-5
    assert np.abs(mean.weights.sum(1) + mean.sink - 1).max() < 1e-5
    assert np.abs(most.weights - chosen.max(0)).max() < 1e-5
    half = np.eye(COUNT) / 2
    expected = (half + chosen[2] / 2) @ (half + chosen[:2].mean(0) / 2)
    assert np.abs(flow.weights - expected).max() < 1e-5
    assert np.abs(flow.weights.sum(1) + flow.sink - 1).max() < 1e-5
    for combined in (mean, most, flow):
        assert np.all(combined.weights[~combined.visible] == 0)
        assert not np.triu(combined.visible, 1).any()
    for wrong, method in (([], "mean"), (heads, "sum"), ([(0, 4)], "mean"), ([(3, 0)], "rollout")):
        with pytest.raises(OutOfRange):
            model.combined(moment, wrong, method)


@pytest.mark.parametrize("family", ["llama", "gpt_oss", "mistral"])
def test_hiding_takes_out_keys_and_the_models_own_sink(family):
    pair, model = pair_of(family)
    moment = walked(model)
    weights = stock_answers(pair.stock, IDS).attention[1][2]
    shown = hide_sink(model.attention(moment, 1, 2), SPECIAL)
    expected, taken = hidden_away(weights, SPECIAL)
    assert np.abs(shown.weights - expected).max() < 1e-5
    assert np.abs(shown.hidden - taken).max() < 1e-5
    assert shown.hidden[0] == 1
    assert not shown.weights[0].any()
    assert np.allclose(shown.weights[1:].sum(1), 1, atol=1e-6)
    assert not shown.sink.any()
    assert not shown.visible[:, list(SPECIAL)].any()
    assert model.attention(moment, 1, 2).hidden is None
    assert hide_sink(shown, ()) is shown
    twice = hide_sink(hide_sink(model.attention(moment, 1, 2), (0,)), SPECIAL)
    assert np.abs(twice.weights - shown.weights).max() < 1e-6
    assert np.abs(twice.hidden - shown.hidden).max() < 1e-6
    with pytest.raises(OutOfRange):
        hide_sink(shown, (COUNT,))
    combined = model.combined(moment, [(1, 2)], hide="special")
    assert np.abs(combined.weights - shown.weights).max() < 1e-6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=COUNT - 1, max_size=COUNT - 1))
def test_merging_averages_rows_and_sums_columns(begins):
    _, model = pair_of("gpt_oss")
    shown = model.attention(moment_of(model, IDS), 1, 2)
    words = np.cumsum([0, *begins])
    merged = merge_words(shown, words)
    assert np.allclose(merged.weights.sum(1) + merged.sink, 1, atol=1e-5)
    for query in range(words[-1] + 1):
        for key in range(words[-1] + 1):
            cell = shown.weights[words == query][:, words == key]
            assert merged.weights[query, key] == pytest.approx(cell.sum(1).mean(), abs=1e-5)
            assert merged.visible[query, key] == shown.visible[words == query][:, words == key].any()


def test_merging_keeps_what_was_hidden_and_refuses_other_lengths(llama):
    moment = moment_of(llama, IDS)
    shown = hide_sink(llama.attention(moment, 0, 0), (0,))
    assert merge_words(shown, np.arange(COUNT)).hidden == pytest.approx(shown.hidden)
    assert merge_words(shown, np.zeros(COUNT, np.int64)).hidden == pytest.approx([shown.hidden.mean()])
    with pytest.raises(OutOfRange, match="9 tokens"):
        merge_words(shown, np.zeros(9, np.int64))


def words_in(model, text):
    table = model.tokens(model.begin(text))
    words = model.words(model.begin(text))
    return [b"".join(np.array(table.bytes, object)[words == word]).decode() for word in range(words[-1] + 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the cat, the car", ["<s>", "the", " cat", ",", " the", " car"]),
        ("don't\nstop 42", ["<s>", "don", "'", "t", "\n", "stop", " 42"]),
        ("a_b é 日本!", ["<s>", "a_b", " é", " 日", "本", "!"]),
        ("a</s>b", ["<s>", "a", "</s>", "b"]),
    ],
)
def test_words(llama, text, expected):
    assert words_in(llama, text) == expected


def test_questions_that_cannot_be_answered(llama):
    moment = moment_of(llama, IDS)
    for question in (
        lambda: llama.looking(moment, COUNT, [0]),
        lambda: llama.looking(moment, -1, [COUNT]),
        lambda: llama.looking(moment, -1, []),
        lambda: llama.pairs(moment, 0, 0, top=0),
        lambda: llama.pairs(moment, 0, 4),
        lambda: llama.inside(moment, 0, 4),
        lambda: llama.inside(moment, -1, 0),
    ):
        with pytest.raises(OutOfRange):
            question()
    _, without = pair_of("openai-gpt")
    other = moment_of(without, IDS)
    for name in ("mosaic", "similarity"):
        with pytest.raises(FeatureUnavailable):
            getattr(without, name)(other)
