"""The proofs at load catch readings that are wrong, and what they catch is switched off while the rest works."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from model_runtime import FeatureUnavailable
from model_runtime.anatomy import dissect
from model_runtime.engine import Engine
from model_runtime.model import Model
from model_runtime.outside import Follower
from model_runtime.recorder import NAME, Recorder
from model_runtime.selfcheck import prove, stock_run
from model_runtime.unembedding import Unembedding
from tests.runtime.comparison import BOUND, moment_of, some_ids, stock_answers
from tests.runtime.families import CONTEXT, FAMILIES, OUTSIDE, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(20, VOCABULARY)


class SwappedHeads(Recorder):
    def attended(self, layer, call, output):
        super().attended(layer, call._replace(query=call.query[:, [1, 0, 2, 3]]), output)


class ShiftedPositions(Recorder):
    def attended(self, layer, call, output):
        super().attended(layer, call._replace(key=call.key.roll(1, dims=2)), output)


class DroppedMask(Recorder):
    def attended(self, layer, call, output):
        super().attended(layer, call._replace(mask=None), output)


class WrongScaling(Recorder):
    def attended(self, layer, call, output):
        super().attended(layer, call._replace(formula=replace(call.formula, scaling=1.0)), output)


class DroppedBias(Recorder):
    def attended(self, layer, call, output):
        super().attended(layer, call._replace(formula=replace(call.formula, bias=None)), output)


class NotWhatIsUsed(Recorder):
    """Reads everything rightly, but from a copy: what is done to it has no effect."""

    def attended(self, layer, call, output):
        super().attended(layer, call, output.clone())


class InputsForOutputs(Recorder):
    def _left(self, module, args, output):
        if self.tape is not None:
            self.tape.streams.append(self.tape.streams[-1] if len(self.tape.streams) < 3 else output[0].clone())


def failed_proofs(recorder_class, family):
    model = build(family, FAMILIES[family]).model
    anatomy = dissect(model)
    with torch.inference_mode():
        unembedding = Unembedding(model, anatomy, CONTEXT)
    stock = stock_run(model, VOCABULARY)
    model.set_attn_implementation(NAME)
    engine = Engine(model, anatomy, recorder_class(anatomy.layers), unembedding)
    if family in OUTSIDE:
        engine.recorder.follower = Follower(engine.recorder)
    return {proof.name for proof in prove(engine, stock) if not proof.passed}


@pytest.mark.parametrize(
    ("recorder_class", "family", "proof"),
    [
        (SwappedHeads, "llama", "weights make the output"),
        (ShiftedPositions, "llama", "weights make the output"),
        (WrongScaling, "llama", "weights make the output"),
        (DroppedMask, "mistral", "weights make the output"),
        (NotWhatIsUsed, "llama", "disturbing a head moves the logits"),
        (SwappedHeads, "gptj", "weights make the output"),
        (SwappedHeads, "falcon", "weights make the output"),
        (ShiftedPositions, "mpt", "weights make the output"),
        (DroppedBias, "bloom", "weights make the output"),
        (DroppedBias, "falcon:alibi", "weights make the output"),
        (DroppedMask, "gpt_neo", "weights make the output"),
        (NotWhatIsUsed, "xglm", "disturbing a head moves the logits"),
        (InputsForOutputs, "llama", "streams are the model's own"),
    ],
)
def test_planted_faults_are_caught(recorder_class, family, proof):
    assert failed_proofs(Recorder, family) == set()
    assert proof in failed_proofs(recorder_class, family)


def assert_the_rest_works(model, pair):
    moment, expected = moment_of(model, IDS), stock_answers(pair.stock, IDS)
    for position in (4, 19):
        shown = model.distribution(moment, position, top=None)
        assert np.abs(shown.raw[np.argsort(shown.ids)] - expected.probability[position]).max() < BOUND
    step = model.step(model.step(moment))
    assert model.tokens(step).surprisal.shape == (22,)
    assert len(model.back(step, 5).ids) == 17
    return moment, expected


class Louder(nn.Module):
    """An output projection that behaves differently under a foreign attention implementation."""

    def __init__(self, inner, config):
        super().__init__()
        self.inner, self.config = inner, config

    def forward(self, values):
        return self.inner(values) * (1.5 if self.config._attn_implementation == NAME else 1.0)


def test_a_seam_that_changes_the_model_is_taken_out_again_and_attention_followed():
    pair = build("llama", {})
    attention = pair.model.model.layers[1].self_attn
    attention.o_proj = Louder(attention.o_proj, pair.model.config)
    model = Model(pair.model, byte_level())
    assert pair.model.config._attn_implementation == "sdpa"
    moment, expected = assert_the_rest_works(model, pair)
    for layer in range(3):
        for head in range(4):
            found = model.attention(moment, layer, head).weights
            assert np.abs(found - expected.attention[layer][head]).max() < BOUND


def knowing_the_token(inner):
    """A model's forward whose logits say more than its last stream: how much, the token itself decides."""

    def forward(ids, **kwargs):
        output = inner(ids, **kwargs)
        output.logits = output.logits * (1 + ids[..., None] % 3)
        return output

    return forward


def test_where_the_head_cannot_be_asked_again_the_logits_are_kept():
    pair = build("llama", {})
    for one in (pair.model, pair.stock):
        one.forward = knowing_the_token(one.forward)
    model = Model(pair.model, byte_level())
    moment, expected = assert_the_rest_works(model, pair)
    with pytest.raises(FeatureUnavailable, match="last row of the lens"):
        model.lens(moment)
    assert np.allclose(model.attention(moment, 1, 1).weights, expected.attention[1][1], atol=1e-5)
    assert np.allclose(model.hidden(moment, 3), expected.streams[3], atol=1e-4)


class Forgetful(nn.Module):
    """A layer's attention that leaves the cache alone, so that steps do not see what came before."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, *args, past_key_values=None, **kwargs):
        return self.inner(*args, past_key_values=None, **kwargs)


def test_where_the_cache_is_not_exact_every_text_runs_in_one_pass():
    pair = build("llama", {})
    layer = pair.model.model.layers[1]
    layer.self_attn = Forgetful(layer.self_attn)
    model = Model(pair.model, byte_level())
    assert [proof.name for proof in model.card().proofs if not proof.passed] == ["stepped equals one pass"]
    moment, expected = assert_the_rest_works(model, pair)
    assert np.allclose(model.attention(moment, 1, 1).weights, expected.attention[1][1], atol=1e-5)
