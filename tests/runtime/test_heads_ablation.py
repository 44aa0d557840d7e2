"""Switching heads off equals zeroing their slices before the output projection of a stock model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import Ablate, BadMoment, FeatureUnavailable, Moment, OutOfRange
from model_runtime.ablation import reference_texts
from model_runtime.anatomy import dissect
from model_runtime.model import Model
from tests.runtime.comparison import BOUND, moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, OUTSIDE, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(24, VOCABULARY, seed=6)
OFF = [(0, 1), (1, 3), (2, 0), (2, 2)]
PROJECTIONS = ("o_proj", "c_proj", "dense", "out_proj", "Wo")


def projection_of(layer):
    """The output projection by its name, within the attention."""
    for name, module in layer.named_modules():
        path = name.split(".")
        if path[-1] in PROJECTIONS and "att" in path[0]:
            return module
    raise AssertionError(f"no projection in {type(layer).__name__}")


def stock_logits(stock, ids, replacements):
    """[token, vocabulary] of a stock model whose heads are replaced by pre-hooks: (layer, head) -> vector or 0."""
    hooks = []
    for layer, block in enumerate(dissect(stock).layers):
        mine = {head: value for (at, head), value in replacements.items() if at == layer}

        def replaced(module, args, mine=mine):
            given = args[0].clone()
            heads = given.unflatten(-1, (4, -1))
            for head, value in mine.items():
                heads[..., head, :] = value
            return (given, *args[1:])

        hooks.append(projection_of(block).register_forward_pre_hook(replaced))
    with torch.no_grad():
        logits = stock(torch.tensor([ids]), use_cache=False).logits[0]
    for hook in hooks:
        hook.remove()
    return logits


def mean_outputs(stock, texts):
    """(layer, head) -> the mean of its slice of the projection's input over all positions of all texts."""
    seen = {}
    hooks = [
        projection_of(block).register_forward_pre_hook(
            lambda module, args, layer=layer: seen.setdefault(layer, []).append(args[0].unflatten(-1, (4, -1)))
        )
        for layer, block in enumerate(dissect(stock).layers)
    ]
    with torch.no_grad():
        stock(texts, use_cache=False)
    for hook in hooks:
        hook.remove()
    return {(layer, head): parts[0].mean((0, 1))[head] for layer, parts in seen.items() for head in range(4)}


def logits_of(model, moment):
    return torch.stack([model._engine.logits(model._recording(moment), at) for at in range(len(moment.ids))])


def stepped(model, moment, prefill=15):
    ids = moment.ids
    moment = moment.cut(prefill)
    for token in ids[prefill:]:
        model.tokens(moment)
        moment = model.step(moment, take=token)
    return moment


@pytest.mark.parametrize("family", FAMILIES)
def test_zero_equals_zeroed_slices_in_stock(family):
    pair, model = pair_of(family)
    moment = moment_of(model, IDS).without(OFF)
    expected = stock_logits(pair.stock, IDS, dict.fromkeys(OFF, 0.0))
    whole = stock_logits(pair.stock, IDS, {})
    assert (expected - whole).abs().max() > 0.05 * whole.abs().max()
    for asked in (moment, stepped(model, moment)):
        model._shelf.clear()
        found = logits_of(model, asked)
        assert (found - expected).abs().max() < BOUND * expected.abs().max()
    # Nothing sticks to the model.
    assert (logits_of(model, moment.restored()) - whole).abs().max() < BOUND * whole.abs().max()


@pytest.mark.parametrize(
    "family", ["llama", "mistral", "phi3", "qwen3", "gpt2", "gpt_neox", "opt", "olmo2", "cohere", *OUTSIDE]
)
def test_with_the_same_kernel_they_are_equal_to_the_last_bit(family):
    _, model = pair_of(family)
    torch_model = build(family, FAMILIES[family]).model  # stock, with the kernel that transformers itself chooses
    expected = stock_logits(torch_model, IDS, dict.fromkeys(OFF, 0.0))
    switches = model._ablation.switches([Ablate(*head) for head in OFF])
    with torch.inference_mode(), model._engine.recorder.recording(switches=switches):
        found = model._engine.model(torch.tensor([IDS]), use_cache=False).logits[0]
    assert torch.equal(found, expected)


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2", "gpt_oss", "gpt_neox", "deepseek_v3", "phi3", "mpt"])
def test_mean_equals_means_over_the_reference_texts_in_stock(family):
    pair, model = pair_of(family)
    texts = reference_texts(model._vocabulary, model.card().context)
    assert texts.shape == (4, 64)
    assert not {0, 1, 2} & set(texts.ravel().tolist())
    means = mean_outputs(pair.stock, texts)
    expected = stock_logits(pair.stock, IDS, {head: means[head] for head in OFF})
    moment = moment_of(model, IDS).without(OFF, by="mean")
    for asked in (moment, stepped(model, moment)):
        model._shelf.clear()
        assert (logits_of(model, asked) - expected).abs().max() < BOUND * expected.abs().max()
    zero = stock_logits(pair.stock, IDS, dict.fromkeys(OFF, 0.0))
    assert (expected - zero).abs().max() > 0.01 * zero.abs().max()


def test_every_question_follows_the_interventions(llama_pair):
    pair, model = llama_pair
    moment = moment_of(model, IDS).without(OFF)
    expected = stock_logits(pair.stock, IDS, dict.fromkeys(OFF, 0.0)).softmax(-1).numpy()
    raw = model.distribution(moment, top=None)
    assert np.abs(raw.raw[np.argsort(raw.ids)] - expected[-1]).max() < BOUND
    assert np.array_equal(model.lens(moment).ids[-1], expected.argmax(1))
    table = model.tokens(moment)
    assert table.surprisal[7] == pytest.approx(-np.log(expected[6, IDS[7]]), abs=1e-4)
    assert model.choice(moment) == expected[-1].argmax()
    played = list(model.play(moment, 3))
    assert all(at.interventions == moment.interventions for at in played)
    assert played[0].ids[-1] == expected[-1].argmax()
    whole = moment.restored()
    assert not np.allclose(model.attention(moment, 2, 1).weights, model.attention(whole, 2, 1).weights, atol=1e-2)
    assert np.array_equal(model.attention(moment, 0, 1).weights, model.attention(whole, 0, 1).weights)
    assert not np.allclose(model.hidden(moment, 3), model.hidden(whole, 3), atol=1e-2)
    assert model.heads(moment).ablated.sum() == 4


def test_nothing_depends_on_later_tokens(llama):
    moment = moment_of(llama, IDS).without(OFF, by="mean")
    llama._shelf.clear()
    early = logits_of(llama, moment.cut(9))
    llama._shelf.clear()
    assert (logits_of(llama, moment)[:9] - early).abs().max() < BOUND * early.abs().max()


def test_recordings_of_other_interventions_are_never_taken(llama):
    llama._shelf.clear()
    moment = moment_of(llama, IDS)
    others = [moment.without(OFF), moment, moment.without(OFF, by="mean"), moment.without(OFF[:1])]
    first = [logits_of(llama, other) for other in others]
    again = [logits_of(llama, other) for other in reversed(others)][::-1]
    assert len(llama._shelf) == 4
    for one, other in zip(first, again, strict=True):
        assert (one - other).abs().max() < BOUND * one.abs().max()
    for index in range(1, 4):
        assert (first[index] - first[0]).abs().max() > 0.01


def test_a_link_reopens_ablated(llama):
    moment = moment_of(llama, IDS).without(OFF, by="mean").without([(0, 1)])
    again = Moment.from_text(moment.to_text())
    assert again == moment
    assert again.interventions[0] == Ablate(0, 1, "zero")
    assert torch.equal(logits_of(llama, again), logits_of(llama, moment))


def test_without_and_restored():
    moment = Moment("m", "", "f", (1, 2), 2)
    off = moment.without([(2, 1), (0, 3)]).without([(2, 1), (1, 1)], by="mean")
    assert off.interventions == (Ablate(0, 3, "zero"), Ablate(1, 1, "mean"), Ablate(2, 1, "mean"))
    assert off.restored([(2, 1), (9, 9)]).interventions == (Ablate(0, 3, "zero"), Ablate(1, 1, "mean"))
    assert off.restored() == moment
    assert off.cut(1).grown(5).interventions == off.interventions
    assert replace(moment, interventions=off.interventions[::-1]) == off
    assert hash(off) == hash(moment.without([(1, 1), (2, 1)], by="mean").without([(0, 3)]))
    text = moment.to_text()
    assert Moment.from_text(text).interventions == ()


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.sampled_from(["zero", "mean"])), max_size=30))
def test_any_interventions_survive_a_link(heads):
    moment = Moment("m", "", "f", (1, 2), 2)
    for layer, head, by in heads:
        moment = moment.without([(layer, head)], by=by)
    assert Moment.from_text(moment.to_text()) == moment


@pytest.mark.parametrize("wrong", [(-1, 0), (0, -1), (True, 0), (0.5, 0), ("0", 0), (0, None)])
def test_heads_that_are_no_indices_are_refused(wrong):
    with pytest.raises(BadMoment, match="whole numbers"):
        Moment("m", "", "f", (1,), 1).without([wrong])


def test_other_wrong_interventions_are_refused(llama):
    moment = moment_of(llama, IDS)
    with pytest.raises(BadMoment, match="'zero' or by 'mean'"):
        moment.without([(0, 0)], by="half")
    with pytest.raises(BadMoment, match="twice"):
        replace(moment, interventions=(Ablate(0, 1), Ablate(0, 1, "mean")))
    with pytest.raises(BadMoment, match="tuple"):
        replace(moment, interventions=[Ablate(0, 1)])
    for head, what in (((3, 0), "Layer 3"), ((0, 4), "Head 4")):
        with pytest.raises(OutOfRange, match=what):
            llama.tokens(moment.without([head]))


def test_where_heads_are_mixed_before_the_projection_ablation_is_off():
    model = Model(build("bitnet", {}).model, byte_level())
    failed = [proof for proof in model.card().proofs if not proof.passed]
    assert [proof.feature for proof in failed] == ["ablation"]
    moment = moment_of(model, IDS)
    assert model.heads(moment).label.shape == (3, 4)
    for question in (model.tokens, model.heads, model.choice):
        with pytest.raises(FeatureUnavailable, match="mixes the heads"):
            question(moment.without([(0, 0)]))
    with pytest.raises(FeatureUnavailable, match="mixes the heads"):
        next(model.scan(moment))


def test_without_attention_there_is_no_ablation():
    _, model = pair_of("openai-gpt")
    with pytest.raises(FeatureUnavailable, match="can be followed"):
        model.tokens(moment_of(model, IDS).without([(0, 0)]))


@pytest.mark.parametrize(
    ("family", "by"),
    [
        ("llama", "zero"),
        ("llama", "mean"),
        ("gpt_oss", "zero"),
        ("gpt2", "zero"),
        ("bloom", "zero"),
        ("falcon", "zero"),
    ],
)
def test_a_scan_equals_one_run_a_head(family, by):
    pair, model = pair_of(family)
    moment = moment_of(model, IDS)
    target = 77
    means = mean_outputs(pair.stock, reference_texts(model._vocabulary, 64))
    before = stock_logits(pair.stock, IDS, {})[-1].log_softmax(-1)[target].item()
    scans = list(model.scan(moment, target, by))
    assert [scan.done for scan in scans] == sorted({scan.done for scan in scans})
    assert np.isnan(scans[0].change).any() == (scans[0].done < 12)
    last = scans[-1]
    assert (last.done, last.total, last.target, last.by) == (12, 12, target, by)
    assert last.probability == pytest.approx(np.exp(before), abs=1e-5)
    for layer in range(3):
        for head in range(4):
            value = means[layer, head] if by == "mean" else 0.0
            after = stock_logits(pair.stock, IDS, {(layer, head): value})[-1].log_softmax(-1)[target].item()
            assert last.change[layer, head] == pytest.approx(np.exp(after) - np.exp(before), abs=1e-5)
            assert last.log_change[layer, head] == pytest.approx(after - before, abs=1e-4)


def test_a_scan_can_be_cancelled_and_goes_on_from_what_is_off(llama, monkeypatch):
    monkeypatch.setattr("model_runtime.engine.TOKENS_AT_ONCE", {"cpu": 60})
    moment = moment_of(llama, IDS).without([(1, 2)])
    scan = llama.scan(moment)
    first = next(scan)
    assert (first.done, first.total) == (3, 12)
    assert first.target == llama.distribution(moment, top=1).ids[0]
    scan.close()
    *_, last = llama.scan(moment)
    assert last.change[1, 2] == 0
    assert not np.isnan(last.change).any()
    both = llama.distribution(moment.without([(0, 3)]), top=None)
    probability = both.raw[both.ids == last.target][0]
    assert last.change[0, 3] == pytest.approx(probability - last.probability, abs=1e-5)
    with pytest.raises(OutOfRange):
        llama.scan(moment, by="half")
    with pytest.raises(OutOfRange):
        llama.scan(moment, target=10**6)


def test_a_scan_of_a_long_text_runs_in_parts(llama, monkeypatch):
    moment = moment_of(llama, IDS)
    *_, whole = llama.scan(moment, 5)
    monkeypatch.setattr("model_runtime.engine.LOGITS_AT_ONCE", VOCABULARY * 21 * 7)
    *_, parts = llama.scan(moment, 5)
    assert np.abs(whole.change - parts.change).max() < 1e-5
