"""Properties that hold for the filters whatever the logits."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model_runtime import Decoding
from model_runtime.decoding import decide, filters, pick

SIZE = 12
logits = arrays(np.float32, SIZE, elements=st.floats(-20, 20, width=32))
contexts = st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=6).map(tuple)
settings_on = st.builds(
    Decoding,
    temperature=st.one_of(st.just(0.0), st.floats(0.1, 5)),
    top_k=st.integers(0, SIZE + 3),
    top_p=st.floats(0.05, 1),
    min_p=st.floats(0, 1),
    repetition_penalty=st.floats(0.5, 2),
    seed=st.integers(0, 1000),
)


@given(logits, contexts, settings_on)
def test_every_stage_is_a_distribution_and_kept_sets_are_nested(row, ids, decoding):
    choice = decide(torch.from_numpy(row), ids, decoding)
    assert [stage.name for stage in choice.stages] == [name for name, _, _ in filters(decoding)]
    remaining = SIZE
    alive = np.ones(SIZE, bool)
    for probability in (choice.raw, choice.final, *(stage.probability for stage in choice.stages)):
        assert probability.min() >= 0
        assert abs(float(probability.sum(dtype=np.float64)) - 1) < 1e-5
    for stage in choice.stages:
        assert not (stage.removed & ~alive).any()
        alive &= ~stage.removed
        remaining -= int(stage.removed.sum())
        assert stage.kept == remaining == alive.sum() >= 1
        assert np.all(stage.probability[~alive] == 0)
    assert alive[choice.token]
    assert choice.final[choice.token] > 0


@given(logits, st.floats(0.05, 0.99))
def test_top_p_keeps_the_fewest_tokens_that_reach_it(row, share):
    choice = decide(torch.from_numpy(row), (0,), Decoding(top_p=share))
    kept = ~choice.stages[0].removed
    raw = choice.raw.astype(np.float64)
    assert raw[kept].sum() >= share - 1e-5
    assert raw[kept].sum() - raw[kept].min() < share + 1e-5
    assert raw[kept].min() >= raw[~kept].max(initial=0)


@given(logits, st.integers(1, SIZE))
def test_top_k_keeps_k_and_ties_of_the_last(row, count):
    kept = ~decide(torch.from_numpy(row), (0,), Decoding(top_k=count)).stages[0].removed
    assert kept.sum() >= count
    assert row[kept].min() == np.sort(row)[-count]
    assert (row > row[kept].min()).sum() < count


@given(logits, st.floats(0.01, 1))
def test_min_p_compares_with_the_top(row, share):
    choice = decide(torch.from_numpy(row), (0,), Decoding(min_p=share))
    ratio = choice.raw.astype(np.float64) / choice.raw.max()
    removed = choice.stages[0].removed
    assert ratio[removed].max(initial=0) <= share + 1e-5
    assert ratio[~removed].min() >= share - 1e-5


@given(st.lists(st.integers(0, 2), min_size=SIZE, max_size=SIZE))
def test_greedy_takes_the_lowest_id_among_equals(values):
    row = np.array(values, np.float32)
    assert decide(torch.from_numpy(row), (0,), Decoding()).token == values.index(max(values))


@given(arrays(np.float32, SIZE, elements=st.sampled_from([0.0, 0.1, 0.25, 1.0])), st.floats(0, 1, exclude_max=True))
def test_a_draw_lands_on_a_token_that_has_a_share(shares, draw):
    if shares.sum() == 0:
        return
    token = pick(shares, draw)
    assert shares[token] > 0
    cumulative = np.cumsum(shares, dtype=np.float64) / shares.sum(dtype=np.float64)
    assert cumulative[token] >= draw - 1e-12
    assert token == 0 or cumulative[token - 1] <= draw + 1e-12


def test_a_draw_at_the_very_end_of_the_scale():
    shares = np.array([0.3, 0.7, 0.0], np.float32)
    assert pick(shares, float(np.nextafter(1, 0))) == 1
    assert pick(shares, 0.0) == 0
    assert pick(np.array([0.0, 1.0], np.float32), 0.0) == 1


def test_frequencies_follow_the_distribution():
    row = torch.tensor([0.0, 1.0, 2.0, -1.0])
    expected = torch.distributions.Categorical(logits=row).probs.numpy()
    taken = [decide(row, (0,) * index, Decoding(temperature=1.0, seed=5)).token for index in range(1, 3001)]
    assert np.abs(np.bincount(taken, minlength=4) / 3000 - expected).max() < 0.04


def test_the_logits_given_are_not_written_to():
    row = torch.tensor([1.0, 2.0, 3.0])
    decide(row, (2,), Decoding(repetition_penalty=2.0, top_k=1))
    assert row.tolist() == [1, 2, 3]


def test_filters_run_in_the_order_of_generate():
    decoding = Decoding(temperature=0.5, top_k=3, top_p=0.9, min_p=0.1, repetition_penalty=1.2)
    names = [name for name, _, _ in filters(decoding)]
    assert names == ["repetition_penalty", "temperature", "top_k", "top_p", "min_p"]
