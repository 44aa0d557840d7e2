"""Attributions against finite differences, stock autograd and stock runs on shortened texts."""

from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch

from model_runtime import FeatureUnavailable, InputError, OutOfRange, UnequalTexts
from model_runtime.model import Model
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import ALL, pair_of
from tests.runtime.families import FAMILIES, HYBRID, VOCABULARY, build
from tests.runtime.test_steering import STEERS, steered, steered_stock
from tests.runtime.tokenizers_for_tests import byte_level, sentencepiece

IDS = some_ids(14, VOCABULARY, seed=26)
TARGET, OTHER = 77, 200
AT = 10  # a position that is not the newest


@cache
def double_of(family):
    """A family in float64: stock eager, and a model of ours."""
    pair = build(family, ALL[family])
    return pair.stock.double(), Model(pair.model.double(), byte_level(), name=family)


def embedded(stock, ids):
    with torch.no_grad():
        return stock.get_input_embeddings()(torch.tensor([ids]))


def logits_at(stock, ids, points):
    """[vocabulary] after the last token, with points [1, token, width] put where the embeddings come out."""
    hook = stock.get_input_embeddings().register_forward_hook(lambda module, args, output: points)
    try:
        return stock(torch.tensor([ids]), use_cache=False).logits[0, -1]
    finally:
        hook.remove()


def stock_logits(stock, ids):
    with torch.no_grad():
        return stock(torch.tensor([ids]), use_cache=False).logits[0, -1].double()


def last(answers):
    *_, answer = answers
    return answer


@pytest.mark.parametrize("family", [*FAMILIES, *HYBRID])
def test_gradient_times_input_equals_stock_autograd(family):
    pair, model = pair_of(family)
    stock, ids = pair.stock, IDS[: AT + 1]
    points = embedded(stock, ids).requires_grad_()
    number = logits_at(stock, ids, points)[TARGET]
    (slope,) = torch.autograd.grad(number, points)
    expected = (slope * points).sum(-1)[0].detach().numpy()
    # Where embeddings are normed at once their length does not matter: every score is 0 and has no scale of its own.
    scale = (slope * points).abs().sum(-1).max().item()
    answer = last(model.attribution(moment_of(model, IDS), "gradient", AT, TARGET))
    assert np.abs(answer.score - expected).max() < 1e-4 * scale
    assert answer.value == pytest.approx(number.item(), abs=1e-4)
    zero = logits_at(stock, ids, torch.zeros_like(points))[TARGET].item()
    assert answer.baseline_value == pytest.approx(zero, abs=1e-4)
    assert answer.total == pytest.approx(expected.sum(), rel=1e-4, abs=1e-4)
    assert answer.error == pytest.approx(answer.total - (answer.value - answer.baseline_value))
    assert (answer.method, answer.steps, answer.done, answer.runs) == ("gradient", 1, 2, 2)
    assert (answer.question.position, answer.question.target) == (AT, TARGET)


# Most families compute their norms or their softmax in float32 whatever the model does, so that much is lost in a small
# difference; GPT-2 does not.
@pytest.mark.parametrize(
    ("family", "step", "bound"),
    [
        ("gpt2", 1e-5, 1e-6),
        *(
            (family, 1e-2, 1e-3)
            for family in ("llama", "gemma2", "cohere", "granite", "phi3", "olmo2", "gpt_neox", "falcon")
        ),
    ],
)
def test_gradients_equal_central_differences(family, step, bound):
    """Grows each embedding a little along itself, in float64."""
    stock, model = double_of(family)
    points = embedded(stock, IDS)
    expected = []
    for index in range(len(IDS)):
        ends = []
        for sign in (1, -1):
            moved = points.clone()
            moved[0, index] *= 1 + sign * step
            with torch.no_grad():
                ends.append(logits_at(stock, IDS, moved))
        expected.append(float(ends[0][TARGET] - ends[0][OTHER] - ends[1][TARGET] + ends[1][OTHER]) / (2 * step))
    answer = last(model.attribution(moment_of(model, IDS), "gradient", target=(TARGET, OTHER)))
    assert np.abs(answer.score - expected).max() < bound * np.abs(expected).max()


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma", "cohere", "gpt_neox"])
def test_integrated_gradients_equal_a_plain_sum_on_stock(family):
    """The integral by many midpoints, one stock pass each, from the mean row of the embedding."""
    stock, model = double_of(family)
    with torch.no_grad():
        start = stock.get_input_embeddings()(torch.arange(VOCABULARY)).mean(0)
    text = embedded(stock, IDS)
    start = start.expand_as(text)
    expected = torch.zeros(len(IDS), dtype=torch.float64)
    count = 400
    for index in range(count):
        points = (start + (index + 0.5) / count * (text - start)).requires_grad_()
        logits_at(stock, IDS, points)[TARGET].backward()
        expected += (points.grad * (text - start)).sum(-1)[0] / count
    answer = last(model.attribution(moment_of(model, IDS), "integrated", target=TARGET, steps=128))
    scale = expected.abs().max().item()
    assert np.abs(answer.score - expected.numpy()).max() < 5e-3 * scale
    with torch.no_grad():
        ends = [logits_at(stock, IDS, points)[TARGET].item() for points in (text, start)]
    assert (answer.value, answer.baseline_value) == pytest.approx(ends, abs=1e-4)
    assert answer.baseline == "the vocabulary's mean embedding"


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen2", "gemma2", "cohere", "phi", "bloom"])
def test_integrated_gradients_are_complete_with_enough_steps(family):
    """The scores sum to the difference of the two ends: an equation that no choice of ours makes true."""
    model = smooth(family)
    moment = moment_of(model, IDS)
    errors, span = [], 0.0
    for steps in (2, 8, 64):
        answer = last(model.attribution(moment, "integrated", target=TARGET, steps=steps))
        span = abs(answer.value - answer.baseline_value)
        errors.append(abs(answer.error))
        assert answer.total == pytest.approx(float(answer.score.astype(np.float64).sum()), abs=1e-5)
        assert (answer.steps, answer.done, answer.runs) == (steps, steps + 2, steps + 2)
    assert span > 1e-3
    assert errors[2] < 1e-3 * span
    assert errors[2] <= errors[0]


@cache
def smooth(family):
    """A tiny model with the weights that transformers draws: small, so that the way from the baseline is smooth."""
    torch.manual_seed(3)
    from transformers import AutoModelForCausalLM

    from tests.runtime.families import config_of

    return Model(
        AutoModelForCausalLM.from_config(deepcopy(config_of(family, ALL[family]))).eval().double(), byte_level()
    )


@pytest.mark.parametrize("family", ["llama", "gpt2", "mistral", "gemma2", "gpt_neox", "falcon", "lfm2", "openai-gpt"])
def test_leaving_one_out_equals_stock_on_the_shortened_text(family):
    pair, model = pair_of(family)
    ids = IDS[: AT + 1]
    answer = last(model.attribution(moment_of(model, IDS), "leave-one-out", AT, (TARGET, OTHER)))

    def number(text):
        logits = stock_logits(pair.stock, text)
        return float(logits[TARGET] - logits[OTHER])

    whole = number(ids)
    expected = [whole - number(ids[:index] + ids[index + 1 :]) for index in range(AT)]
    assert np.abs(answer.score[:-1] - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.isnan(answer.score[-1])
    assert answer.value == pytest.approx(whole, abs=1e-4)
    assert answer.baseline_value == pytest.approx(number(ids[-1:]), abs=1e-4)
    assert answer.total == pytest.approx(np.sum(expected), abs=1e-3)
    assert (answer.baseline, answer.done, answer.runs) == ("only the last token", AT + 2, AT + 2)


@pytest.mark.parametrize("method", ["gradient", "integrated", "leave-one-out"])
def test_later_tokens_change_nothing(llama, method):
    moment = moment_of(llama, IDS)
    early = last(llama.attribution(moment, method, AT, TARGET))
    cut = last(llama.attribution(moment.cut(AT + 1), method, -1, TARGET))
    assert np.array_equal(early.score, cut.score, equal_nan=True)
    assert len(early.score) == AT + 1


@pytest.mark.parametrize("method", ["gradient", "integrated", "leave-one-out"])
def test_the_value_is_what_the_distribution_shows(method):
    """Softcap and scale included: differences of logits are differences of log probabilities."""
    for family in ("gemma2", "cohere", "granite"):
        _, model = pair_of(family)
        moment = moment_of(model, IDS)
        shown = model.distribution(moment, AT, top=None)
        log = dict(zip(shown.ids.tolist(), np.log(shown.raw.astype(np.float64)), strict=True))
        answer = last(model.attribution(moment, method, AT, (TARGET, OTHER)))
        assert answer.value == pytest.approx(log[TARGET] - log[OTHER], abs=2e-3)
        assert last(model.attribution(moment, method, AT)).question.target == shown.ids[0]


def test_centred_scores_are_the_mean_over_all_comparisons():
    stock, model = double_of("llama")
    points = embedded(stock, IDS).requires_grad_()
    logits = logits_at(stock, IDS, points)
    (logits[TARGET] - logits.mean()).backward()
    expected = (points.grad * points).sum(-1)[0].detach().numpy()
    answer = last(model.attribution(moment_of(model, IDS), target=TARGET, centred=True))
    assert np.abs(answer.score - expected).max() < 1e-5 * np.abs(expected).max()
    assert answer.value == pytest.approx(float((logits[TARGET] - logits.mean()).detach()), abs=1e-4)


def test_gradients_go_through_switched_off_heads_and_steering():
    """By central differences of our own stock reference with hooks, along each embedding."""
    pair, model = pair_of("llama")
    moment = steered(model, IDS).without([(0, 1), (2, 3)])
    answer = last(model.attribution(moment, "gradient", target=TARGET))
    points, step, expected = embedded(pair.stock, IDS), 1e-2, []
    for index in range(len(IDS)):
        ends = []
        for sign in (1, -1):
            moved = points.clone()
            moved[0, index] *= 1 + sign * step
            hook = pair.stock.get_input_embeddings().register_forward_hook(
                lambda module, args, output, moved=moved: moved if output.shape == moved.shape else None
            )
            ends.append(float(steered_stock(pair.stock, IDS, STEERS, [(0, 1), (2, 3)])[-1, TARGET]))
            hook.remove()
        expected.append((ends[0] - ends[1]) / (2 * step))
    assert np.abs(answer.score - expected).max() < 2e-2 * np.abs(expected).max()
    assert answer.value == pytest.approx(
        float(steered_stock(pair.stock, IDS, STEERS, [(0, 1), (2, 3)])[-1, TARGET]), abs=1e-3
    )
    mean = last(model.attribution(moment_of(model, IDS).without([(1, 1)], by="mean"), target=TARGET))
    assert np.isfinite(mean.score).all()


def test_progress_comes_in_parts_and_can_be_cancelled(llama, monkeypatch):
    monkeypatch.setattr("model_runtime.engine.TOKENS_AT_ONCE", {"cpu": 3 * len(IDS)})
    moment = moment_of(llama, IDS)
    for method, runs in (("integrated", 12), ("leave-one-out", 15)):
        answers = list(llama.attribution(moment, method, target=TARGET, steps=10))
        assert [answer.done for answer in answers] == sorted({answer.done for answer in answers})
        assert (len(answers) > 3, answers[-1].done, answers[-1].runs) == (True, runs, runs)
        assert np.isnan(answers[0].score).any()
        part = llama.attribution(moment, method, target=TARGET)
        next(part)
        part.close()
        assert llama._engine.recorder.tape is None
    first = answers[0].score
    known = np.isfinite(first)
    assert np.array_equal(first[known], answers[-1].score[known])
    assert answers[0].total == pytest.approx(first[known].sum(), abs=1e-4)


def test_gradients_leave_nothing_behind(llama):
    moment = moment_of(llama, IDS)
    before = llama.distribution(moment).raw
    last(llama.attribution(moment, "integrated"))
    llama._shelf.clear()
    assert np.array_equal(llama.distribution(moment).raw, before)
    assert all(parameter.grad is None for parameter in llama._engine.model.parameters())
    assert not llama._recording(moment).newest.requires_grad
    embedding = llama._engine.model.get_input_embeddings()
    assert not embedding._forward_hooks


def test_the_first_token_alone(llama):
    moment = moment_of(llama, IDS)
    answer = last(llama.attribution(moment, "leave-one-out", 0))
    assert np.isnan(answer.score).all()
    assert answer.value == answer.baseline_value
    assert len(last(llama.attribution(moment, "gradient", 0)).score) == 1


def test_what_cannot_be_asked_is_refused(llama):
    moment = moment_of(llama, IDS)
    for asked in (
        {"method": "guess"},
        {"position": 14},
        {"target": VOCABULARY},
        {"target": (3, VOCABULARY)},
        {"steps": 0},
        {"steps": 513},
    ):
        with pytest.raises(OutOfRange):
            llama.attribution(moment, **asked)
    with pytest.raises(InputError, match="mean"):
        llama.attribution(moment, target=(3, 4), centred=True)


def test_where_no_gradient_can_be_taken_it_says_so(llama, monkeypatch):
    def twice(*args, **kwargs):
        raise NotImplementedError("no backward here")

    monkeypatch.setattr(torch.autograd, "grad", twice)
    for method in ("gradient", "integrated"):
        with pytest.raises(FeatureUnavailable, match=r"no backward here.*leave-one-out"):
            last(llama.attribution(moment_of(llama, IDS), method))
    assert np.isfinite(last(llama.attribution(moment_of(llama, IDS), "leave-one-out")).total)


@pytest.mark.parametrize("tokenizer", [byte_level, sentencepiece])
@pytest.mark.parametrize("text", ["the cat", " the  cat\n", "<s>the cat</s> at", "", "Zürich 東京 🗼"])
def test_a_prompt_written_out_becomes_the_same_tokens(tokenizer, text):
    model = Model(build("llama", {}).model, tokenizer())
    moment = model.begin(text)
    written = model.prompt_text(moment)
    assert written.startswith("<s>")
    assert model.rewritten(moment, written) == moment
    longer = model.step(model.step(moment, take=9), take=10)
    assert model.prompt_text(longer) == written
    assert model.rewritten(longer, written) == longer


def test_another_prompt_keeps_what_follows(llama):
    moment = llama.begin("the cat")
    longer = llama.step(moment.without([(0, 1)]), take=9)
    other = llama.rewritten(longer, "<s>the cre")
    assert other.ids == (*llama.begin("the cre").ids, 9)
    assert (other.prompt_length, other.interventions) == (longer.prompt_length, longer.interventions)
    with pytest.raises(UnequalTexts, match=rf"has {len(moment.ids)} tokens and the new one {len(moment.ids) + 1}"):
        llama.rewritten(longer, "<s>the cats")
