"""The residual stream's lengths, turns, likenesses and axes against NumPy on stock transformers' streams."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime import FeatureUnavailable, OutOfRange, Steer, residual
from model_runtime.anatomy import dissect
from model_runtime.model import Model
from tests.runtime.comparison import BOUND, moment_of, some_ids, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import VOCABULARY, build
from tests.runtime.stream_reference import MIDDLE, stock_streams
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(20, VOCABULARY, seed=14)
# Further families have no midpoint, so what their attention and MLP add is not known here.
FAMILIES = [*MIDDLE, "gpt_neox", "cohere", "falcon", "gptj"]


def cosine(one, other):
    """[..., width] each -> [...]."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    return (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)


def assert_close(found, expected):
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < BOUND * np.abs(expected).max()


def plane(streams, chosen=slice(None)):
    """Points [stream, token, 2] and shares [2] of streams, by NumPy's singular values of the chosen vectors."""
    units = streams.astype(np.float64) / np.linalg.norm(streams.astype(np.float64), axis=-1, keepdims=True)
    fitted = units[:, 1:].reshape(-1, units.shape[2])[chosen]
    _, values, axes = np.linalg.svd(fitted - fitted.mean(0))
    axes = axes[:2]
    for axis in axes:
        axis *= np.sign(axis[np.abs(axis).argmax()])
    return (units - fitted.mean(0)) @ axes.T, (values**2 / (values**2).sum())[:2]


@pytest.mark.parametrize("family", FAMILIES)
def test_lengths_turns_and_axes(family):
    pair, model = pair_of(family)
    table = model.residual(moment_of(model, IDS))
    streams = stock_answers(pair.stock, IDS).streams
    assert_close(table.norm, np.linalg.norm(streams.astype(np.float64), axis=-1))
    assert_close(table.turn, cosine(streams[:-1], streams[1:]))
    points, explained = plane(streams)
    assert_close(table.points, points)
    assert_close(table.explained, explained)
    assert table.fitted == 4 * 19
    if family in MIDDLE:
        middle = stock_streams(family, pair.stock, IDS).middle
        assert_close(table.attention_norm, np.linalg.norm(middle - streams[:-1], axis=-1))
        assert_close(table.mlp_norm, np.linalg.norm(streams[1:] - middle, axis=-1))
    else:
        assert np.isnan(table.attention_norm).all()
        assert np.isnan(table.mlp_norm).all()


def test_read_while_stepping_it_is_the_same():
    pair, model = pair_of("gemma2")
    moment = moment_of(model, IDS[:7])
    for token in IDS[7:]:
        model.residual(moment)
        moment = model.step(moment, take=token)
    for ids in (IDS, IDS[:12], (*IDS[:12], 7, 8)):
        streams = stock_answers(pair.stock, ids).streams
        table = model.residual(moment_of(model, ids))
        assert_close(table.norm, np.linalg.norm(streams, axis=-1))
        assert_close(table.points, plane(streams)[0])


def test_it_is_made_once():
    model = Model(build("llama", {}).model, byte_level())
    moment = moment_of(model, IDS)
    assert model.residual(moment) is model.residual(moment)


def test_of_many_vectors_some_at_even_distances_are_fitted(monkeypatch):
    pair, model = pair_of("llama")
    monkeypatch.setattr(residual, "MOST_FITTED", 31)
    ids = some_ids(30, VOCABULARY, seed=15)
    table = model.residual(moment_of(model, ids))
    chosen = np.linspace(0, 4 * 29 - 1, 31).round().astype(int)
    points, explained = plane(stock_answers(pair.stock, ids).streams, chosen)
    assert table.fitted == 31
    assert_close(table.points, points)
    assert_close(table.explained, explained)


@pytest.mark.parametrize("length", [1, 2])
def test_very_short_texts(length):
    pair, model = pair_of("llama")
    ids = IDS[:length]
    table = model.residual(moment_of(model, ids))
    assert table.fitted == 4 * (length - 1)
    if length == 1:
        assert not table.points.any()
        assert not table.explained.any()
    else:
        points, explained = plane(stock_answers(pair.stock, ids).streams)
        assert_close(table.points, points)
        assert_close(table.explained, explained)


def test_axes_along_which_nothing_differs_are_zero():
    line = torch.outer(torch.arange(5.0, dtype=torch.float64), torch.tensor([3.0, -4.0, 0, 0, 0, 0, 0]).double())
    centre, axes, explained = residual.principal_axes(line)
    assert torch.allclose(axes[:, 0], torch.tensor([-0.6, 0.8, 0, 0, 0, 0, 0]).double())
    assert torch.equal(axes[:, 1], torch.zeros(7).double())
    assert torch.allclose(explained, torch.tensor([1.0, 0.0]).double())
    assert torch.equal(centre, line[2])
    _, axes, explained = residual.principal_axes(torch.ones(4, 3).double())
    assert not axes.any()
    assert not explained.any()


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_axes_of_any_vectors(count, width, seed):
    vectors = torch.randn(count, width, generator=torch.Generator().manual_seed(seed)).double()
    centre, axes, explained = residual.principal_axes(vectors)
    values = np.linalg.svd((vectors - vectors.mean(0)).numpy(), compute_uv=False) ** 2
    shares = np.pad(values / values.sum(), (0, 2))[:2]
    assert np.allclose(explained, shares, atol=1e-9)
    spread = ((vectors - centre) @ axes).square().sum(0) / values.sum()
    assert np.allclose(spread, shares, atol=1e-9)
    shown = axes[:, explained.numpy() > 1e-9]
    assert np.allclose(shown.T @ shown, np.eye(shown.shape[1]), atol=1e-7)
    assert all(axis[axis.abs().argmax()] > 0 for axis in shown.T)


def test_what_steering_adds_is_not_the_mlps():
    pair, model = pair_of("llama")
    steer = Steer(2, 3.0, 5, (IDS[:4], 3), (IDS[4:9], 2))
    table = model.residual(moment_of(model, IDS).steered(steer))
    plus, minus = (stock_answers(pair.stock, ids).streams[2, at] for ids, at in (steer.plus, steer.minus))
    written = []

    def add(module, args, output):
        output[:, 5:] += 3.0 * torch.from_numpy(plus - minus)

    layers = dissect(pair.stock).layers
    hooks = [layers[1].register_forward_hook(add)]
    hooks += [
        layer.mlp.register_forward_hook(lambda module, args, output: written.append(output[0])) for layer in layers
    ]
    try:
        streams = stock_answers(pair.stock, IDS).streams
    finally:
        for hook in hooks:
            hook.remove()
    assert_close(table.norm, np.linalg.norm(streams, axis=-1))
    assert_close(table.mlp_norm, np.stack([np.linalg.norm(one, axis=-1) for one in written]))


@pytest.mark.parametrize("position", [0, 9, -1])
@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt_neox"])
def test_streams_beside_each_other(family, position):
    pair, model = pair_of(family)
    found = model.stream_similarity(moment_of(model, IDS), position)
    streams = stock_answers(pair.stock, IDS).streams[:, position]
    assert found.position == position % len(IDS)
    assert_close(found.cosine, cosine(streams[:, None], streams[None]))


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(("begin", "end"), [(0, None), (4, 11), (19, 20)])
def test_tokens_beside_each_other(begin, end, centred):
    pair, model = pair_of("phi3")
    for stream in range(4):
        found = model.token_similarity(moment_of(model, IDS), stream, centred, begin, end)
        vectors = stock_answers(pair.stock, IDS).streams[stream].astype(np.float64)
        vectors = (vectors - vectors[1:].mean(0) if centred else vectors)[begin:end]
        assert (found.stream, found.centred, found.first) == (stream, centred, begin)
        assert_close(found.cosine, cosine(vectors[:, None], vectors[None]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(3, VOCABULARY - 1), min_size=1, max_size=12), st.integers(0, 3), st.booleans())
def test_what_holds_of_any_text(ids, stream, centred):
    model = pair_of("qwen3")[1]
    moment = moment_of(model, tuple(ids))
    table = model.residual(moment)
    assert np.all(table.norm > 0)
    assert np.all(np.abs(table.turn) <= 1)
    assert 0 <= table.explained[1] <= table.explained[0] <= 1 + 1e-6
    assert np.abs(table.points).max() <= 2
    # Each part reaches at most as far as the block's whole step, and the two at least as far.
    step = table.attention_norm + table.mlp_norm
    assert np.all(np.abs(np.diff(table.norm, axis=0)) <= step * (1 + 1e-4))
    cosines = [model.token_similarity(moment, stream, centred).cosine, model.stream_similarity(moment).cosine]
    for one in cosines:
        assert np.array_equal(one, one.T, equal_nan=True)
        known = one[~np.isnan(one)]
        assert np.all(np.abs(known) <= 1)
        assert np.allclose(np.diag(one)[~np.isnan(np.diag(one))], 1)


def test_a_vector_without_length_has_no_cosine(llama):
    """Of two tokens the second is the mean of all but the first."""
    cosine = llama.token_similarity(moment_of(llama, IDS[:2]), 1, centred=True).cosine
    assert np.isnan(cosine).tolist() == [[False, True], [True, True]]


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, moment: model.stream_similarity(moment, 20),
        lambda model, moment: model.token_similarity(moment, 4),
        lambda model, moment: model.token_similarity(moment, -1),
        lambda model, moment: model.token_similarity(moment, 0, begin=5, end=5),
        lambda model, moment: model.token_similarity(moment, 0, begin=-1),
        lambda model, moment: model.token_similarity(moment, 0, end=21),
    ],
)
def test_what_does_not_exist_is_refused(llama, ask):
    with pytest.raises(OutOfRange, match=r"use|has"):
        ask(llama, moment_of(llama, IDS))


@pytest.mark.parametrize(
    "ask", [Model.residual, Model.stream_similarity, lambda model, moment: model.token_similarity(moment, 0)]
)
def test_where_streams_cannot_be_read_it_says_so(ask):
    model = pair_of("gemma3n_text")[1]
    with pytest.raises(FeatureUnavailable, match="hidden"):
        ask(model, moment_of(model, IDS))
