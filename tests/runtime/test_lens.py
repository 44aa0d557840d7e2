"""The logit lens, midpoints included, against stock transformers' own streams, norm and head."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime import FeatureUnavailable, LensReading, OutOfRange
from model_runtime.anatomy import dissect
from model_runtime.lens import lens_rows
from model_runtime.model import Model
from tests.runtime.comparison import BOUND, moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import VOCABULARY, build
from tests.runtime.stream_reference import MIDDLE, PARALLEL, divergence, entropy, stock_streams, tail
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(20, VOCABULARY, seed=4)
OTHER = (*IDS[:11], *some_ids(7, VOCABULARY, seed=5))


def expected_rows(family, stock, ids, hooks=()):
    """Log-probabilities [row, token, vocabulary] of all streams and of all midpoints."""
    streams = stock_streams(family, stock, ids, hooks)
    return tail(family, stock, streams.streams), tail(family, stock, streams.middle)


def assert_reads(reading: LensReading, logarithm, output):
    """Every number of a reading follows from these log-probabilities [row, token, vocabulary]."""
    probability = logarithm.exp().numpy()
    targets = output.argmax(-1).numpy()  # [token]
    target = np.take_along_axis(probability, targets[None, :, None], -1)
    best = -np.sort(-probability, -1)[:, :, : reading.top_ids.shape[2]]
    assert np.abs(reading.top_probability - best).max() < BOUND
    assert np.abs(np.take_along_axis(probability, reading.top_ids, -1) - best).max() < BOUND
    assert np.array_equal(reading.ids, reading.top_ids[:, :, 0])
    assert np.array_equal(reading.probability, reading.top_probability[:, :, 0])
    assert np.abs(reading.target_probability - target[:, :, 0]).max() < BOUND
    assert_ranks(reading.target_rank, probability, target)
    assert_close(reading.entropy, entropy(logarithm))
    assert_close(reading.divergence, divergence(output, logarithm))


def assert_close(found, expected):
    assert np.abs(found - expected).max() < BOUND * np.abs(expected).max()


def assert_ranks(rank, probability, own):
    """Ranks [...] of probabilities own [..., 1] among [..., vocabulary], up to what rounding may swap."""
    slack = 1e-5 * own
    assert np.all(rank >= (probability > own + slack).sum(-1))
    assert np.all(rank < (probability >= own - slack).sum(-1))


def assert_lens(model, moment, rows):
    grid = model.lens(moment)
    streams, middle = rows
    assert_reads(grid, streams, streams[-1])
    assert_reads(grid.middle, middle, streams[-1])
    assert np.array_equal(grid.target_ids, streams[-1].argmax(-1))
    assert set(grid.vocabulary) == set(grid.top_ids.ravel().tolist()) | set(grid.middle.top_ids.ravel().tolist())
    for token, leads in enumerate((grid.target_rank == 0).T.tolist()):
        assert grid.first_lead[token] == leads.index(True)
        assert grid.settled[token] == len(leads) - ([*leads[::-1], False].index(False))


@pytest.mark.parametrize("family", MIDDLE)
def test_every_row_is_the_stock_norm_and_head_on_the_stock_stream(family):
    pair, model = pair_of(family)
    assert_lens(model, moment_of(model, IDS), expected_rows(family, pair.stock, IDS))


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2", "granite", "lfm2", "qwen3_next", "deepseek_v3"])
def test_read_while_stepping_it_is_the_same(family):
    pair, model = pair_of(family)
    model._shelf.clear()
    moment = moment_of(model, IDS[:8])
    for number, token in enumerate(IDS[8:]):
        model.lens(moment, middle=number % 3 != 0)
        moment = model.step(moment, take=token)
    assert_lens(model, moment, expected_rows(family, pair.stock, IDS))
    branch = moment.cut(11)
    for token in OTHER[11:]:
        branch = model.step(branch, take=token)
        model.lens(branch)
    assert_lens(model, branch, expected_rows(family, pair.stock, OTHER))
    assert_lens(model, moment, expected_rows(family, pair.stock, IDS))


move = st.tuples(st.sampled_from(["take", "back", "branch", "lens", "streams"]), st.integers(0, VOCABULARY - 1))


@settings(max_examples=30, deadline=None)
@given(st.lists(move, max_size=14))
def test_any_walk_reads_what_its_ids_give(walk):
    pair, model = pair_of("llama")
    moment, seen = moment_of(model, IDS[:5]), [moment_of(model, IDS[:5])]
    for kind, number in walk:
        if kind == "take" and model.ended(moment) is None:
            moment = model.step(moment, take=number)
        elif kind == "back":
            moment = model.back(moment, number % 5)
        elif kind == "branch":
            moment = seen[number % len(seen)]
        else:
            model.lens(moment, middle=kind == "lens")
        seen.append(moment)
    assert_lens(model, moment, expected_rows("llama", pair.stock, moment.ids))


@pytest.mark.parametrize("family", ["llama", "gpt2", "olmo2"])
def test_a_head_that_is_off_is_off_in_every_later_row(family):
    pair, model = pair_of(family)
    name = {"gpt2": "attn.c_proj"}.get(family, "self_attn.o_proj")

    def without_head_2(module, args):
        given = args[0].clone()
        given[..., 16:24] = 0
        return (given, *args[1:])

    projection = dissect(pair.stock).layers[1].get_submodule(name)
    rows = expected_rows(family, pair.stock, IDS, [(projection, without_head_2)])
    assert_lens(model, moment_of(model, IDS).without([(1, 2)]), rows)
    plain = model.lens(moment_of(model, IDS))
    off = model.lens(moment_of(model, IDS).without([(1, 2)]))
    assert np.allclose(plain.middle.probability[0], off.middle.probability[0], atol=BOUND)
    assert np.abs(plain.middle.probability[1] - off.middle.probability[1]).max() > 1e-2


@pytest.mark.parametrize("family", [*PARALLEL, "gemma4_text", "doge", "openai-gpt"])
def test_blocks_without_a_midpoint_have_none(family):
    _, model = pair_of(family)
    moment = moment_of(model, IDS)
    assert model.lens(moment).middle is None
    assert model.lens_curves(moment, [5]).row.tolist() == [0, 1, 2, 3]
    with pytest.raises(FeatureUnavailable, match="between attention and MLP"):
        model.lens_cell(moment, 1, middle=True)
    assert not np.isfinite(model.residual(moment).attention_norm).any()


def test_midpoints_cost_only_when_asked_for_and_only_once():
    model = Model(build("llama", {}).model, byte_level())
    read = []
    embedding = model._engine.model.get_input_embeddings()
    embedding.register_forward_hook(lambda module, args, output: read.append(args[0].shape[1]))

    def cost(moment, **options):
        model.tokens(moment)
        read.clear()
        model.lens(moment, **options)
        return sum(read)

    moment = moment_of(model, IDS[:15])
    assert cost(moment, middle=False) == 15 * 4
    assert cost(moment, middle=False) == 0
    assert cost(moment) == 15 * (3 + 1)  # the output once more: the midpoints are compared with it
    assert cost(moment) == cost(moment, middle=False) == 0
    assert cost(model.step(moment, take=9)) == 4 + 3
    assert cost(moment.cut(10)) == 0
    branch = model.step(moment.cut(10), take=8)
    assert cost(branch, middle=False) == 4
    assert cost(branch) == 3 + 1


@pytest.mark.parametrize("family", ["llama", "gemma2", "opt"])
@pytest.mark.parametrize("position", [0, 7, -1])
def test_curves_follow_tokens_through_all_rows(family, position):
    pair, model = pair_of(family)
    streams, middle = expected_rows(family, pair.stock, IDS)
    chosen = [int(streams[-1, position].argmax()), 300, 4, 300]
    curves = model.lens_curves(moment_of(model, IDS), chosen, position)
    assert curves.row.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    assert (curves.position, curves.vocabulary_size) == (position % len(IDS), VOCABULARY)
    assert curves.ids.tolist() == chosen
    assert curves.text == tuple(model.text(token) for token in chosen)
    for index, row in enumerate(curves.row.tolist()):
        source = middle[int(row)] if row % 1 else streams[int(row)]
        probability = source[position].exp().numpy()
        for curve, token in enumerate(chosen):
            assert abs(curves.probability[curve, index] - probability[token]) < BOUND
            assert_ranks(curves.rank[curve, index], probability, probability[token : token + 1])
    assert curves.rank[0, -1] == 0
    short = model.lens_curves(moment_of(model, IDS), chosen, position, middle=False)
    assert short.row.tolist() == [0, 1, 2, 3]
    assert np.allclose(short.probability, curves.probability[:, ::2], atol=1e-6)
    assert model.lens_curves(moment_of(model, IDS), [], position).rank.shape == (0, 7)


@pytest.mark.parametrize(("stream", "middle"), [(0, False), (2, False), (3, False), (0, True), (2, True)])
def test_a_cell_lists_both_tops_with_exact_numbers(stream, middle):
    pair, model = pair_of("gemma2")
    rows = expected_rows("gemma2", pair.stock, IDS)
    logarithm, output = rows[middle][stream, 13], rows[0][-1, 13]
    cell = model.lens_cell(moment_of(model, IDS), stream, 13, middle=middle, top=12)
    found, final = logarithm.exp().numpy(), output.exp().numpy()
    assert (cell.stream, cell.middle, cell.position, cell.vocabulary_size) == (stream, middle, 13, VOCABULARY)
    assert set(cell.ids.tolist()) == set(np.argsort(-found)[:12].tolist()) | set(np.argsort(-final)[:12].tolist())
    assert cell.text == tuple(model.text(int(token)) for token in cell.ids)
    assert np.abs(cell.probability - found[cell.ids]).max() < BOUND
    assert np.abs(cell.final - final[cell.ids]).max() < BOUND
    assert np.all(np.diff(cell.probability) <= 0)
    assert_ranks(cell.rank, found[None], found[cell.ids, None])
    assert_ranks(cell.final_rank, final[None], final[cell.ids, None])
    assert cell.entropy == pytest.approx(float(entropy(logarithm)), rel=1e-4)
    assert cell.final_entropy == pytest.approx(float(entropy(output)), rel=1e-4)
    assert cell.divergence == pytest.approx(float(divergence(output, logarithm)), rel=1e-4)
    if stream == 3:
        assert cell.divergence == 0
        assert np.array_equal(cell.rank, cell.final_rank)
    whole = model.lens_cell(moment_of(model, IDS), stream, 13, middle=middle, top=10**6)
    assert np.array_equal(whole.rank, np.arange(VOCABULARY))
    assert whole.final.sum() == pytest.approx(1, abs=1e-5)


def test_curves_cells_and_the_grid_agree(llama):
    moment = moment_of(llama, IDS)
    grid = llama.lens(moment)
    for position in (0, 6, 19):
        target = int(grid.target_ids[position])
        curves = llama.lens_curves(moment, [target], position)
        rank = np.insert(grid.target_rank[:, position], [1, 2, 3], grid.middle.target_rank[:, position])
        assert np.array_equal(curves.rank[0], rank)
        cell = llama.lens_cell(moment, 1, position, middle=True, top=3)
        assert cell.ids[0] == grid.middle.ids[1, position]
        assert cell.divergence == pytest.approx(float(grid.middle.divergence[1, position]), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 4), st.integers(1, 40), st.integers(0, 2**31), st.sampled_from([0.1, 3.0, 80.0])
)
def test_what_holds_of_any_logits(rows, tokens, vocabulary, seed, spread):
    generator = torch.Generator().manual_seed(seed)
    logits = (spread * torch.randn(rows, tokens, vocabulary, generator=generator)).round(decimals=1)  # some are equal
    read = lens_rows(logits)
    assert read.top_ids.shape == (rows, tokens, min(10, vocabulary))
    assert np.array_equal(read.target_ids, logits[-1].numpy().argmax(-1))
    assert np.array_equal(read.top_ids[-1, :, 0], read.target_ids) or vocabulary > 10
    assert np.all(read.target_rank[-1] == 0)
    assert np.all((read.target_rank >= 0) & (read.target_rank < vocabulary))
    assert np.all(read.divergence >= 0)
    assert np.all(read.divergence[-1] == 0)
    assert np.all((read.entropy >= 0) & (read.entropy <= np.log(vocabulary) + 1e-5))


def test_two_logits_that_round_to_one_probability_keep_their_order():
    """Otherwise the final choice would not lead in the very row that it is the choice of."""
    logits = torch.zeros(1, 1, 5)
    logits[0, 0, 3] = 2.0**-26
    assert len(logits.softmax(-1).unique()) == 1
    read = lens_rows(logits)
    assert read.target_ids.tolist() == [3]
    assert read.target_rank.tolist() == [[0]]
    assert read.top_ids.tolist() == [[[3, 0, 1, 2, 4]]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(3, VOCABULARY - 1), min_size=1, max_size=24))
def test_leading_comes_before_settling(ids):
    grid = pair_of("qwen3")[1].lens(moment_of(pair_of("qwen3")[1], tuple(ids)))
    assert np.all((grid.first_lead >= 0) & (grid.first_lead <= grid.settled))
    assert np.all(grid.settled <= 3)
    assert np.all(grid.divergence[-1] == 0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, moment: model.lens_curves(moment, [VOCABULARY]),
        lambda model, moment: model.lens_curves(moment, [-1]),
        lambda model, moment: model.lens_curves(moment, [5], 20),
        lambda model, moment: model.lens_cell(moment, 4),
        lambda model, moment: model.lens_cell(moment, -1),
        lambda model, moment: model.lens_cell(moment, 3, middle=True),
        lambda model, moment: model.lens_cell(moment, 0, -2),
        lambda model, moment: model.lens_cell(moment, 0, top=0),
    ],
)
def test_what_does_not_exist_is_refused(llama, ask):
    with pytest.raises(OutOfRange, match=r"use|has"):
        ask(llama, moment_of(llama, IDS))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits(dtype):
    """The output row is the model's own; midpoints are read in the model's precision."""
    model = Model(build("qwen3", {}).model.to(dtype), byte_level())
    moment = moment_of(model, IDS)
    grid = model.lens(moment)
    assert grid.middle.entropy.dtype == np.float32
    assert [int(token) for token in grid.target_ids] == [
        int(model.distribution(replace(moment, ids=IDS[: end + 1], prompt_length=1), top=1).ids[0]) for end in range(20)
    ]
