"""Every position's own prediction against stock transformers, and the use of the context against its config."""

import numpy as np
import pytest

from model_runtime import Ablate, ContextFull, load_model
from model_runtime.model import Model
from tests.runtime.comparison import BOUND, moment_of, some_ids, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import CONTEXT, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(20, VOCABULARY, seed=51)
FAMILIES = ["phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3"]


def assert_stock(found, probability):
    """That predictions are the argmax of stock probabilities [token, vocabulary]."""
    assert np.array_equal(found.ids, probability.argmax(-1))
    assert np.abs(found.probability - probability.max(-1)).max() < BOUND


@pytest.mark.parametrize("family", FAMILIES)
def test_every_position_predicts_what_stock_does(family):
    pair, model = pair_of(family)
    expected = stock_answers(pair.stock, IDS).probability
    found = model.predictions(moment_of(model, IDS))
    assert_stock(found, expected)
    assert found.text == tuple(model.text(token) for token in expected.argmax(-1).tolist())
    right = found.ids[:-1] == np.array(IDS[1:])
    assert np.array_equal(right, model.tokens(moment_of(model, IDS)).rank[1:] == 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_while_stepping_and_going_back_they_are_the_same(family):
    pair, model = pair_of(family)
    moment = moment_of(model, IDS[:7])
    for token in IDS[7:]:
        model.predictions(moment)
        moment = model.step(moment, take=token)
    for ids in (IDS, IDS[:12], (*IDS[:12], 7, 8), IDS[:1]):
        assert_stock(model.predictions(moment_of(model, ids)), stock_answers(pair.stock, ids).probability)


def test_without_a_lens_and_with_a_head_off():
    """The predictions rest on the model's own output alone."""
    model = Model(build("llama", {}).model, byte_level())
    model._off["lens"] = "its proof failed"
    moment = moment_of(model, IDS)
    off = model.predictions(moment.without([(0, 1)], by="zero"))
    rows = [model.distribution(moment.without([(0, 1)], by="zero"), at, top=1) for at in range(len(IDS))]
    assert off.ids.tolist() == [int(row.ids[0]) for row in rows]
    assert not np.allclose(off.probability, model.predictions(moment).probability)
    assert moment.without([(0, 1)], by="zero").ablations == (Ablate(0, 1, "zero"),)


def test_greedy_steps_are_the_last_predictions():
    model = load_model("builtin")
    moment = model.begin("The capital of Japan is")
    for _ in range(3):
        last = model.predictions(moment)
        moment = model.step(moment)
        assert moment.ids[-1] == last.ids[-1]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_context_is_counted_as_the_config_has_it(family):
    pair, model = pair_of(family)
    use = model.context_use(moment_of(model, IDS, prompt=6))
    assert use.limit == pair.model.config.max_position_embeddings == CONTEXT
    assert (use.prompt, use.written, use.free) == (6, 14, CONTEXT - 20)


def test_at_the_limit_a_step_answers_what_was_announced():
    _, model = pair_of("gpt2")
    full = moment_of(model, some_ids(CONTEXT, VOCABULARY, seed=3))
    assert model.context_use(full).free == 0
    with pytest.raises(ContextFull) as refused:
        model.step(full)
    assert str(refused.value) == model.context_use(moment_of(model, IDS)).at_limit
    assert len(model.predictions(full).ids) == CONTEXT
