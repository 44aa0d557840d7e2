"""Models whose tokens see no unbroken run of keys: what is kept of that, and the maps that follow from it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_runtime.chunks import joined
from model_runtime.model import Model
from model_runtime.visibility import Mask, packed, stacked, starts_of, unpacked
from tests.runtime.comparison import BOUND, TOKENS, differences, moment_of, some_ids, stepped_answers, stock_answers
from tests.runtime.families import VOCABULARY, build
from tests.runtime.test_caches import CHOOSING
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(TOKENS, VOCABULARY)
CHOSEN = CHOOSING["index_topk"]


@pytest.fixture(scope="module")
def choosing():
    pair = build("deepseek_v32", CHOOSING)
    return pair.stock, Model(pair.model, byte_level())


@pytest.fixture(scope="module")
def shown(choosing):
    """The map of every head of every layer of the whole text, stepped to the end."""
    _, model = choosing
    stepped_answers(model, IDS)
    moment = moment_of(model, IDS)
    return [[model.attention(moment, layer, head) for head in range(4)] for layer in range(3)]


def mask_of(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 1, rows, columns, generator=generator) > 0.5


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 24, 129])
def test_bits_come_back_as_they_were(columns):
    mask = mask_of(5, columns)
    kept = packed(mask, columns)
    assert kept.dtype == torch.uint8
    assert kept.shape == (5, (columns + 7) // 8)
    assert torch.equal(unpacked(kept, columns), mask[0, 0])
    assert torch.equal(unpacked(kept, max(1, columns - 1)), mask[0, 0, :, : max(1, columns - 1)])
    longer = unpacked(kept, columns + 11)
    assert torch.equal(longer[:, :columns], mask[0, 0])
    assert not longer[:, columns:].any()


def test_later_tokens_know_of_more_keys():
    first, later = mask_of(3, 6), mask_of(2, 17, seed=1)
    both = unpacked(stacked(packed(first, 6), packed(later, 17)), 17)
    assert torch.equal(both[:3, :6], first[0, 0])
    assert not both[:3, 6:].any()
    assert torch.equal(both[3:], later[0, 0])


def test_a_mask_that_differs_between_heads_is_not_kept():
    assert packed(torch.ones(1, 2, 3, 3, dtype=torch.bool), 3) is None
    assert packed(torch.zeros(1, 1, 3, 3), 3) is None
    assert packed(None, 3) is None


def test_a_run_has_a_start_and_a_hole_has_none():
    window = torch.ones(1, 1, 4, 4, dtype=torch.bool).tril()
    window[..., 3, :2] = False
    assert starts_of(Mask(window, True, False, 4, 4), {}).tolist() == [0, 0, 0, 2]
    hole = window.clone()
    hole[..., 2, 1] = False
    assert starts_of(Mask(hole, True, False, 4, 4), {}) is None
    assert starts_of(Mask(None, False, False, 4, 4), {}) is None


def test_the_weights_of_chosen_keys_are_those_of_stock(choosing):
    stock, model = choosing
    assert [proof for proof in model.card().proofs if not proof.passed] == []
    errors = differences(stepped_answers(model, IDS), stock_answers(stock, IDS))
    assert errors.keys() == {"streams", "probability", "attention"}
    assert max(errors.values()) < BOUND, errors


def test_the_map_says_which_keys_were_chosen(choosing, shown):
    stock, _ = choosing
    expected = stock_answers(stock, IDS).attention
    broken = 0
    for layer in range(3):
        for head in range(4):
            visible = shown[layer][head].visible
            assert np.array_equal(visible.sum(1), np.minimum(np.arange(TOKENS) + 1, CHOSEN))
            assert not np.triu(visible, 1).any()
            assert np.all(expected[layer][head][~visible] == 0)
            spans = TOKENS - visible.argmax(1) - visible[:, ::-1].argmax(1)  # from the first chosen key to the last
            broken += int((spans > visible.sum(1)).sum())
    assert broken > 100


def test_one_row_and_looking_agree_with_the_maps(choosing, shown):
    _, model = choosing
    moment = moment_of(model, IDS)
    assert np.abs(model.inside(moment, 1, 2).weights - shown[1][2].weights[-1]).max() < 1e-6
    key = int(shown[2][3].weights[20].argmax())
    expected = np.array([[one.weights[20, key] for one in layer] for layer in shown])
    assert np.abs(model.looking(moment, 20, [key]).weights - expected).max() < 1e-6


def test_going_back_keeps_what_the_first_tokens_saw(choosing, shown):
    _, model = choosing
    stepped_answers(model, IDS)
    earlier = model.back(moment_of(model, IDS), 9)
    kept = model.attention(earlier, 2, 1)
    assert np.array_equal(kept.visible, shown[2][1].visible[:15, :15])


def test_chunks_that_keep_it_in_other_ways_stay_apart(choosing):
    _, model = choosing
    chunk = model._recording(moment_of(model, IDS)).chunks[0]
    plain = replace(chunk, seen=(None,) * 3)
    assert chunk.joins(chunk)
    assert not chunk.joins(plain)
    assert joined([chunk, chunk]).seen[0].shape[0] == 2 * chunk.tokens


def test_a_mask_that_is_no_window_is_said_to_be_chosen(choosing):
    _, model = choosing
    table = model.masks(moment_of(model, IDS))
    assert table.choosing == (0, 1, 2)
    assert table.own == ()
    assert table.without == ()
