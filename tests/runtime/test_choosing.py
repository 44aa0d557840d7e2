"""Filters one by one and many draws, against stock processors and NumPy, and beam search against stock `generate`."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from model_runtime import BadDecoding, ContextFull, Decoding, OutOfRange, Steer, TextEnded, load_model
from model_runtime.choosing import mean_deviation
from model_runtime.model import Model
from tests.runtime.comparison import BOUND, moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import CONTEXT, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

FOLDER = Path(__file__).resolve().parents[2] / "builtin_model"
FAMILIES = ["phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3"]
IDS = some_ids(12, VOCABULARY, seed=21)
SHARPER = 0.2  # tiny random models are sure of too little; their distributions are sharpened by temperatures below
MIXED = Decoding(temperature=0.7, top_k=40, top_p=0.8, min_p=0.05, repetition_penalty=1.3, seed=7)
SETTINGS = [
    Decoding(),
    MIXED,
    Decoding(top_p=0.5),
    Decoding(temperature=1.0, top_p=0.9),
    Decoding(temperature=2.0, top_k=5),
    Decoding(temperature=SHARPER, min_p=0.2),
]


def stock_logits(stock, ids):
    with torch.no_grad():
        return stock(torch.tensor([ids])).logits[0, -1].float()


def stock_chain(decoding):
    """(setting, processor) in the order in which `generate` builds its list."""
    chain = [
        ("repetition_penalty", 1.0, RepetitionPenaltyLogitsProcessor),
        ("temperature", 1.0, TemperatureLogitsWarper),
        ("top_k", 0, TopKLogitsWarper),
        ("top_p", 1.0, TopPLogitsWarper),
        ("min_p", 0.0, MinPLogitsWarper),
    ]
    values = [(name, getattr(decoding, name), off, make) for name, off, make in chain]
    return [(name, make(value)) for name, value, off, make in values if value not in (off, 0)]


def entropy(probability):
    positive = probability[probability > 0].astype(np.float64)
    return -(positive * np.log(positive)).sum()


@pytest.mark.parametrize("decoding", SETTINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_step_of_a_choice(family, decoding):
    pair, model = pair_of(family)
    found = model.choice_steps(moment_of(model, IDS), -1, decoding, top=5)
    chain = stock_chain(decoding)
    assert [step.name for step in found.steps] == ["", *(name for name, _ in chain)]
    assert [step.setting for step in found.steps[1:]] == [getattr(decoding, name) for name, _ in chain]
    scores, context = stock_logits(pair.stock, IDS)[None], torch.tensor([IDS])
    before = alive = None
    for count, step in enumerate(found.steps):
        processors = LogitsProcessorList([processor for _, processor in chain[:count]])
        after = processors(context, scores.clone())[0]
        probability, kept = after.softmax(-1).numpy(), torch.isfinite(after).numpy()
        order = np.argsort(-probability, kind="stable")[: min(5, kept.sum())]
        assert step.kept == kept.sum()
        assert step.removed == (0 if alive is None else (alive & ~kept).sum())
        gone = 0.0 if alive is None else before[alive & ~kept].sum(dtype=np.float64)
        assert abs(step.removed_share - gone) < 1e-5
        assert abs(step.entropy - entropy(probability)) < 1e-4
        assert step.ids.tolist() == order.tolist()
        assert np.abs(step.probability - probability[order]).max() < BOUND
        before, alive = probability, kept
    assert found.greedy == before.argmax()
    assert abs(found.greedy_share - before.max()) < 1e-5
    moment = replace(moment_of(model, IDS), decoding=decoding)
    assert found.choice == model.step(moment).ids[-1]
    assert model.choice_steps(moment).choice == found.choice


@pytest.mark.parametrize("decoding", SETTINGS)
def test_the_nucleus_is_where_the_sum_reaches_top_p(decoding, llama):
    found = llama.choice_steps(moment_of(llama, IDS), 8, decoding)
    scores = stock_logits(pair_of("llama")[0].stock, IDS[:9])[None]
    for name, processor in stock_chain(decoding):
        if name in ("repetition_penalty", "temperature", "top_k"):
            scores = processor(torch.tensor([IDS[:9]]), scores)
    probability = scores[0].softmax(-1).double().numpy()
    assert found.position == 8
    assert found.order.tolist() == np.argsort(-probability, kind="stable")[: len(found.order)].tolist()
    assert np.abs(found.cumulative - np.sort(probability)[::-1].cumsum()[: len(found.order)]).max() < 1e-5
    if decoding.top_p == 1:
        assert found.nucleus == len(found.order)
    else:
        assert found.nucleus == np.searchsorted(found.cumulative, decoding.top_p) + 1


def binomial(count, chance):
    """[hits] the exact chance of each number of hits."""
    return np.array(
        [math.comb(count, hits) * chance**hits * (1 - chance) ** (count - hits) for hits in range(count + 1)]
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.integers(1, 60))
def test_the_mean_deviation_of_hits(chances, count):
    expected = [abs(np.arange(count + 1) - count * chance) @ binomial(count, chance) for chance in chances]
    assert np.allclose(mean_deviation(np.array(chances), count), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("decoding", [Decoding(temperature=1.0, seed=3), MIXED])
@pytest.mark.parametrize("family", FAMILIES)
def test_frequencies_lie_within_exact_binomial_bounds(family, decoding):
    pair, model = pair_of(family)
    count = 1_000
    found = model.draws(moment_of(model, IDS), -1, decoding, count, top=VOCABULARY)
    processors = LogitsProcessorList([processor for _, processor in stock_chain(decoding)])
    logits = processors(torch.tensor([IDS]), stock_logits(pair.stock, IDS)[None])[0]
    exact = torch.distributions.Categorical(logits=logits).probs.double().numpy()
    assert np.abs(found.probability - exact[found.ids]).max() < 1e-5
    assert found.taken.shape == (count,)
    assert np.array_equal(np.bincount(found.taken, minlength=VOCABULARY)[found.ids], found.drawn)
    possible = found.probability > 0
    law = torch.distributions.Binomial(count, torch.from_numpy(found.probability[possible]).double()[:, None])
    chances = law.log_prob(torch.arange(count + 1).double()).exp()  # [token, hits]
    for tail, hits in zip(chances, found.drawn[possible], strict=True):
        assert min(tail[: hits + 1].sum(), tail[hits:].sum()) > 1e-6
    assert not found.drawn[~possible].any()
    assert found.seen == len(set(found.taken.tolist()))
    assert found.possible == (exact > 0).sum()
    assert abs(found.distance - np.abs(found.drawn / count - found.probability).sum() / 2) < 1e-9
    assert found.other_drawn == 0
    assert found.other_probability < 1e-12


@pytest.mark.parametrize("decoding", [Decoding(temperature=1.0, top_k=30), Decoding(temperature=2.0, top_k=3)])
def test_the_distance_that_chance_gives_is_that_of_many_seeds(decoding, llama):
    moment = moment_of(llama, IDS)
    many = [llama.draws(moment, -1, decoding, 100, seed) for seed in range(400)]
    assert len({one.chance_distance for one in many}) == 1
    found = np.array([one.distance for one in many])
    assert abs(found.mean() - many[0].chance_distance) < 4 * found.std() / 20
    assert 0.8 < found.std() / many[0].chance_spread < 1.2


def test_draws_follow_the_rule_of_a_step(llama):
    moment = replace(moment_of(llama, IDS), decoding=MIXED)
    found = llama.draws(moment, count=100, top=3)
    assert found.taken[0] == llama.step(moment).ids[-1]
    assert found.seed == MIXED.seed
    again = llama.draws(moment, count=100, top=3)
    assert np.array_equal(again.taken, found.taken)
    assert np.array_equal(llama.draws(moment, count=40).taken, found.taken[:40])
    assert not np.array_equal(llama.draws(moment, count=100, seed=8).taken, found.taken)
    assert found.ids.shape == (3,)
    assert found.other_drawn == 100 - found.drawn.sum()
    assert abs(found.other_probability - (1 - found.probability.sum())) < 1e-12


def test_greedy_draws_are_all_the_same(llama):
    found = llama.draws(moment_of(llama, IDS), count=50)
    assert set(found.taken.tolist()) == {llama.choice(moment_of(llama, IDS))}
    assert found.probability[0] == 1
    assert (found.possible, found.seen, found.distance, found.chance_distance) == (1, 1, 0, pytest.approx(0, abs=1e-9))


def stock_beams(stock, ids, width, steps, end_ids, length_penalty=1.0):
    """[(tokens, score)] of transformers' own search."""
    output = stock.generate(
        torch.tensor([ids]),
        num_beams=width,
        num_return_sequences=width,
        max_new_tokens=steps,
        do_sample=False,
        length_penalty=length_penalty,
        early_stopping=False,
        eos_token_id=list(end_ids) or None,
        pad_token_id=0,
        output_scores=True,
        return_dict_in_generate=True,
    )
    results = []
    for row, score in zip(output.sequences[:, len(ids) :].tolist(), output.sequences_scores.tolist(), strict=True):
        end = next((index + 1 for index, token in enumerate(row) if token in end_ids), len(row))
        results.append((row[:end], score))
    return results


def results_of(tree):
    ways = [tree.ids[tree.way(int(end))].tolist() for end in tree.ends]
    return list(zip(ways, tree.score.tolist(), strict=True))


def assert_same(found, expected):
    assert [way for way, _ in found] == [way for way, _ in expected]
    assert np.allclose([score for _, score in found], [score for _, score in expected], rtol=1e-5, atol=1e-5)


def last(parts):
    *_, whole = parts
    return whole


@pytest.mark.parametrize(("width", "steps"), [(2, 7), (5, 6)])
@pytest.mark.parametrize("family", FAMILIES)
def test_beams_are_those_of_generate(family, width, steps):
    pair, model = pair_of(family)
    trees = list(model.beams(moment_of(model, IDS), width, steps))
    assert [tree.done for tree in trees] == list(range(1, len(trees) + 1))
    assert [tree.finished for tree in trees] == [*([False] * (len(trees) - 1)), True]
    assert_same(results_of(trees[-1]), stock_beams(pair.stock, IDS, width, steps, model.card().end_ids))
    check_tree(pair.stock, trees[-1])


def check_tree(stock, tree):
    """Every number of a tree against one stock pass over the way to its node."""
    kept = [
        sum(fate == "kept" and step == one for fate, one in zip(tree.fate, tree.step, strict=True))
        for step in range(tree.done)
    ]
    assert all(count <= tree.width for count in kept)
    for node in range(0, len(tree.ids), 5):
        way = tree.way(node)
        assert tree.step[way].tolist() == list(range(len(way)))
        ids = (*IDS, *tree.ids[way].tolist())
        with torch.no_grad():
            scores = stock(torch.tensor([ids])).logits[0, len(IDS) - 1 : -1].float().log_softmax(-1)
        steps = scores.gather(1, torch.tensor(ids[len(IDS) :])[:, None])[:, 0].numpy()
        assert np.abs(tree.log_probability[way] - steps).max() < 1e-4
        assert abs(tree.total[node] - steps.sum()) < 1e-3
    greedy = stock.generate(torch.tensor([IDS]), max_new_tokens=tree.done, do_sample=False, pad_token_id=0)
    assert tree.ids[tree.greedy].tolist() == greedy[0, len(IDS) :].tolist()[: len(tree.greedy)]
    assert tree.parent[tree.greedy].tolist() == [-1, *tree.greedy[:-1].tolist()]


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_texts_that_end_on_the_way(length_penalty):
    """The end tokens are ones that the search meets soon, so that results of several lengths compete."""
    pair = build("llama", {})
    plain = last(Model(build("llama", {}).model, byte_level()).beams(moment_of(pair_of("llama")[1], IDS), 3, 5))
    ends = sorted({int(plain.ids[node]) for node in (*plain.way(int(plain.ends[0]))[2:4], int(plain.ends[1]))})
    pair.model.generation_config.eos_token_id = ends
    model = Model(pair.model, byte_level())
    assert model.card().end_ids == tuple(ends)
    for width in (2, 3, 4):
        tree = last(model.beams(moment_of(model, IDS), width, 8, length_penalty))
        assert "ended" in tree.fate
        assert_same(results_of(tree), stock_beams(pair.stock, IDS, width, 8, ends, length_penalty))


def test_a_single_beam_is_greedy_decoding(llama):
    tree = last(llama.beams(moment_of(llama, IDS), 1, 5))
    played = last(llama.play(moment_of(llama, IDS), 5))
    assert tree.ids[tree.way(int(tree.ends[0]))].tolist() == list(played.ids[len(IDS) :])
    assert tree.greedy.tolist() == tree.way(int(tree.ends[0]))


@pytest.mark.parametrize(("name", "weights"), [("builtin", "weights"), ("builtin-gpt2", "weights_gpt2")])
def test_beams_of_the_built_in_models(name, weights):
    builtin = load_model(name)
    moment = builtin.begin("The capital of Japan is")
    stock = AutoModelForCausalLM.from_pretrained(FOLDER / weights, dtype=torch.float32, attn_implementation="eager")
    tree = last(builtin.beams(moment, 4, 8))
    assert_same(results_of(tree), stock_beams(stock, moment.ids, 4, 8, builtin.card().end_ids))
    assert tree.total[tree.ends[0]] >= tree.total[tree.greedy[-1]]


def test_beams_run_under_what_is_changed(llama):
    """Steering reaches the search as it reaches stepping."""
    moment = moment_of(llama, IDS).steered(Steer(2, 4.0, 3, (IDS[:4], 3), (IDS[4:9], 2)))
    tree = last(llama.beams(moment, 1, 4))
    played = last(llama.play(moment, 4))
    assert tree.ids[tree.greedy].tolist() == list(played.ids[len(IDS) :])
    assert tree.ids[tree.greedy].tolist() != last(llama.beams(moment_of(llama, IDS), 1, 4)).ids.tolist()[:4]


@pytest.mark.parametrize("family", ["lfm2", "mamba", "openai-gpt"])
def test_beams_of_models_whose_cache_cannot_branch(family):
    pair, model = pair_of(family)
    tree = last(model.beams(moment_of(model, IDS), 3, 4))
    assert_same(results_of(tree), stock_beams(pair.stock, IDS, 3, 4, model.card().end_ids))


def test_the_context_bounds_the_search(llama):
    ids = some_ids(CONTEXT - 2, VOCABULARY, seed=4)
    assert last(llama.beams(moment_of(llama, ids), 2, 6)).steps == 2
    with pytest.raises(ContextFull):
        llama.beams(moment_of(llama, some_ids(CONTEXT, VOCABULARY)), 2, 6)


def test_a_text_that_ended_has_no_beams(llama):
    with pytest.raises(TextEnded):
        llama.beams(moment_of(llama, (*IDS, 2), prompt=len(IDS)), 2, 3)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, moment: model.choice_steps(moment, 12),
        lambda model, moment: model.choice_steps(moment, top=0),
        lambda model, moment: model.draws(moment, count=0),
        lambda model, moment: model.draws(moment, count=10**6),
        lambda model, moment: model.draws(moment, top=0),
        lambda model, moment: model.draws(moment, -2),
        lambda model, moment: model.beams(moment, 0),
        lambda model, moment: model.beams(moment, 17),
        lambda model, moment: model.beams(moment, 2, 0),
        lambda model, moment: model.beams(moment, 2, 2, -1.0),
    ],
)
def test_what_does_not_exist_is_refused(llama, ask):
    with pytest.raises(OutOfRange, match="use"):
        ask(llama, moment_of(llama, IDS))


def test_a_seed_that_is_none_is_refused(llama):
    with pytest.raises(BadDecoding):
        llama.draws(moment_of(llama, IDS), seed=-1)
