"""Measures and labels against loops over stock eager attention, and labels on patterns made by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model_runtime import FeatureUnavailable, load_model
from model_runtime.head_measures import LABELS, MEASURES, Text, labels_of, measures_of, shares_of, sums_of
from model_runtime.heads import repeated_ids
from model_runtime.layer_weights import Rows
from model_runtime.model import Model
from tests.runtime.comparison import moment_of, some_ids, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, HYBRID, VOCABULARY, build
from tests.runtime.heads_reference import IDS, label, measures, walked
from tests.runtime.tokenizers_for_tests import byte_level

SPECIAL = {0, 1, 2}
WEIGHTS = Path(__file__).resolve().parents[2] / "builtin_model" / "weights"


@pytest.mark.parametrize("family", [*FAMILIES, *HYBRID])
def test_measures_and_labels_equal_loops_over_stock(family):
    pair, model = pair_of(family)
    table = model.heads(walked(model))
    stock = iter(weights for weights in stock_answers(pair.stock, IDS).attention if weights is not None)
    assert set(table.measures) == {measure.name for measure in MEASURES}
    for layer in range(3):
        if family in HYBRID and layer != 1:
            assert np.all(np.isnan(table.measures["entropy"][layer]))
            assert set(table.label[layer]) == {""}
            continue
        weights = next(stock)
        sink = 1 - weights.sum(-1) if family == "gpt_oss" else np.zeros(weights.shape[:2])
        for head in range(4):
            for name, value in measures(weights[head], IDS, SPECIAL).items():
                bound = 1e-5 * max(1, abs(value))
                assert table.measures[name][layer, head] == pytest.approx(value, abs=bound), (layer, head, name)
            assert table.label[layer, head] == label(weights[head].astype(float), sink[head], IDS, SPECIAL)
    assert np.all(np.isnan(table.measures["induction_random"]))  # 128 tokens do not fit into these models
    assert not table.label.flags.writeable
    assert not any(values.flags.writeable for values in table.measures.values())


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2"])
def test_the_random_run_is_the_stock_models(family):
    name = "n_positions" if family == "gpt2" else "max_position_embeddings"
    pair = build(family, {**FAMILIES[family], "max_position_embeddings": 160, name: 160}, seed=5)
    model = Model(pair.model, byte_level())
    table = model.heads(moment_of(model, IDS))
    ids = repeated_ids(model._vocabulary, 160)
    assert ids[:64] == ids[64:]
    assert len(set(ids)) == 64
    assert not SPECIAL & set(ids)
    random, own = stock_answers(pair.stock, ids).attention, stock_answers(pair.stock, IDS).attention
    for layer in range(3):
        for head in range(4):
            weights = random[layer][head]
            back = {"induction": 63, "duplicate": 64}
            for kind, distance in back.items():
                expected = np.mean([weights[query, query - distance] for query in range(64, 128)])
                assert table.measures[f"{kind}_random"][layer, head] == pytest.approx(expected, abs=1e-5)
            expected = label(own[layer][head].astype(float), np.zeros(len(IDS)), IDS, SPECIAL, (weights, ids))
            assert table.label[layer, head] == expected


def test_the_random_run_is_made_once_per_set_of_interventions():
    model = Model(build("llama", {"max_position_embeddings": 160}).model, byte_level())
    runs = []
    record = model._engine.record
    model._engine.record = lambda ids, *rest: (runs.append(len(ids)), record(ids, *rest))[1]
    moment = moment_of(model, IDS)
    whole = model.heads(moment)
    model.heads(model.step(moment, take=9))
    assert runs.count(128) == 1
    off = model.heads(moment.without([(0, 1)]))
    assert runs.count(128) == 2
    assert off.ablated[0, 1]
    assert off.ablated.sum() == 1
    assert not np.allclose(off.measures["entropy"][1], whole.measures["entropy"][1])


def test_groups_and_windows():
    _, model = pair_of("gemma2")
    table = model.heads(moment_of(model, IDS))
    assert table.windows == (8, None, 8)
    assert table.key_value_head.tolist() == [[0, 0, 1, 1]] * 3
    assert pair_of("lfm2")[1].heads(moment_of(pair_of("lfm2")[1], IDS)).key_value_head[0].tolist() == [-1] * 4


def test_long_texts_in_parts_give_the_same(monkeypatch):
    _, model = pair_of("gpt_oss")
    moment = moment_of(model, IDS)
    whole = model.heads(moment)
    monkeypatch.setattr("model_runtime.layer_weights.WEIGHTS_AT_ONCE", 4 * len(IDS) * 5)
    parts = model.heads(moment)
    for name in whole.measures:
        assert np.allclose(whole.measures[name], parts.measures[name], atol=1e-6, equal_nan=True)
    assert np.array_equal(whole.label, parts.label)


def test_short_texts_have_measures_and_no_labels_of_their_own(llama):
    for count in (1, 2, 3):
        table = llama.heads(moment_of(llama, IDS[1 : count + 1]))
        assert set(table.label.ravel()) == {"no clear pattern"}
        assert np.all(np.isfinite(table.measures["entropy"]))
        assert np.all(np.isnan(table.measures["duplicate"]))
    assert np.all(np.isnan(llama.heads(moment_of(llama, (5,))).measures["previous"]))


def test_without_attention_there_is_no_table():
    _, model = pair_of("openai-gpt")
    with pytest.raises(FeatureUnavailable, match="can be followed"):
        model.heads(moment_of(model, IDS))


COUNT = 40
TEXT_IDS = [1, *some_ids(19, VOCABULARY, seed=8)] * 2


def by_hand(kind, rest_on_first=0.0):
    """One head's [query, key], with a share of every row on the first token."""
    weights = np.zeros((COUNT, COUNT))
    noise = np.random.default_rng(0)
    for query in range(COUNT):
        seen = np.arange(query + 1)
        again = query - COUNT // 2
        chosen = {
            "previous token": [max(0, query - 1)],
            "self": [query],
            "induction": [again + 1] if again >= 0 else [0],
            "duplicate token": [again] if again >= 0 else [0],
            "special tokens": [COUNT // 2] if again >= 0 else [0],
            "local": seen[-4:],
            "broad": seen,
            "first token": [0],
        }.get(kind)
        if chosen is not None:
            weights[query, chosen] = 1 / len(chosen)
        else:
            weights[query, seen] = noise.dirichlet(np.full(query + 1, 0.3))
    weights *= 1 - rest_on_first
    weights[:, 0] += rest_on_first
    return weights


def labelled(weights, part=7):
    tensor = torch.from_numpy(weights[None]).float()
    rows = [
        Rows(
            begin,
            tensor[:, begin : begin + part],
            torch.zeros(1, len(tensor[0, begin : begin + part])),
            torch.ones(COUNT, COUNT).tril().bool()[begin : begin + part],
            torch.zeros(1, len(tensor[0, begin : begin + part])),
        )
        for begin in range(0, COUNT, part)
    ]
    text = Text(torch.tensor(TEXT_IDS), torch.tensor([token in SPECIAL for token in TEXT_IDS]))
    sums = sums_of(rows, text)
    shares = {name: values[None] for name, values in shares_of(sums).items()}
    return str(labels_of(shares, COUNT)[0, 0]), measures_of(sums)


@pytest.mark.parametrize("kind", [entry.name for entry in LABELS])
@pytest.mark.parametrize("rest", [0.0, 0.5, 0.9])
def test_heads_made_by_hand_get_their_label_through_the_sink(kind, rest):
    weights = by_hand(kind, rest)
    found, measured = labelled(weights)
    expected = "first token" if kind == "no clear pattern" and rest >= 0.5 else kind
    visible = np.tri(COUNT, dtype=bool)
    assert found == expected == label(weights, np.zeros(COUNT), TEXT_IDS, SPECIAL, visible=visible)
    for name, value in measures(weights, TEXT_IDS, SPECIAL).items():
        assert measured[name][0] == pytest.approx(value, abs=1e-5)


def test_a_head_that_only_rests_is_a_first_token_head_whatever_the_last_percent_does():
    assert labelled(by_hand("previous token", 0.97))[0] == "first token"
    assert labelled(by_hand("induction", 0.97))[0] == "induction"


@pytest.mark.skipif(not (WEIGHTS / "config.json").is_file(), reason="the built-in model is not trained yet")
def test_the_built_in_models_heads_are_found():
    model = load_model("builtin")
    text = "The capital of Japan is Tokyo. The capital of France is Paris. The capital of Japan is"
    table = model.heads(model.begin(text))
    best = np.unravel_index(np.nanargmax(table.measures["induction_random"]), table.label.shape)
    assert table.measures["induction_random"][best] > 0.4
    assert table.label[best] == "induction"
    assert (table.label == "previous token").any()
    assert np.nanmedian(table.measures["induction_random"]) < 0.05
