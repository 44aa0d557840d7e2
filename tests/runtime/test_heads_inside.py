"""Inside one head: every step adds up, and ends in what the model's own kernel returned."""

import numpy as np
import pytest
import torch

from model_runtime import FeatureUnavailable
from model_runtime.anatomy import dissect
from tests.runtime.comparison import moment_of, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, OUTSIDE
from tests.runtime.heads_reference import IDS, walked
from tests.runtime.test_heads_ablation import projection_of

COUNT = len(IDS)
# Families with ALiBi, and what it is multiplied with: Falcon scales it like the rest of the score.
PENALTIES = {"bloom": 1, "mpt": 1, "falcon:alibi": 8**-0.5}


def projection_inputs(pair):
    """Per layer [token, head, value width]: what a stock model's heads give to its output projection."""
    seen, hooks = [], []
    for block in dissect(pair.stock).layers:
        hooks.append(
            projection_of(block).register_forward_pre_hook(
                lambda module, args: seen.append(args[0][0].unflatten(-1, (4, -1)).numpy())
            )
        )
    with torch.no_grad():
        pair.stock(torch.tensor([IDS]), use_cache=False)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_adds_up_to_stock(family):
    pair, model = pair_of(family)
    moment = walked(model)
    stock = stock_answers(pair.stock, IDS).attention
    for layer, head, query in ((0, 0, 5), (1, 3, COUNT - 1), (2, 2, 17)):
        inside = model.inside(moment, layer, head, query)
        assert np.allclose(inside.products, inside.query * inside.keys, atol=1e-6)
        assert np.allclose(inside.products.sum(1), inside.raw_score, rtol=1e-5, atol=1e-4)
        assert np.allclose(inside.raw_score * inside.scale, inside.scaled_score, rtol=1e-6)
        capped = inside.scaled_score
        if inside.softcap:
            capped = np.tanh(capped / inside.softcap) * inside.softcap
        assert (inside.softcap is not None) == (family == "gemma2")
        assert (inside.bias is not None) == (family in PENALTIES)
        if family in PENALTIES:
            slope = 2.0 ** (-8 * (head + 1) / 4) * PENALTIES[family]  # Press et al. 2021
            assert np.allclose(inside.bias, slope * (np.arange(query + 1) - query), rtol=1e-5, atol=1e-5)
            capped = capped + inside.bias
        assert np.allclose(inside.score, capped, rtol=1e-5, atol=1e-5)
        powers = np.exp(inside.score.astype(np.float64)) * inside.visible
        total = powers.sum() + (0 if inside.sink_score is None else np.exp(inside.sink_score))
        assert np.allclose(inside.weights, powers / total, atol=1e-5)
        assert inside.weights.sum() + inside.sink == pytest.approx(1, abs=1e-5)
        assert (inside.sink > 0) == (family == "gpt_oss")
        assert np.abs(inside.weights - stock[layer][head, query, : query + 1]).max() < 1e-5
        assert np.allclose(inside.weighted_values, inside.weights[:, None] * inside.values, atol=1e-6)
        scale = np.abs(inside.output).max()
        assert np.abs(inside.weighted_values.sum(0) - inside.output).max() < 1e-5 * scale
        assert head in inside.shared_with
        assert all(model.inside(moment, layer, other, query).key_value_head == inside.key_value_head
                   for other in inside.shared_with)  # fmt: skip
        assert inside.window is None or inside.visible.sum() <= inside.window


@pytest.mark.parametrize(
    "family", ["llama", "mistral", "gemma2", "gpt_oss", "phi3", "qwen3", "olmo3", "gpt2", "deepseek_v3", *OUTSIDE]
)
def test_the_output_is_what_the_kernel_gave_to_the_projection(family):
    pair, model = pair_of(family)
    moment = walked(model)
    given = projection_inputs(pair)
    for layer in range(3):
        for head in range(4):
            for query in (0, 9, COUNT - 1):
                inside = model.inside(moment, layer, head, query)
                error = np.abs(inside.output - given[layer][query, head]).max()
                assert error < 1e-5 * np.abs(given[layer]).max()


def test_an_ablated_head_says_so_and_keeps_what_it_would_have_given(llama):
    moment = moment_of(llama, IDS)
    off = moment.without([(0, 1)], by="mean")
    assert llama.inside(moment, 0, 1).ablated is None
    assert llama.inside(off, 0, 1).ablated == "mean"
    assert llama.inside(off, 0, 2).ablated is None
    assert np.array_equal(llama.inside(off, 0, 1).output, llama.inside(moment, 0, 1).output)
    assert llama.inside(moment, 1, 1).position == COUNT - 1
    assert llama.inside(moment, 1, 1).shared_with == (0, 1)


def test_a_layer_without_attention_has_no_inside():
    _, model = pair_of("lfm2")
    with pytest.raises(FeatureUnavailable, match="L0 has no attention"):
        model.inside(moment_of(model, IDS), 0, 0)


def test_a_model_that_steps_without_a_cache_has_values_too():
    _, model = pair_of("llama")
    cached, model._engine.cached = model._engine.cached, False
    model._shelf.clear()
    try:
        whole = model.inside(moment_of(model, IDS), 1, 1, 12)
    finally:
        model._engine.cached = cached
        model._shelf.clear()
    assert np.allclose(whole.output, model.inside(moment_of(model, IDS), 1, 1, 12).output, atol=1e-5)
