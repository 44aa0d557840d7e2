"""Every family against stock transformers: eager attention, float32, one uncached pass."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from model_runtime import FeatureUnavailable
from model_runtime.model import Model
from model_runtime.weights import scores_of, softmax_with_sink
from tests.runtime.comparison import (
    BOUND,
    TOKENS,
    differences,
    moment_of,
    some_ids,
    stepped,
    stepped_answers,
    stock_answers,
)
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, FURTHER, HYBRID, ODD, OUTSIDE, VOCABULARY, WINDOW, build, config_of
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(TOKENS, VOCABULARY)
WINDOWED = [family for family, one in FAMILIES.items() if one.get("sliding_window") or one.get("window_size")]


def test_enough_families_and_longer_than_every_window():
    assert len(FAMILIES) >= 14
    assert len(WINDOWED) >= 6
    assert TOKENS > 2 * WINDOW


@pytest.mark.parametrize("family", FAMILIES)
def test_these_models_can_fail(family):
    """Flat attention or equal heads would let wrong readings pass."""
    pair, _ = pair_of(family)
    expected = stock_answers(pair.stock, IDS)
    for weights in expected.attention:
        assert weights[:, 4:, 1:].max() > 0.4
        for head in range(1, len(weights)):
            assert np.abs(weights[head] - weights[0]).max() > 0.2
    assert expected.probability.max(axis=1).mean() > 10 / VOCABULARY
    assert np.abs(expected.streams[1:] - expected.streams[:-1]).max() > 0.1


@pytest.mark.parametrize("family", [*FAMILIES, *HYBRID])
def test_prefill_and_steps_equal_one_pass_of_stock(family):
    pair, model = pair_of(family)
    errors = differences(stepped_answers(model, IDS), stock_answers(pair.stock, IDS))
    assert "attention" in errors
    assert max(errors.values()) < BOUND, errors


@pytest.mark.parametrize("family", FAMILIES)
def test_every_proof_holds(family):
    _, model = pair_of(family)
    assert [proof for proof in model.card().proofs if not proof.passed] == []


@pytest.mark.parametrize("family", WINDOWED)
def test_windows_hide_keys_and_the_map_says_so(family):
    _, model = pair_of(family)
    moment = replace(model.begin("x"), ids=IDS, prompt_length=TOKENS)
    maps = [model.attention(moment, layer, 0) for layer in range(3)]
    windowed = [shown for shown in maps if shown.window is not None]
    assert windowed
    for shown in maps:
        age = np.arange(TOKENS)[:, None] - np.arange(TOKENS)[None, :]
        expected = (age >= 0) & (age < (shown.window or TOKENS))
        assert np.array_equal(shown.visible, expected)
        assert np.all(shown.weights[~shown.visible] == 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_and_sinks_sum_to_one(family):
    _, model = pair_of(family)
    moment = replace(model.begin("x"), ids=IDS, prompt_length=TOKENS)
    shown = model.attention(moment, 1, 3)
    assert np.allclose(shown.weights.sum(1) + shown.sink, 1, atol=1e-6)
    assert (shown.sink.max() > 0.001) == (family == "gpt_oss")
    assert shown.computed_from == "float32"
    assert shown.key_value_head == 3 // (model.card().heads // model.card().key_value_heads)


@pytest.mark.parametrize("family", FURTHER)
def test_further_families_outside_the_interface(family):
    pair, model = pair_of(family)
    assert [proof for proof in model.card().proofs if not proof.passed and proof.feature == "attention"] == []
    expected = stock_answers(pair.stock, IDS).attention
    moment = stepped(model, IDS)
    for layer in range(3):
        assert expected[layer][:, 4:, 1:].max() > 0.2
        for head in range(4):
            assert np.abs(model.attention(moment, layer, head).weights - expected[layer][head]).max() < BOUND


def test_the_oracle_for_falcon_with_alibi():
    """Eager as it comes is wrong; mended, it gives the default's logits and the rows that follow from the weights."""
    pair, _ = pair_of("falcon:alibi")
    default = AutoModelForCausalLM.from_config(config_of(pair.family, FAMILIES[pair.family])).eval()
    default.load_state_dict(pair.stock.state_dict())
    assert default.config._attn_implementation == "sdpa"
    projected = []
    default.transformer.h[1].self_attention.query_key_value.register_forward_hook(
        lambda module, args, output: projected.append(output[0].reshape(TOKENS, 4, 3, 8))
    )
    with torch.no_grad():
        logits = default(torch.tensor([IDS]), use_cache=False).logits
        mended = pair.stock(torch.tensor([IDS]), use_cache=False).logits
    assert (mended - logits).abs().max() < BOUND * logits.abs().max()
    query, key = projected[0][:, :, 0], projected[0][:, :, 1]
    slopes = 2.0 ** (-8 * torch.arange(1, 5) / 4)  # Press et al. 2021
    distance = torch.arange(TOKENS)[:, None] - torch.arange(TOKENS)[None, :]
    scores = (torch.einsum("qhd,khd->hqk", query, key) - slopes[:, None, None] * distance) / 8**0.5
    rows = scores.masked_fill(distance < 0, -torch.inf).softmax(-1).numpy()
    assert np.abs(rows - stock_answers(pair.stock, IDS).attention[1]).max() < BOUND


@pytest.mark.parametrize("family", ["bloom", "mpt", "falcon:alibi"])
def test_a_shorter_text_in_between_leaves_a_longer_ones_penalties(family):
    pair, model = pair_of(family)
    moment, expected = moment_of(model, IDS), stock_answers(pair.stock, IDS)
    for asked in (moment, moment_of(model, IDS[:6]), moment):
        for layer in range(3):
            shown = model.attention(asked, layer, 1).weights
            count = len(asked.ids)
            assert np.abs(shown - expected.attention[layer][1, :count, :count]).max() < BOUND


@pytest.mark.parametrize("family", ["bloom", "mpt"])
def test_what_a_longer_text_of_others_taught_does_not_show(family):
    """Their slopes are powers of two, so that nothing is rounded; and the whole text is computed again."""
    model = Model(build(family, FAMILIES[family]).model, byte_level())
    moment, shown = moment_of(model, IDS[:6]), []
    for longer in (8, TOKENS):
        shown.append([model.attention(moment, layer, 1).weights for layer in range(3)])
        model.tokens(moment_of(model, IDS[:longer]))
        model._shelf.clear()
    shown.append([model.attention(moment, layer, 1).weights for layer in range(3)])
    assert all(np.array_equal(one, other) for other in shown[1:] for one, other in zip(shown[0], other, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", OUTSIDE)
def test_keys_and_values_are_the_caches_own(family, dtype):
    """Some of these families multiply copies in float32; what is kept are the tensors that the cache holds anyway."""
    model = Model(build(family, FAMILIES[family]).model.to(dtype), byte_level())
    assert [proof for proof in model.card().proofs if not proof.passed] == []
    recording = model._recording(stepped(model, IDS))
    for layer, cached in enumerate(recording.cache.layers):
        for mine, its in ((recording.keys[layer], cached.keys), (recording.values[layer], cached.values)):
            assert mine.dtype == dtype
            assert mine.data_ptr() == its.data_ptr()
            assert torch.equal(mine, its[0])
        assert recording.layer_queries(layer).dtype == dtype


def test_what_cannot_be_followed_says_so():
    _, model = pair_of("openai-gpt")
    with pytest.raises(FeatureUnavailable, match="can be followed"):
        model.attention(model.begin("the cat"), 0, 0)


@pytest.mark.parametrize("family", ODD)
def test_what_cannot_be_read_is_switched_off_and_the_rest_works(family):
    pair, model = pair_of(family)
    assert set(model._off) - {"middle", "contributions", "heads", "neurons"} == ODD[family][0]
    with torch.no_grad():
        expected = pair.stock(torch.tensor([IDS]), use_cache=False).logits[0].softmax(-1).numpy()
    moment = moment_of(model, IDS[:15])
    for token in IDS[15:]:
        model.tokens(moment)
        moment = model.step(moment, take=token)
    for asked in (moment, model.back(moment, 5)):
        for position in range(0, len(asked.ids), 3):
            shown = model.distribution(asked, position, top=None)
            assert np.abs(shown.raw[np.argsort(shown.ids)] - expected[position]).max() < BOUND
    questions = {"attention": lambda: model.attention(moment, 0, 0), "lens": lambda: model.lens(moment)}
    for feature, question in {**questions, "hidden": lambda: model.hidden(moment, 1)}.items():
        if feature in ODD[family][0]:
            with pytest.raises(FeatureUnavailable, match="switched off"):
                question()
        else:
            question()


@pytest.mark.parametrize("family", HYBRID)
def test_a_layer_without_attention_says_so(family):
    _, model = pair_of(family)
    with pytest.raises(FeatureUnavailable, match="L0 has no attention"):
        model.attention(model.begin("the cat"), 0, 0)


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt_oss"])
def test_swapped_heads_and_shifted_positions_are_caught(family):
    pair, model = pair_of(family)
    found, expected = stepped_answers(model, IDS), stock_answers(pair.stock, IDS)
    assert differences(found, expected)["attention"] < BOUND
    swapped = tuple(weights[[1, 0, 2, 3]] for weights in found.attention)
    shifted = tuple(np.roll(weights, 1, axis=1) for weights in found.attention)
    for faulty in (swapped, shifted):
        assert differences(replace(found, attention=faulty), expected)["attention"] > 0.1
    late = np.roll(found.streams, 1, axis=1)
    assert differences(replace(found, streams=late), expected)["streams"] > 0.1
    wrong = np.roll(found.probability, 1, axis=0)
    assert differences(replace(found, probability=wrong), expected)["probability"] > 0.1


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma2"])
def test_a_dropped_mask_is_caught(family):
    pair, model = pair_of(family)
    moment = replace(model.begin("x"), ids=IDS, prompt_length=TOKENS)
    recording = model._recording(moment)
    unmasked = []
    for layer in range(3):
        formula, keys = model._engine.recorder.formulas[layer], recording.keys[layer]
        query = torch.stack([recording.queries(layer, head) for head in range(formula.heads)])
        keys = keys.repeat_interleave(formula.heads // formula.key_value_heads, dim=0)
        everything = torch.ones(TOKENS, TOKENS, dtype=torch.bool)
        unmasked.append(softmax_with_sink(scores_of(query, keys, formula, everything), None)[0].numpy())
    expected = stock_answers(pair.stock, IDS)
    faulty = replace(stepped_answers(model, IDS), attention=tuple(unmasked))
    assert differences(faulty, expected)["attention"] > 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_the_prompt_may_come_in_chunks(family):
    """A long prompt runs in pieces on a filled cache, where other masks arrive than in one pass."""
    pair, model = pair_of(family)
    engine = model._engine
    rows = engine.unembedding.rows
    model._shelf.clear()
    engine.unembedding.rows = 7
    try:
        errors = differences(stepped_answers(model, IDS, prefill=23), stock_answers(pair.stock, IDS))
    finally:
        engine.unembedding.rows = rows
        model._shelf.clear()
    assert max(errors.values()) < BOUND, errors
