"""The neurons of an MLP against hooks on stock transformers by the families' own names."""

import numpy as np
import pytest

from model_runtime import FeatureUnavailable
from tests.runtime.comparison import moment_of
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, HYBRID, VOCABULARY
from tests.runtime.heads_reference import walked
from tests.runtime.part_reference import EXPERTS, UNSPLIT, ByHand
from tests.runtime.test_parts import IDS, NEWEST, close

DENSE = [family for family in (*FAMILIES, *HYBRID) if family not in (*UNSPLIT, *EXPERTS, "modernbert-decoder")]


@pytest.mark.parametrize("family", DENSE)
def test_neurons_are_those_of_stock_and_sum_to_the_mlp(family):
    pair, model = pair_of(family)
    moment, stock = walked(model, IDS), ByHand(family, pair.stock, IDS)
    for layer in range(3):
        if not stock.dense(layer):
            continue
        for position in (5, NEWEST - 8, NEWEST):
            given = stock.seen.given[stock.downs[layer]][position]
            effects = stock.read(stock.neurons(layer, position), position)  # [neuron, vocabulary]
            whole = stock.before_softcap(position)
            part = stock.read(stock.parts(position)[f"MLP {layer}"], position)
            for target in (0, 111):
                found = model.neurons(moment, layer, position, target, top=10**6)
                assert found.count == len(given) == len(found.neuron)
                assert sorted(found.neuron.tolist()) == list(range(found.count))
                assert close(found.activation, given[found.neuron.tolist()], given)
                assert close(found.value, effects[found.neuron.tolist(), target], whole)
                assert (np.diff(np.abs(found.value)) <= 0).all()
                assert close(found.total, part[target], whole)
                assert close(found.value.sum() + found.bias, part[target], whole)
                assert found.others == pytest.approx(0, abs=1e-9)
                split = model.contributions(moment, position, target)
                assert found.total == pytest.approx(split.values[split.names.index(f"MLP {layer}")], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("family", ["llama", "gemma2", "opt", "granite", "gpt2", "cohere", "olmo2", "falcon"])
def test_tokens_are_those_that_each_neuron_raises_and_lowers_most(family):
    pair, model = pair_of(family)
    moment, stock = moment_of(model, IDS), ByHand(family, pair.stock, IDS)
    found = model.neurons(moment, 1, 9, (4, 5), top=6, tokens=5)
    effects = stock.read(stock.neurons(1, 9), 9)
    whole = stock.before_softcap(9)
    value = effects[:, 4] - effects[:, 5]
    assert found.neuron.tolist() == value.abs().argsort(descending=True)[:6].tolist()
    assert close(found.others, value.sum() - value[found.neuron.tolist()].sum(), whole)
    assert close(found.value.sum() + found.others + found.bias, found.total, whole)
    centred = (effects - effects.mean(1, keepdim=True))[found.neuron.tolist()]
    order = centred.argsort(dim=1, descending=True)
    assert found.promoted_ids.tolist() == order[:, :5].tolist()
    assert found.suppressed_ids.tolist() == order.flip(1)[:, :5].tolist()
    assert close(found.promoted, centred.gather(1, order[:, :5]), whole)
    assert close(found.suppressed, centred.gather(1, order.flip(1)[:, :5]), whole)
    assert (found.promoted > 0).all()
    assert (found.suppressed < 0).all()
    assert found.promoted_text[2][3] == model.text(int(found.promoted_ids[2, 3]))
    assert found.suppressed_text[5][0] == model.text(int(found.suppressed_ids[5, 0]))


def test_the_mean_is_taken_off_where_it_is_asked_for():
    pair, model = pair_of("qwen3")
    moment, stock = moment_of(model, IDS), ByHand("qwen3", pair.stock, IDS)
    found = model.neurons(moment, 2, 9, 4, centred=True, top=7)
    effects = stock.read(stock.neurons(2, 9), 9)
    assert close(found.value, (effects[:, 4] - effects.mean(1))[found.neuron.tolist()], stock.before_softcap(9))
    assert found.question.centred
    assert found.promoted_ids.shape == (7, 8)
    assert model.neurons(moment, 2, 9, 4, tokens=10**6).promoted_ids.shape == (16, VOCABULARY)


def test_a_mixture_of_experts_has_no_neurons_to_list():
    for family, layer in (("mixtral", 0), ("gpt_oss", 2), ("deepseek_v3", 1), ("qwen3_next", 0)):
        _, model = pair_of(family)
        with pytest.raises(FeatureUnavailable, match="experts"):
            model.neurons(moment_of(model, IDS), layer)
