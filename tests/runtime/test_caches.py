"""Caches of layers that hold more than keys and values: what they keep, how they branch, go back and widen."""

import pytest
import torch

from model_runtime.caches import branch, new_cache
from model_runtime.model import Model
from tests.runtime.comparison import BOUND, TOKENS, moment_of, some_ids
from tests.runtime.families import LATENT, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(TOKENS, VOCABULARY)
WINDOW = 4
# Every layer has a short convolution with a state, and attention within a window.
STATEFUL = {
    "num_experts": 4,
    "num_experts_per_tok": 1,
    "moe_intermediate_size": 16,
    "router_hidden_size": 16,
    "sliding_window": WINDOW,
    "layer_types": ["hybrid_sliding", "hybrid", "hybrid_sliding"],
}
# Attention to the six keys that an indexer chooses; it has keys of its own.
CHOOSING = {
    **LATENT,
    "num_key_value_heads": 4,
    "head_dim": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 2,
    "topk_group": 1,
    "moe_intermediate_size": 16,
    "index_topk": 6,
    "index_head_dim": 8,
    "index_n_heads": 16,
}


def logits(model, ids, cache):
    with torch.inference_mode():
        return model(torch.tensor([ids]), past_key_values=cache, use_cache=cache is not None).logits[0]


def error(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.fixture(scope="module")
def stateful():
    return build("zaya", STATEFUL).stock


@pytest.fixture(scope="module")
def choosing():
    pair = build("deepseek_v32", CHOOSING)
    return pair.stock, Model(pair.model, byte_level())


def test_layers_with_states_keep_the_keys_before_their_window(stateful):
    cache = new_cache(stateful.config)
    steps = [logits(stateful, IDS[:15], cache), *(logits(stateful, (token,), cache) for token in IDS[15:])]
    assert [layer.keys.shape[2] for layer in cache.layers] == [TOKENS] * 3
    assert error(torch.cat(steps), logits(stateful, IDS, None)) < BOUND


def test_a_branch_shares_keys_and_not_states(stateful):
    cache = new_cache(stateful.config)
    logits(stateful, IDS[:15], cache)
    other = branch(cache)
    for mine, its in zip(cache.layers, other.layers, strict=True):
        assert its.keys.data_ptr() == mine.keys.data_ptr()
        assert its.conv_states[0].data_ptr() != mine.conv_states[0].data_ptr()
    logits(stateful, some_ids(5, VOCABULARY, seed=2), other)
    assert error(logits(stateful, IDS[15:], cache), logits(stateful, IDS, None)[15:]) < BOUND


def test_a_model_that_chooses_its_keys_computes_what_it_did(choosing):
    """And the choice matters: with room for all keys it computes something else."""
    stock, model = choosing
    assert next(proof.error for proof in model.card().proofs if proof.name == "same logits as stock") < BOUND
    everything = build("deepseek_v32", {**CHOOSING, "index_topk": TOKENS}).stock
    assert error(logits(everything, IDS, None), logits(stock, IDS, None)) > 0.1


def test_such_a_model_goes_back_from_its_cache(choosing):
    stock, model = choosing
    recording = model._recording(moment_of(model, IDS))
    assert recording.cuttable
    cut = recording.cut(11)
    other = (*IDS[:11], *some_ids(6, VOCABULARY, seed=2))
    again = model._engine.record(other, cut)
    found = torch.stack([model._engine.logits(again, position) for position in range(len(other))])
    assert error(found, logits(stock, other, None)) < BOUND


def test_such_a_model_goes_on_with_several_texts_side_by_side(choosing):
    stock, model = choosing
    base = model._recording(moment_of(model, IDS))
    texts = [(*IDS, 5, 9), (*IDS, 7, 100), (*IDS, 250, 11)]
    found = model._engine.newest_logits(texts, base=base)
    assert error(found, torch.stack([logits(stock, text, None)[-1] for text in texts])) < BOUND
