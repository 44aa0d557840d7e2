"""What every part added to a logit, against hooks on stock transformers by the families' own names."""

import numpy as np
import pytest
import torch

from model_runtime import FeatureUnavailable, InputError, OutOfRange, Steer
from model_runtime.anatomy import dissect
from model_runtime.model import Model
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, HYBRID, VOCABULARY, build
from tests.runtime.heads_reference import walked
from tests.runtime.part_reference import PARALLEL, UNSPLIT, ByHand, Norm, attends, run
from tests.runtime.test_heads_ablation import projection_of, stock_logits
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(24, VOCABULARY, seed=11)  # 15 of them a prompt, the rest taken one by one
NEWEST = len(IDS) - 1
SPLIT = [family for family in (*FAMILIES, *HYBRID) if family not in (*UNSPLIT, "modernbert-decoder")]
BOUND = 1e-4
SOME = (0, 5, 77, 160, 319)


def close(found, expected, whole):
    """Whether two differ by less than 1e-4 of the largest of a whole."""
    difference = np.abs(np.asarray(found, dtype=np.float64) - np.asarray(expected, dtype=np.float64))
    return difference.max() < BOUND * float(np.abs(np.asarray(whole)).max())


def test_enough_families_are_split():
    assert len(SPLIT) >= 30


@pytest.mark.parametrize("family", SPLIT)
def test_parts_and_heads_make_every_logit_of_stock(family):
    pair, model = pair_of(family)
    moment, stock = walked(model, IDS), ByHand(family, pair.stock, IDS)
    for position, step in ((NEWEST, 1), (6, 1), (0, 16), (NEWEST - 8, 16)):
        expected, capped = stock.before_softcap(position), stock.seen.logits[position]
        for target in range(0, VOCABULARY, step):
            found = model.contributions(moment, position, target)
            values = found.values.astype(np.float64)
            assert close(values.sum(), expected[target], expected)
            assert close(found.total, expected[target], expected)
            assert close(found.logit, capped[target], capped)
            assert found.error == pytest.approx(values.sum() - found.total, abs=1e-5 * float(expected.abs().max()))
            heads = np.nansum(found.heads.astype(np.float64)) + np.nansum(found.output_bias.astype(np.float64))
            rest = [
                value
                for kind, layer, value in zip(found.kinds, found.layers, values, strict=True)
                if kind != "attention" or not attends(family, layer)
            ]
            assert close(heads + sum(rest), expected[target], expected)


@pytest.mark.parametrize("family", SPLIT)
def test_each_part_and_head_is_what_a_stock_module_returned(family):
    pair, model = pair_of(family)
    moment, stock = walked(model, IDS), ByHand(family, pair.stock, IDS)
    for position in (6, NEWEST - 9, NEWEST):
        parts, whole = stock.parts(position), stock.before_softcap(position)
        stream = stock.seen.given[stock.norm][position]
        assert close(sum(parts.values()), stream, stream)  # the reference itself: nothing else writes
        for target in SOME:
            found = model.contributions(moment, position, target)
            assert found.names == (*parts, "bias")
            assert found.kinds == tuple(name.split()[0] for name in found.names)
            assert found.layers.tolist() == [int(name.split()[1]) if " " in name else -1 for name in found.names]
            for name, value in zip(found.names[:-1], found.values, strict=False):
                assert close(value, stock.read(parts[name], position)[target], whole)
            assert close(found.values[-1], stock.bias(position)[target], whole)
            assert found.heads.shape == (3, 4)
            assert (found.unsplit, found.unsplit_heads) == ("", "")
            for layer in range(3):
                if attends(family, layer):
                    expected = stock.read(stock.heads(layer, position), position)[:, target]
                    assert close(found.heads[layer], expected, whole)
                    attention = found.values[found.names.index(f"attention {layer}")]
                    assert close(found.heads[layer].sum() + found.output_bias[layer], attention, whole)
                else:
                    assert np.isnan(found.heads[layer]).all()
                    assert np.isnan(found.output_bias[layer])


def test_the_texts_tell_parts_apart():
    """Heads differ and matter, so that the comparisons above can fail."""
    for family in SPLIT:
        _, model = pair_of(family)
        found = model.contributions(moment_of(model, IDS))
        heads = found.heads[~np.isnan(found.heads)]
        assert np.abs(heads).max() > 0.005 * abs(found.total)
        assert len(np.unique(heads)) == len(heads)


@pytest.mark.parametrize("family", ["llama", "gemma2", "granite", "cohere", "gpt2", "lfm2"])
def test_differences_and_the_mean_are_those_of_the_logits(family):
    pair, model = pair_of(family)
    moment, stock = walked(model, IDS), ByHand(family, pair.stock, IDS)
    for position in (3, NEWEST):
        logits, capped = stock.before_softcap(position), stock.seen.logits[position]
        pair_found = model.contributions(moment, position, (7, 200))
        assert (pair_found.question.target, pair_found.question.against) == (7, 200)
        assert close(pair_found.total, logits[7] - logits[200], logits)
        assert close(pair_found.values.sum(), logits[7] - logits[200], logits)
        assert close(pair_found.logit, capped[7] - capped[200], capped)
        centred = model.contributions(moment, position, 7, centred=True)
        assert centred.question.centred
        assert close(centred.total, logits[7] - logits.mean(), logits)
        assert close(centred.values.sum(), logits[7] - logits.mean(), logits)
        for name, vector in stock.parts(position).items():
            read = stock.read(vector, position)
            at = centred.names.index(name)
            assert close(centred.values[at], read[7] - read.mean(), logits)
            assert close(pair_found.values[at], read[7] - read[200], logits)
        first = model.contributions(moment, position)
        assert first.question.target == int(logits.argmax())
        assert first.question.position == position


@pytest.mark.parametrize("family", ["gemma2", "nanochat"])
def test_a_softcap_is_a_last_step(family):
    _, model = pair_of(family)
    found = model.contributions(moment_of(model, IDS))
    assert found.logit == pytest.approx(found.softcap * np.tanh(found.total / found.softcap), rel=1e-5)
    assert abs(found.total) > 1.01 * abs(found.logit)
    assert pair_of("llama")[1].contributions(moment_of(pair_of("llama")[1], IDS)).softcap is None


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt_oss", "deepseek_v3", "qwen3_next", "gpt2"])
def test_a_switched_off_head_adds_nothing(family):
    pair, model = pair_of(family)
    moment = walked(model, IDS).without([(1, 2)])
    # A gated projection's slice is zero all the same.
    logits = stock_logits(pair.stock, IDS, {(1, 2): 0.0}) if family != "qwen3_next" else None
    for position in (6, NEWEST):
        found = model.contributions(moment, position, 9)
        assert found.heads[1, 2] == 0
        assert (found.heads[1, [0, 1, 3]] != 0).all()
        assert close(found.values.sum(), found.total, found.total)
        if logits is not None:
            assert close(found.logit, logits[position, 9], logits[position])
        assert found.total != pytest.approx(model.contributions(moment.restored(), position, 9).total, rel=1e-4)


@pytest.mark.parametrize("stream", [0, 2, 3])
def test_steering_is_a_part_of_its_own(stream):
    pair, model = pair_of("llama")
    plus, minus = some_ids(5, VOCABULARY, seed=20), some_ids(4, VOCABULARY, seed=21)
    moment = moment_of(model, IDS).steered(Steer(stream, 1.5, 10, (plus, 4), (minus, 2)))
    hidden = [model.hidden(moment_of(model, ids), stream)[at] for ids, at in ((plus, 4), (minus, 2))]
    vector = torch.from_numpy(1.5 * (hidden[0] - hidden[1]))
    blocks, norm = dissect(pair.stock).layers, pair.stock.model.norm

    def steer(module, args):
        given = args[0].clone()
        given[0, 10:] += vector
        return (given, *args[1:])

    into = norm if stream == 3 else blocks[stream]
    stock = ByHand("llama", pair.stock, IDS, [(into, steer)])
    for position in (9, 10, NEWEST):
        found = model.contributions(moment, position, 33)
        assert close(found.total, stock.seen.logits[position][33], stock.seen.logits[position])
        assert close(found.values.sum(), found.total, stock.seen.logits[position])
        name = f"steering {stream}"
        assert (name in found.names) == (position >= 10)
        if position >= 10:
            at = found.names.index(name)
            assert found.names[at - 1] == ("embedding" if stream == 0 else f"MLP {stream - 1}")
            assert (found.kinds[at], found.layers[at]) == ("steering", stream)
            expected = stock.read(vector.double(), position)[33]
            assert close(found.values[at], expected, stock.seen.logits[position])


@pytest.mark.parametrize("family", UNSPLIT)
def test_what_cannot_be_split_shows_whole_blocks(family):
    pair, model = pair_of(family)
    moment = walked(model, IDS)
    blocks = list(dissect(pair.stock).layers)
    norm = None if family == "openai-gpt" else pair.stock.get_submodule("model.norm")
    seen = run(pair.stock, IDS, [*blocks, *([] if norm is None else [norm])])
    cap = getattr(pair.stock.config, "final_logit_softcapping", None)
    rows = pair.stock.get_output_embeddings().weight.detach().double()
    for position in (6, NEWEST):
        logits = seen.logits[position]
        whole = torch.atanh(logits / cap) * cap if cap else logits
        for target in SOME:
            found = model.contributions(moment, position, target)
            assert found.names == ("embedding", "block 0", "block 1", "block 2", "bias")
            assert found.kinds == ("embedding", "block", "block", "block", "bias")
            assert "whole update" in found.unsplit
            assert found.unsplit_heads
            assert found.heads.shape == (3, 0)
            assert close(found.total, whole[target], whole)
            assert close(found.values.sum(), whole[target], whole)
            for layer, block in enumerate(blocks):
                change = seen.returned[block][position] - seen.given[block][position]
                if norm is not None:
                    change = Norm(family, norm, seen.given[norm][position]).part(change)
                assert close(found.values[layer + 1], change @ rows[target], whole)
    with pytest.raises(FeatureUnavailable, match="does not split"):
        model.neurons(moment, 0)


def test_a_post_norm_model_with_projections_around_its_blocks_shows_whole_blocks():
    pair = build("opt", {"ffn_dim": 48, "word_embed_proj_dim": 16, "do_layer_norm_before": False})
    model = Model(pair.model, byte_level())
    moment = moment_of(model, IDS)
    with torch.no_grad():
        logits = pair.stock(torch.tensor([IDS]), use_cache=False).logits[0, 9]
    for target in SOME:
        found = model.contributions(moment, 9, target)
        assert found.kinds == ("embedding", "block", "block", "block", "bias")
        assert close(found.total, logits[target], logits)
        assert close(found.values.sum(), logits[target], logits)


def test_a_head_that_is_no_map_of_the_stream_switches_the_split_off():
    _, model = pair_of("modernbert-decoder")
    with pytest.raises(FeatureUnavailable, match="contributions of this model are switched off"):
        model.contributions(moment_of(model, IDS))
    assert all(proof.passed for proof in model.card().proofs)


def test_a_layer_that_attends_twice_has_no_heads():
    _, model = pair_of("diffllama")
    found = model.contributions(moment_of(model, IDS))
    assert "more than once" in found.unsplit_heads
    assert found.unsplit == ""
    assert found.heads.shape == (3, 0)


def test_blocks_with_one_part_each_have_no_other():
    """Nemotron-H's blocks are a running state, an attention or an MLP."""
    settings = {"layers_block_type": ["mamba", "attention", "mlp"], "mamba_num_heads": 4, "mamba_head_dim": 8}
    pair = build("nemotron_h", {**settings, "ssm_state_size": 8, "n_groups": 1})
    model = Model(pair.model, byte_level())
    moment = walked(model, IDS)
    seen = run(pair.stock, IDS, [])
    for position in (6, NEWEST):
        found = model.contributions(moment, position, 9)
        assert found.names == ("embedding", "attention 0", "attention 1", "MLP 2", "bias")
        assert close(found.values.sum(), seen.logits[position][9], seen.logits[position])
        assert np.isnan(found.heads[[0, 2]]).all()
        assert close(found.heads[1].sum() + found.output_bias[1], found.values[2], seen.logits[position])
    with pytest.raises(FeatureUnavailable, match="L0 has no MLP"):
        model.neurons(moment, 0)
    assert model.neurons(moment, 2).count == 48


def test_heads_that_are_normed_together_before_the_projection_are_still_told_apart():
    """BitNet: none can be switched off alone, but with the norm held each has its own slice."""
    pair = build("bitnet", {})
    model = Model(pair.model, byte_level())
    moment, stock = moment_of(model, IDS), ByHand("bitnet", pair.stock, IDS)
    for layer in range(3):
        expected = stock.read(stock.heads(layer, 9), 9)[:, 4]
        assert close(model.contributions(moment, 9, 4).heads[layer], expected, stock.seen.logits[9])


def test_where_the_cache_is_not_used_the_whole_text_runs_again(llama):
    moment = moment_of(llama, IDS)
    stepped = llama.contributions(walked(llama, IDS), 12, 5)
    cached, llama._engine.cached = llama._engine.cached, False
    llama._shelf.clear()
    llama._replayed = None
    try:
        whole = llama.contributions(moment, 12, 5)
    finally:
        llama._engine.cached = cached
        llama._shelf.clear()
    assert close(whole.values, stepped.values, stepped.values)
    assert close(whole.heads, stepped.heads, stepped.values)


def test_later_tokens_and_other_interventions_change_the_answer_as_they_should(llama):
    moment = walked(llama, IDS)
    before = llama.contributions(llama.back(moment, 10), -1, 5)
    after = llama.contributions(moment, before.question.position, 5)
    assert np.array_equal(before.values, after.values)
    assert before.total != llama.contributions(moment.without([(0, 1)]), before.question.position, 5).total


@pytest.mark.parametrize("family", ["llama", "phi"])
def test_what_attention_adds_is_kept_only_where_there_is_a_midpoint(family):
    pair, model = pair_of(family)
    recording = model._recording(walked(model, IDS))
    kept = [chunk.attended is not None for chunk in recording.chunks]
    assert all(kept) if family not in PARALLEL else not any(kept)
    if all(kept):
        seen = ByHand(family, pair.stock, IDS)
        for layer in range(3):
            expected = seen.seen.returned[seen.attention[layer]]
            assert close(recording.attended(layer, 0, len(IDS)), expected, expected)
            assert close(recording.cut(19).attended(layer, 6, 18), expected[6:18], expected)
        held = sum(recording.storages().values())
        assert held >= sum(chunk.attended.untyped_storage().nbytes() for chunk in recording.chunks) * 2


def test_what_is_asked_wrongly_is_refused(llama):
    moment = moment_of(llama, IDS)
    for wrong in (
        lambda: llama.contributions(moment, 24),
        lambda: llama.contributions(moment, -1, VOCABULARY),
        lambda: llama.contributions(moment, -1, (3, -1)),
        lambda: llama.neurons(moment, 3),
        lambda: llama.neurons(moment, -1),
        lambda: llama.neurons(moment, 0, top=0),
        lambda: llama.neurons(moment, 0, tokens=0),
    ):
        with pytest.raises(OutOfRange):
            wrong()
    for wrong in (lambda: llama.contributions(moment, -1, (3, 3)), lambda: llama.neurons(moment, 0, -1, (3, 4), True)):
        with pytest.raises(InputError):
            wrong()


def test_a_projection_is_where_a_person_would_look_for_it():
    for family in ("llama", "gpt2", "gemma2", "falcon", "bloom"):
        _, model = pair_of(family)
        for block, parts in zip(model._engine.anatomy.layers, model._engine.writers, strict=True):
            assert parts.attention.projection.module is projection_of(block)
