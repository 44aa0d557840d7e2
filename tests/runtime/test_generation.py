"""The ids that steps take, against transformers' own `generate` and an independent sampler."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_runtime import ContextFull, Decoding, OutOfRange, TextEnded
from model_runtime.decoding import uniform
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import CONTEXT, FAMILIES, HYBRID, VOCABULARY

PROMPT = some_ids(9, VOCABULARY, seed=5)
STEPS = 20
SETTINGS = [
    Decoding(temperature=0.8, seed=1),
    Decoding(temperature=1.0, top_k=7, seed=2),
    Decoding(temperature=1.5, top_p=0.8, seed=3),
    Decoding(temperature=1.2, min_p=0.1, seed=4),
    Decoding(temperature=0.9, top_k=40, top_p=0.9, min_p=0.02, repetition_penalty=1.3, seed=5),
]


def generated(stock, ids, steps, **options):
    given = torch.tensor([ids])
    output = stock.generate(
        given,
        attention_mask=torch.ones_like(given),
        max_new_tokens=steps,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    return output.sequences[0].tolist(), [scores[0] for scores in output.scores]


def played(model, ids, steps, decoding):
    moment = replace(moment_of(model, ids), decoding=decoding)
    return [moment, *model.play(moment, steps)][-1]


@pytest.mark.parametrize("family", [*FAMILIES, *HYBRID])
def test_greedy_equals_generate(family):
    pair, model = pair_of(family)
    expected, _ = generated(pair.stock, PROMPT, STEPS, do_sample=False)
    assert list(played(model, PROMPT, STEPS, Decoding()).ids) == expected


@pytest.mark.parametrize("penalty", [0.7, 1.5])
def test_greedy_with_a_repetition_penalty_equals_generate(penalty):
    pair, model = pair_of("llama")
    expected, _ = generated(pair.stock, PROMPT, STEPS, do_sample=False, repetition_penalty=penalty)
    assert list(played(model, PROMPT, STEPS, Decoding(repetition_penalty=penalty)).ids) == expected


def independent_final(logits, ids, decoding):
    """The filters once more, in plain float64 NumPy."""
    scores = logits.astype(np.float64).copy()
    for token in set(ids):
        factor = decoding.repetition_penalty
        scores[token] = scores[token] / factor if scores[token] > 0 else scores[token] * factor
    scores = scores / (decoding.temperature or 1)
    allowed = np.ones(len(scores), bool)

    def shares():
        weights = np.where(allowed, np.exp(scores - scores[allowed].max()), 0)
        return weights / weights.sum()

    if decoding.top_k:
        allowed &= scores >= np.sort(scores)[-min(decoding.top_k, len(scores))]
    if decoding.top_p < 1:
        order = np.argsort(-shares(), kind="stable")
        before = np.cumsum(shares()[order]) - shares()[order]
        allowed[order[before >= decoding.top_p]] = False
    if decoding.min_p:
        allowed &= shares() >= decoding.min_p * shares().max()
    return shares()


@pytest.mark.parametrize("decoding", SETTINGS)
def test_sampling_equals_an_independent_sampler(decoding):
    pair, model = pair_of("llama")
    ids = list(PROMPT)
    for _ in range(STEPS):
        with torch.no_grad():
            logits = pair.stock(torch.tensor([ids])).logits[0, -1].numpy()
        final = independent_final(logits, ids, decoding)
        draw = uniform(decoding.seed, len(ids))
        total, token = 0.0, -1
        while total <= draw and token + 1 < len(final):
            token += 1
            total += final[token]
        ids.append(token)
        if token == 2:
            break
    assert list(played(model, PROMPT, STEPS, decoding).ids) == ids


@pytest.mark.parametrize("decoding", SETTINGS)
def test_final_probabilities_equal_those_of_generate(decoding):
    """`generate` hands out its scores after all processors; its own draws are replayed here as forced tokens."""
    pair, model = pair_of("qwen3")
    torch.manual_seed(0)
    ids, scores = generated(
        pair.stock,
        PROMPT,
        8,
        do_sample=True,
        temperature=decoding.temperature,
        top_k=decoding.top_k,
        top_p=decoding.top_p,
        min_p=decoding.min_p or None,
        repetition_penalty=decoding.repetition_penalty,
    )
    moment = replace(moment_of(model, tuple(ids), len(PROMPT)), decoding=decoding)
    for offset, row in enumerate(scores):
        shown = model.distribution(moment, len(PROMPT) - 1 + offset, top=None)
        final = shown.final[np.argsort(shown.ids)]
        assert np.abs(final - row.softmax(-1).numpy()).max() < 1e-5
        assert np.array_equal(final > 0, row.softmax(-1).numpy() > 0)


def test_draws_are_uniform_and_unrelated():
    draws = np.array([[uniform(seed, index) for index in range(200)] for seed in range(10)])
    assert draws.min() >= 0
    assert draws.max() < 1
    counts, _ = np.histogram(draws, bins=10, range=(0, 1))
    assert np.abs(counts - 200).max() < 60  # about four and a half standard deviations
    assert np.abs(np.corrcoef(draws)[~np.eye(10, dtype=bool)]).max() < 0.35


def test_the_same_moment_takes_the_same_step(llama):
    decoding = Decoding(temperature=1.3, seed=11)
    first = played(llama, PROMPT, STEPS, decoding)
    halfway = first.cut(len(PROMPT) + 6)
    assert llama.step(halfway).ids == first.ids[: len(halfway.ids) + 1]
    assert played(llama, PROMPT, STEPS, decoding) == first
    assert played(llama, PROMPT, STEPS, replace(decoding, seed=12)) != first


def test_an_end_token_ends(llama):
    moment = llama.step(moment_of(llama, PROMPT), take=2)
    assert llama.ended(moment) == "end token"
    assert list(llama.play(moment, 5)) == []
    for take in (None, 7):
        with pytest.raises(TextEnded, match="end token"):
            llama.step(moment, take=take)
    with pytest.raises(TextEnded):
        llama.append(moment, "the cat")
    assert llama.ended(llama.back(moment)) is None


def test_a_prompt_may_close_with_an_end_token(llama):
    assert llama.ended(moment_of(llama, (*PROMPT, 2))) is None


def test_a_stop_text_ends_and_the_prompt_does_not_count(llama):
    decoding = Decoding(stop=("the", "zzz"))
    moment = llama.begin("see the", decoding=decoding)
    assert llama.ended(moment) is None
    moment = llama.append(moment, " t")
    assert llama.ended(moment) is None
    moment = llama.append(moment, "he cat")
    assert llama.ended(moment) == "stop text"
    with pytest.raises(TextEnded, match="stop text"):
        llama.step(moment)


def test_the_context_is_filled_to_the_last_position(llama):
    moment = moment_of(llama, some_ids(CONTEXT - 2, VOCABULARY))
    steps = list(llama.play(moment, 10))
    assert len(steps) <= 2
    full = moment_of(llama, some_ids(CONTEXT, VOCABULARY))
    assert llama.ended(full) == "context full"
    assert llama.tokens(full).ids.shape == (CONTEXT,)
    with pytest.raises(ContextFull, match="64"):
        llama.step(full)
    with pytest.raises(ContextFull, match="70 tokens"):
        llama.tokens(moment_of(llama, some_ids(70, VOCABULARY)))
    with pytest.raises(ContextFull):
        llama.begin("a" * 200)


@pytest.mark.parametrize("token", [-1, VOCABULARY])
def test_a_token_that_does_not_exist_is_refused(llama, token):
    with pytest.raises(OutOfRange, match="ids 0 to 319"):
        llama.step(moment_of(llama, PROMPT), take=token)
