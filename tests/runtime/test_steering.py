"""Steering equals adding the same vectors by hooks to a stock model, however the text was reached."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import Ablate, BadMoment, ContextFull, FeatureUnavailable, Moment, OutOfRange, Steer
from model_runtime.anatomy import dissect
from tests.runtime.comparison import BOUND, moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, HYBRID, VOCABULARY
from tests.runtime.test_heads_ablation import OFF, stock_logits

IDS = some_ids(24, VOCABULARY, seed=16)
PLUS, MINUS = some_ids(6, VOCABULARY, seed=17), some_ids(9, VOCABULARY, seed=18)
STEERS = (
    Steer(0, 0.5, 4, (PLUS, 2), (MINUS, -1)),
    Steer(2, 1.5, 17, (PLUS, 5), (MINUS, 0)),
    Steer(3, -0.25, 0, (MINUS, 3), (PLUS, 3)),
)


def streams_of(stock, ids):
    """Streams 0 to n of a stock model, read where they leave the blocks."""
    layers, seen = dissect(stock).layers, []
    hooks = [
        layers[0].register_forward_pre_hook(
            lambda module, args, kwargs: seen.append((args[0] if args else kwargs["hidden_states"]).clone()),
            with_kwargs=True,
        )
    ]
    hooks += [
        layer.register_forward_hook(
            lambda module, args, output: seen.append((output[0] if isinstance(output, tuple) else output).clone())
        )
        for layer in layers
    ]
    with torch.no_grad():
        stock(torch.tensor([ids]), use_cache=False)
    for hook in hooks:
        hook.remove()
    return [stream[0] for stream in seen]


def vector_of(stock, steer):
    """The vector by its definition, from a stock model."""
    (plus, at), (minus, other) = steer.plus, steer.minus
    return steer.strength * (streams_of(stock, plus)[steer.layer][at] - streams_of(stock, minus)[steer.layer][other])


def steered_stock(stock, ids, steers, heads=()):
    """[token, vocabulary] of a stock model with vectors added by hooks."""
    vectors = [(steer, vector_of(stock, steer)) for steer in steers]
    layers = dissect(stock).layers

    def add(stream, index):
        stream = stream.clone()
        for steer, vector in vectors:
            if steer.layer == index:
                stream[:, steer.start :] += vector
        return stream

    def entered(module, args, kwargs):
        if args:
            return (add(args[0], 0), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": add(kwargs["hidden_states"], 0)}

    def leaving(index):
        def left(module, args, output):
            whole = not isinstance(output, tuple)
            return add(output, index) if whole else (add(output[0], index), *output[1:])

        return left

    hooks = [layers[0].register_forward_pre_hook(entered, with_kwargs=True)]
    hooks += [layer.register_forward_hook(leaving(index + 1)) for index, layer in enumerate(layers)]
    if heads:
        logits = stock_logits(stock, ids, dict.fromkeys(heads, 0.0))
    else:
        with torch.no_grad():
            logits = stock(torch.tensor([ids]), use_cache=False).logits[0]
    for hook in hooks:
        hook.remove()
    return logits


def steered(model, ids, steers=STEERS):
    moment = moment_of(model, ids)
    for steer in steers:
        moment = moment.steered(steer)
    return moment


def logits_of(model, moment):
    return torch.stack([model._engine.logits(model._recording(moment), at) for at in range(len(moment.ids))])


def walked(model, moment, prefill=15):
    """The same moment, its last tokens taken one by one."""
    ids, moment = moment.ids, moment.cut(prefill)
    for token in ids[prefill:]:
        model.tokens(moment)
        moment = model.step(moment, take=token)
    return moment


@pytest.mark.parametrize("family", [*FAMILIES, *HYBRID])
def test_steering_equals_hooks_on_stock(family, monkeypatch):
    pair, model = pair_of(family)
    moment = steered(model, IDS)
    with torch.no_grad():
        whole = pair.stock(torch.tensor([IDS]), use_cache=False).logits[0]
    expected = steered_stock(pair.stock, IDS, STEERS)
    assert (expected - whole).abs().max() > 0.05 * whole.abs().max()
    bound = BOUND * expected.abs().max()
    model._shelf.clear()
    assert (logits_of(model, moment) - expected).abs().max() < bound  # in one pass
    model._shelf.clear()
    assert (logits_of(model, walked(model, moment)) - expected).abs().max() < bound  # stepped
    model._shelf.clear()
    monkeypatch.setattr(model._engine.unembedding, "rows", 7)
    assert (logits_of(model, moment) - expected).abs().max() < bound  # in parts
    # Nothing sticks to the model.
    assert (logits_of(model, moment.unsteered()) - whole).abs().max() < BOUND * whole.abs().max()


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "gpt_neox", "olmo2", "granite", "falcon", "lfm2"])
def test_the_stream_moves_by_exactly_the_vector(family):
    pair, model = pair_of(family)
    plain = moment_of(model, IDS)
    for steer in STEERS:
        moment = steered(model, IDS, [steer])
        vector = vector_of(pair.stock, steer).numpy()
        before, after = model.hidden(plain, steer.layer), model.hidden(moment, steer.layer)
        assert np.abs(after[steer.start :] - before[steer.start :] - vector).max() < BOUND * np.abs(after).max()
        assert np.abs(after[: steer.start] - before[: steer.start]).max(initial=0) < BOUND * np.abs(before).max()
        for stream in range(steer.layer):
            same = model.hidden(plain, stream)
            assert np.abs(model.hidden(moment, stream) - same).max() < BOUND * np.abs(same).max()


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "deepseek_v3", "qwen3_next"])
def test_strength_zero_is_the_plain_model(family):
    _, model = pair_of(family)
    model._shelf.clear()
    moment = steered(model, IDS, [replace(steer, strength=0.0) for steer in STEERS])
    assert torch.equal(logits_of(model, moment), logits_of(model, moment.unsteered()))


def test_equal_steerings_add_up(llama):
    once, twice = (replace(STEERS[0], strength=strength) for strength in (0.5, 1.0))
    assert torch.allclose(
        logits_of(llama, steered(llama, IDS, [once, once])), logits_of(llama, steered(llama, IDS, [twice])), atol=1e-5
    )


def test_steering_and_switched_off_heads_together(llama_pair):
    pair, model = llama_pair
    moment = steered(model, IDS).without(OFF)
    expected = steered_stock(pair.stock, IDS, STEERS, OFF)
    assert (logits_of(model, moment) - expected).abs().max() < BOUND * expected.abs().max()
    only = steered_stock(pair.stock, IDS, STEERS)
    assert (logits_of(model, moment.restored()) - only).abs().max() < BOUND * only.abs().max()
    *_, scan = model.scan(steered(model, IDS), 7)
    change = steered_stock(pair.stock, IDS, STEERS, [(1, 2)])[-1].log_softmax(-1)[7] - only[-1].log_softmax(-1)[7]
    assert scan.log_change[1, 2] == pytest.approx(float(change), abs=1e-4)


def test_every_question_follows_the_steering(llama_pair):
    pair, model = llama_pair
    moment = steered(model, IDS)
    expected = steered_stock(pair.stock, IDS, STEERS).softmax(-1).numpy()
    shown = model.distribution(moment, 19, top=None)
    assert np.abs(shown.raw[np.argsort(shown.ids)] - expected[19]).max() < BOUND
    assert np.array_equal(model.lens(moment).ids[-1], expected.argmax(1))
    assert model.tokens(moment).surprisal[9] == pytest.approx(-np.log(expected[8, IDS[9]]), abs=1e-4)
    assert model.choice(moment) == expected[-1].argmax()
    plain = moment.unsteered()
    assert np.abs(model.attention(moment, 1, 1).weights - model.attention(plain, 1, 1).weights).max() > 1e-2
    assert np.array_equal(model.attention(moment, 1, 1).weights[:4], model.attention(plain, 1, 1).weights[:4])
    assert all(at.steers == STEERS for at in model.play(moment, 2))


def test_steering_changes_nothing_before_it_begins_and_later_tokens_change_nothing(llama):
    steer = Steer(1, 3.0, 11, (PLUS, -1), (MINUS, -1))
    moment = steered(llama, IDS, [steer])
    llama._shelf.clear()
    whole = logits_of(llama, moment)
    assert torch.equal(whole[:11], logits_of(llama, moment.unsteered())[:11])
    assert (whole[11:] - logits_of(llama, moment.unsteered())[11:]).abs().amax(1).min() > 0.01
    llama._shelf.clear()
    assert torch.allclose(logits_of(llama, moment.cut(14)), whole[:14], atol=1e-4)


def test_going_back_and_branching_stay_steered(llama_pair):
    pair, model = llama_pair
    moment = walked(model, steered(model, IDS))
    branch = model.step(model.step(model.back(moment, 6), take=9), take=10)
    expected = steered_stock(pair.stock, branch.ids, STEERS)
    assert (logits_of(model, branch) - expected).abs().max() < BOUND * expected.abs().max()


def test_heads_keep_their_labels_where_steering_means_nothing(llama):
    moment = steered(llama, IDS)
    random = llama.heads(moment).measures["induction_random"]
    assert np.array_equal(random, llama.heads(moment.unsteered()).measures["induction_random"], equal_nan=True)
    assert not llama.heads(moment).ablated.any()


def test_vectors_are_kept_but_not_without_bound(llama, monkeypatch):
    steering = llama._steering
    with llama._lock:
        first = steering.vector(STEERS[0])
        assert torch.equal(steering.at(STEERS, 3)[3], steering.vector(STEERS[2]))
        assert set(steering.at(STEERS, 3)) == {3}
        assert set(steering.at(STEERS, 17)) == {0, 2, 3}
        two = steering.at([STEERS[0], STEERS[0]], 4)[0]
        assert torch.allclose(two, 2 * first)
        held = len(steering._vectors)
        monkeypatch.setattr("model_runtime.steering.MOST_VECTORS", held)
        for token in range(5):
            steering.vector(Steer(1, 1.0, 0, ((token,), 0), ((token + 1,), 0)))
            assert len(steering._vectors) <= held
        assert torch.equal(steering.vector(STEERS[0]), first)


steers = st.builds(
    lambda layer, strength, start, plus, minus: Steer(
        layer, strength, start, (tuple(plus), len(plus) // 2), (tuple(minus), -1)
    ),
    st.integers(0, 99),
    st.floats(-1000, 1000),
    st.integers(0, 10_000),
    st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=20),
    st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=20),
)


@given(st.lists(steers, max_size=8), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5))
def test_any_steering_survives_a_link(chosen, heads):
    moment = Moment("m", "", "f", (1, 2), 2)
    for steer in chosen:
        moment = moment.steered(steer)
    moment = moment.without(heads)
    again = Moment.from_text(moment.to_text())
    assert again == moment
    assert again.steers == tuple(chosen)
    assert moment.unsteered().to_text() == Moment("m", "", "f", (1, 2), 2).without(heads).to_text()


def test_steered_and_unsteered():
    moment = Moment("m", "", "f", (1, 2), 2).without([(1, 1), (0, 0)])
    both = moment.steered(STEERS[1]).steered(STEERS[0])
    assert both.interventions == (Ablate(0, 0), Ablate(1, 1), STEERS[1], STEERS[0])
    assert both.unsteered(0).steers == (STEERS[0],)
    assert both.unsteered() == moment
    assert both.restored().interventions == (STEERS[1], STEERS[0])
    assert both.without([(0, 3)]).steers == both.steers
    assert both.cut(1).grown(4).interventions == both.interventions
    assert Steer(1, 2, 3, ((4, 5), -1), ((6,), 0)) == Steer(1, 2.0, 3, ((4, 5), 1), ((6,), -1))
    for index in (-1, 2):
        with pytest.raises(OutOfRange, match="2 ways"):
            both.unsteered(index)
    with pytest.raises(BadMoment, match="at most 8"):
        replace(moment, interventions=(STEERS[0],) * 9)


@pytest.mark.parametrize(
    "changes",
    [
        {"layer": -1},
        {"layer": True},
        {"layer": 1.0},
        {"strength": float("nan")},
        {"strength": float("inf")},
        {"strength": 1000.5},
        {"strength": 10**400},
        {"strength": "1"},
        {"strength": True},
        {"start": -1},
        {"start": 0.5},
        {"plus": ((), 0)},
        {"plus": ([1, 2], 0)},
        {"plus": ((1, 2), 2)},
        {"plus": ((1, 2), -2)},
        {"plus": ((1, 2), -1.0)},
        {"minus": ((1, -2), 0)},
        {"minus": ((1, 2),)},
        {"minus": (1,) * 5000},
        {"minus": ((1,) * 5000, 0)},
        {"minus": None},
    ],
)
def test_steerings_that_cannot_be(changes):
    with pytest.raises(BadMoment, match="steering"):
        replace(STEERS[0], **changes)


def test_what_the_model_does_not_have_is_refused(llama):
    moment = moment_of(llama, IDS)
    with pytest.raises(OutOfRange, match="streams 0 to 3"):
        llama.tokens(moment.steered(replace(STEERS[0], layer=4)))
    with pytest.raises(BadMoment, match="token id 320; this model has ids 0 to 319"):
        llama.tokens(moment.steered(replace(STEERS[0], plus=((VOCABULARY,), 0))))
    with pytest.raises(ContextFull):
        llama.tokens(moment.steered(replace(STEERS[0], plus=((5,) * 65, 0))))


def test_where_streams_cannot_be_read_nothing_is_steered():
    _, model = pair_of("gemma3n_text")
    with pytest.raises(FeatureUnavailable, match="hidden"):
        model.tokens(steered(model, IDS))


def test_a_plain_run_has_no_hooks_of_steering(llama):
    """Hooks cost only while something is steered."""
    layers = llama._engine.anatomy.layers
    before = [len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in layers]
    llama._shelf.clear()
    llama.tokens(steered(llama, IDS))
    assert [len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in layers] == before
