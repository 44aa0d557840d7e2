"""What a mosaic is pooled from grows, shrinks and coarsens with the text, and always equals pooling stock attention."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime import glance as glances
from model_runtime import head_mosaic
from model_runtime.glance import blank, block_of, in_blocks
from model_runtime.head_mosaic import fill
from model_runtime.layer_weights import Rows
from tests.runtime.comparison import moment_of, some_ids, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import HYBRID, VOCABULARY
from tests.runtime.heads_reference import IDS

HEADS = 12  # of the small models: 3 layers x 4
COUNT = len(IDS)
TAKEN = (0, 1, 2, 40, 50, 60)  # the first three are special
LONG = (*IDS, 2, *some_ids(13, VOCABULARY, seed=5), 1, 70)  # 40 tokens


def pooled_by_hand(weights, hidden, edges):
    """[head, row, column] the largest weight of each cell, and the mean hidden share [head]."""
    kept = weights.astype(np.float64).copy()
    rest = np.ones(kept.shape[:-1])
    if hidden:
        kept[..., list(hidden)] = 0
        rest = kept.sum(-1)
        kept = np.divide(kept, rest[..., None], out=np.zeros_like(kept), where=rest[..., None] > 0)
    spans = list(pairwise(edges))
    cells = [[kept[:, low:high, left:right].max((1, 2)) for left, right in spans] for low, high in spans]
    return np.moveaxis(np.array(cells), 2, 0), (1 - rest).mean(-1)


def assert_equals_stock(pair, model, moment, hide, scale="sqrt", cells=48):
    picture = model.mosaic(moment, cells=cells, hide=hide, scale=scale)
    stock = iter(weights for weights in stock_answers(pair.stock, moment.ids).attention if weights is not None)
    for layer in range(3):
        if not picture.exists[layer].any():
            assert not picture.cells[layer].any()
            assert np.isnan(picture.hidden[layer]).all()
            continue
        expected, hidden = pooled_by_hand(next(stock), model.hiding(moment, hide), picture.edges)
        expected = np.sqrt(expected) if scale == "sqrt" else expected
        # The square root spreads float32's error near 0: a weight of 1e-7 off shifts a byte by at most 0.08.
        assert np.abs(picture.cells[layer] - 255 * expected).max() <= 0.6
        assert np.abs(picture.hidden[layer] - hidden).max() < 1e-5
    assert next(stock, None) is None
    assert (picture.edges[0], picture.edges[-1]) == (0, len(moment.ids))
    assert (np.diff(picture.edges) > 0).all()
    return picture


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mosaic_keeps_a_single_strong_cell(data):
    count = data.draw(st.integers(1, 90))
    block = data.draw(st.sampled_from([1, 2, 4, 8]))
    query = data.draw(st.integers(0, count - 1))
    key = data.draw(st.integers(0, query))
    part = data.draw(st.integers(1, 12)) * block
    weights = torch.zeros(2, count, count)
    weights[1, query, key] = 0.8
    nothing = torch.zeros(2, count)
    rows = [
        Rows(at, weights[:, at : at + part], nothing, torch.ones(1, 1), nothing[:, at : at + part])
        for at in range(0, count, part)
    ]
    found = blank((1, 2), count, block, "linear", ())
    fill(found, 0, rows)
    blocks = -(-count // block)
    side = data.draw(st.integers(1, blocks))
    edges = np.arange(side + 1) * blocks // side
    pooled = found.pooled(edges)
    row, column = (np.searchsorted(edges, place // block, side="right") - 1 for place in (query, key))
    assert pooled[0, 1, row, column] == 204  # 0.8 * 255
    assert pooled.sum() == 204


@given(st.integers(1, 5000), st.integers(1, 1500))
def test_a_glance_stays_small(tokens, heads):
    block = block_of(tokens, heads)
    assert heads * (-(-tokens // block)) ** 2 <= glances.GLANCE_BYTES
    assert block == 1 or heads * (-(-tokens // (block // 2))) ** 2 > glances.GLANCE_BYTES


@pytest.mark.parametrize("block", [1, 2, 8])
@pytest.mark.parametrize("queries", [1, 7, 8, 9])
def test_blocks_by_hand(block, queries):
    weights = torch.rand(2, queries, 13, generator=torch.Generator().manual_seed(1))
    found = in_blocks(weights, block)
    for row in range(-(-queries // block)):
        for column in range(-(-13 // block)):
            own = weights[:, row * block : (row + 1) * block, column * block : (column + 1) * block]
            assert torch.equal(found[:, row, column], own.amax((1, 2)))


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt_oss", "mistral", *HYBRID])
@pytest.mark.parametrize("side", [48, 5])  # base blocks that fit: every token its own, and blocks of 8 at the end
def test_stepping_and_going_back_equal_stock(family, side, monkeypatch):
    monkeypatch.setattr(glances, "GLANCE_BYTES", HEADS * side**2)
    pair, model = pair_of(family)
    model._shelf.clear()
    moment = moment_of(model, LONG[:9])
    for token in LONG[9:]:
        for hide in (None, "first", "special"):
            model.mosaic(moment, hide=hide)
        moment = moment.grown(token)
    asked = [(length, hide) for length in (40, 39, 33, 32, 31, 17, 40) for hide in (None, "first", "special")]
    pictures = [assert_equals_stock(pair, model, moment.cut(length), hide) for length, hide in asked]
    for (length, hide), grown in zip(asked, pictures, strict=True):
        model._shelf.clear()
        afresh = model.mosaic(moment.cut(length), hide=hide)
        assert np.array_equal(grown.edges, afresh.edges)
        assert np.abs(grown.cells.astype(int) - afresh.cells).max() <= 1


move = st.tuples(st.sampled_from(["take", "take many", "back", "branch", "ablate"]), st.integers(0, 30))
question = st.tuples(st.sampled_from([None, "first", "special"]), st.sampled_from(["sqrt", "linear"]))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(move, st.none() | question), max_size=14), question, st.sampled_from([48, 11, 5]))
def test_any_walk_ends_where_a_fresh_mosaic_is(walk, last, side):
    _, model = pair_of("gpt_oss")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glances, "GLANCE_BYTES", HEADS * side**2)
        model._shelf.clear()  # glances of other bounds
        moment = moment_of(model, LONG[:7])
        seen = [moment]
        for (kind, number), asked in walk:
            if kind.startswith("take"):
                for extra in range(1 if kind == "take" else 1 + number % 9):
                    if len(moment.ids) < 50:
                        moment = moment.grown(TAKEN[(number + extra) % 6])
            elif kind == "back":
                moment = model.back(moment, number % 12)
            elif kind == "branch":
                moment = seen[number % len(seen)]
            else:
                moment = moment.without([(number % 2, number % 4)])
            seen.append(moment)
            if asked is not None:
                model.mosaic(moment, hide=asked[0], scale=asked[1])
        grown = model.mosaic(moment, hide=last[0], scale=last[1])
        assert len(model._recording(moment).glances) <= 3
        model._shelf.clear()
        afresh = model.mosaic(moment, hide=last[0], scale=last[1])
        assert np.abs(grown.cells.astype(int) - afresh.cells).max() <= 1
        assert np.allclose(grown.hidden, afresh.hidden, atol=1e-5, equal_nan=True)
        maps = np.stack([[model.attention(moment, layer, head).weights for head in range(4)] for layer in range(3)])
        by_hand = [pooled_by_hand(own, model.hiding(moment, last[0]), grown.edges)[0] for own in maps]
        shown = np.sqrt(by_hand) if last[1] == "sqrt" else np.array(by_hand)
        assert np.abs(grown.cells - 255 * shown).max() <= 0.6


def test_a_step_computes_only_the_last_blocks_rows(llama, monkeypatch):
    monkeypatch.setattr(glances, "GLANCE_BYTES", HEADS * 10**2)  # blocks of 4
    llama._shelf.clear()
    llama.mosaic(moment_of(llama, LONG[:33]))
    computed = []

    def counted(*given):
        for part in rows(*given):
            computed.append(part.weights.shape[1])
            yield part

    rows = head_mosaic.all_rows
    monkeypatch.setattr(head_mosaic, "all_rows", counted)
    for length, queries in ((34, 2), (34, 0), (35, 3), (37, 5), (36, 0), (35, 3), (38, 2)):
        computed.clear()
        llama.mosaic(moment_of(llama, LONG[:length]))
        assert sum(computed) == 3 * queries, length


def test_the_shelf_counts_glances(llama):
    llama._shelf.clear()
    moment = moment_of(llama, IDS)
    llama.tokens(moment)
    before = llama._shelf.nbytes
    llama.mosaic(moment)
    assert llama._shelf.nbytes == before + HEADS * COUNT * (COUNT + 4)
