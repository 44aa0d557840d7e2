"""Going back, branching, forgetting and asking from many threads change no answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime import BadMoment, Decoding, OutOfRange
from model_runtime.model import Model
from tests.runtime.comparison import BOUND, answers, differences, moment_of, some_ids, stepped_answers, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, HYBRID, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(24, VOCABULARY)
OTHER = (*IDS[:13], *some_ids(9, VOCABULARY, seed=9))


def everything(model, moment):
    """All answers in one go, as plain arrays."""
    tokens, lens = model.tokens(moment), model.lens(moment)
    return [
        tokens.surprisal,
        tokens.entropy,
        lens.probability,
        lens.target_probability,
        model.hidden(moment, 2),
        model.distribution(moment, 5, top=None).final,
        model.distribution(moment, top=None).raw,
        model.attention(moment, 1, 1).weights,
    ]


def assert_same(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        assert np.allclose(mine, theirs, rtol=0, atol=BOUND * np.nanmax(np.abs(theirs)), equal_nan=True)


@pytest.mark.parametrize("family", [*FAMILIES, *HYBRID])
def test_back_and_branch_equal_never_having_gone(family):
    pair, model = pair_of(family)
    expected = {ids: stock_answers(pair.stock, ids) for ids in (IDS, OTHER, IDS[:10])}
    moment = moment_of(model, IDS[:6])
    for token in IDS[6:]:
        model.tokens(moment)
        moment = model.step(moment, take=token)
    model.tokens(moment)
    branch = moment.cut(13)
    for token in OTHER[13:]:
        branch = model.step(branch, take=token)
        model.tokens(branch)
    back = model.back(branch, 12)
    for asked in (branch, moment, back, branch):
        errors = differences(answers(model, asked), expected[asked.ids])
        assert max(errors.values()) < BOUND, errors


move = st.tuples(st.sampled_from(["step", "take", "back", "branch", "lens"]), st.integers(0, VOCABULARY - 1))


@settings(max_examples=40, deadline=None)
@given(st.lists(move, max_size=12))
def test_any_walk_ends_where_stock_is(walk):
    """Whatever was done before, a moment's answers are those of its ids alone."""
    pair, model = pair_of("gemma2")
    moment, seen = moment_of(model, IDS[:9]), [moment_of(model, IDS[:9])]
    for move, number in walk:
        if move == "step" and model.ended(moment) is None:
            moment = model.step(moment)
        elif move == "take" and model.ended(moment) is None:
            moment = model.step(moment, take=number)
        elif move == "back":
            moment = model.back(moment, number % 6)
        elif move == "branch":
            moment = seen[number % len(seen)]
        elif move == "lens":
            model.lens(moment)
        model.tokens(moment)
        seen.append(moment)
    errors = differences(answers(model, moment), stock_answers(pair.stock, moment.ids))
    assert max(errors.values()) < BOUND, errors
    choices = [model.choice(moment.cut(length)) for length in range(1, len(moment.ids) + 1)]
    assert model.lens(moment).target_ids.tolist() == choices


@pytest.mark.parametrize("family", ["llama", "gemma2", "lfm2"])
def test_a_full_shelf_forgets_and_nothing_changes(family):
    _, roomy = pair_of(family)
    cramped = Model(build(family, {**FAMILIES, **HYBRID}[family]).model, byte_level(), name=family, shelf_bytes=0)
    for ids in (IDS, OTHER, IDS[:10], IDS):
        layer = 1
        mine, theirs = moment_of(cramped, ids), moment_of(roomy, ids)
        assert np.allclose(cramped.tokens(mine).surprisal, roomy.tokens(theirs).surprisal, atol=1e-4, equal_nan=True)
        assert np.allclose(
            cramped.attention(mine, layer, 1).weights, roomy.attention(theirs, layer, 1).weights, atol=1e-5
        )
        assert len(cramped._shelf) == 1


def test_the_shelf_keeps_to_its_bound_and_counts_shared_memory_once(llama):
    shelf = llama._shelf
    shelf.clear()
    llama.tokens(moment_of(llama, IDS))
    alone = shelf.nbytes
    llama.tokens(moment_of(llama, OTHER))
    both = shelf.nbytes
    assert len(shelf) == 2
    assert alone < both < 2.5 * alone
    limit, shelf.limit = shelf.limit, alone
    try:
        llama.tokens(moment_of(llama, some_ids(24, VOCABULARY, seed=77)))
        assert len(shelf) == 1
        assert shelf.nbytes <= alone * 1.01
    finally:
        shelf.limit = limit
        shelf.clear()


def test_only_new_tokens_are_run():
    """Counted at the embedding: what goes through the model."""
    model = Model(build("llama", {}).model, byte_level())
    seen = []
    embedding = model._engine.model.get_input_embeddings()
    embedding.register_forward_hook(lambda module, args, output: seen.append(args[0].shape[1]))
    moment = moment_of(model, IDS[:20])
    model.tokens(moment)
    assert seen == [20]
    moment = model.step(moment)
    assert seen == [20]
    model.tokens(moment), model.distribution(moment), model.attention(moment, 0, 0), model.hidden(moment, 1)
    assert seen == [20, 1]
    branch = moment_of(model, (*IDS[:17], 9, 9, 9))
    seen.clear()
    model.tokens(branch)
    assert seen == [1, 3]  # one row through the head for the logits before the branch, then the three new tokens
    seen.clear()
    model.lens(branch), model.lens(branch)
    assert sum(seen) == 20 * 7  # the head reads 4 streams and 3 midpoints; the second time nothing
    branch = model.step(branch)
    seen.clear()
    model.lens(branch)
    assert sum(seen) == 1 + 7


def test_many_steps_keep_few_chunks(llama):
    start = replace(moment_of(llama, IDS[:3]), decoding=Decoding(temperature=1, top_k=50, seed=8))
    for moment in llama.play(start, 50):
        llama.tokens(moment)
    recording = llama._recording(moment)
    assert len(recording.chunks) <= 8
    assert sum(chunk.tokens for chunk in recording.chunks) == len(moment.ids)


def test_answers_are_read_only(llama):
    moment = moment_of(llama, IDS)
    for array in everything(llama, moment):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_threads_get_the_answers_that_one_thread_gets(llama):
    llama._shelf.clear()
    texts = [some_ids(12 + index, VOCABULARY, seed=index % 4) for index in range(8)]
    expected = [everything(llama, moment_of(llama, ids)) for ids in texts]
    llama._shelf.clear()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda ids: everything(llama, moment_of(llama, ids)), texts * 3))
    for index, mine in enumerate(found):
        assert_same(mine, expected[index % len(texts)])


def test_play_may_go_on_in_another_thread(llama):
    """Gradio resumes a generator on any thread, where an outer inference mode would be off."""
    steps = llama.play(moment_of(llama, IDS[:9]), 4)
    found = []

    def resume():
        moment = next(steps)
        assert torch.is_grad_enabled()
        assert not llama._recording(moment).newest.requires_grad
        found.append(moment)

    for _ in range(4):
        thread = threading.Thread(target=resume)
        thread.start()
        thread.join()
    expected = list(llama.play(moment_of(llama, IDS[:9]), 4))
    assert found == expected


def test_asking_does_not_touch_transformers_models(llama):
    assert llama._engine.recorder.tape is None
    assert all(not module.training for module in llama._engine.model.modules())


def test_moments_of_other_models_are_refused(llama):
    with pytest.raises(BadMoment, match="made with"):
        llama.tokens(replace(llama.begin("x"), fingerprint="000000000000"))
    with pytest.raises(BadMoment, match="token id 320; this model has ids 0 to 319"):
        llama.tokens(moment_of(llama, (1, VOCABULARY)))


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, moment: model.distribution(moment, 24),
        lambda model, moment: model.distribution(moment, -2),
        lambda model, moment: model.distribution(moment, top=0),
        lambda model, moment: model.attention(moment, 3, 0),
        lambda model, moment: model.attention(moment, -1, 0),
        lambda model, moment: model.attention(moment, 0, 4),
        lambda model, moment: model.attention(moment, 0, -1),
        lambda model, moment: model.hidden(moment, 4),
        lambda model, moment: model.hidden(moment, -1),
        lambda model, moment: model.back(moment, -1),
        lambda model, moment: next(model.play(moment, -1)),
        lambda model, moment: model.text(VOCABULARY),
    ],
)
def test_what_does_not_exist_is_refused(llama, ask):
    with pytest.raises(OutOfRange, match=r"use|has|does not exist"):
        ask(llama, moment_of(llama, IDS))


def test_back_stops_at_the_first_token(llama):
    moment = moment_of(llama, IDS, prompt=10)
    assert llama.back(moment, 3).ids == IDS[:-3]
    assert llama.back(moment, 1000).ids == IDS[:1]
    assert llama.back(moment, 20).prompt_length == 4
    assert llama.back(moment, 0) == moment


def test_stepped_twice_from_one_moment(llama):
    """Two futures of one moment do not disturb each other."""
    start = moment_of(llama, IDS[:12])
    left, right = llama.step(start, take=20), llama.step(start, take=21)
    first = everything(llama, left)
    everything(llama, right)
    assert_same(everything(llama, left), first)


def test_steps_and_one_pass_agree_in_every_answer(llama):
    stepped_answers(llama, IDS, prefill=4)
    stepped = everything(llama, moment_of(llama, IDS))
    llama._shelf.clear()
    assert_same(stepped, everything(llama, moment_of(llama, IDS)))
