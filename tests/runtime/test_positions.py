"""How positions are told apart: against complex rotations in NumPy, stock attention, stock tables, and stock runs."""

import numpy as np
import pytest
import torch

from model_runtime import FeatureUnavailable, InputError, OutOfRange
from model_runtime.anatomy import dissect
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import CONTEXT, VOCABULARY

SEVEN = ("phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3")
TURNING = tuple(family for family in SEVEN if family != "gpt2")
IDS = some_ids(14, VOCABULARY, seed=5)
FIRST, SECOND = "a fox and a kite", "the red kite"


def frequencies(config):
    """[pair] radians a token by the formula of the paper (Su et al. 2021), and the number of turned dimensions."""
    share = config.rope_parameters.get("partial_rotary_factor", 1.0)
    width = int(8 * share)
    return config.rope_parameters["rope_theta"] ** (-np.arange(0, width, 2) / width), width


def stock_scores(stock, ids, layer):
    """[head, query, key] stock eager scores before the softmax, up to a constant for each query; NaN for lost ones."""
    with torch.no_grad():
        weights = stock(torch.tensor([ids]), output_attentions=True).attentions[layer][0].double().numpy()
    return np.log(np.where(weights > 1e-20, weights, np.nan))


def turned(vector, frequency, position, width):
    """A vector turned as complex numbers in NumPy, halves together."""
    half = width // 2
    numbers = (vector[:half] + 1j * vector[half:width]) * np.exp(1j * frequency * position)
    return np.concatenate([numbers.real, numbers.imag, vector[width:]])


@pytest.mark.parametrize("family", SEVEN)
def test_the_scheme(family):
    _, model = pair_of(family)
    scheme = model.position_scheme()
    assert scheme.kind == ("learned" if family == "gpt2" else "rotary")
    assert scheme.rotated == (family != "gpt2",) * 3
    assert scheme.context == CONTEXT
    if family == "gpt2":
        assert np.isnan(scheme.error)
    else:
        assert scheme.error < 1e-5


@pytest.mark.parametrize("family", TURNING)
def test_vectors_turn_as_complex_numbers(family):
    pair, model = pair_of(family)
    frequency, width = frequencies(pair.stock.config)
    moment = moment_of(model, IDS)
    for layer, head, position, key in ((0, 1, 13, 4), (2, 3, 9, 9)):
        rotary = model.rotary(moment, layer, head, position, key, reach=40)
        assert rotary.layout == "halves"
        assert rotary.key_value_head == (head if family == "gpt_neox" else head // 2)
        np.testing.assert_allclose(rotary.frequency, frequency, rtol=1e-5)
        assert rotary.length == pytest.approx(1, abs=1e-6)
        np.testing.assert_array_equal(rotary.pairs, [[j, j + width // 2] for j in range(width // 2)])
        query, key_vector = rotary.query.astype(np.float64), rotary.key.astype(np.float64)
        np.testing.assert_allclose(turned(query, frequency, position, width), rotary.query_turned, atol=2e-4)
        np.testing.assert_allclose(turned(key_vector, frequency, key, width), rotary.key_turned, atol=2e-4)
        expected = [turned(query, frequency, d, width) @ key_vector for d in range(40)]
        scale = rotary.recorded / (rotary.query_turned.astype(np.float64) @ rotary.key_turned)
        np.testing.assert_allclose(rotary.scores, np.multiply(expected, scale), atol=2e-5 * rotary.peak)
        np.testing.assert_allclose(rotary.parts.sum(0) + rotary.rest, rotary.scores, atol=1e-5 * rotary.peak)


@pytest.mark.parametrize("family", TURNING)
def test_before_turning_they_are_what_stock_projects(family):
    """The first block's query of a token is the same wherever the token stands; turned back, so is ours."""
    _, model = pair_of(family)
    ids = (7,) * 12
    vectors = [model.rotary(moment_of(model, ids), 0, 2, position, 0).query for position in (0, 5, 11)]
    for vector in vectors[1:]:
        np.testing.assert_allclose(vector, vectors[0], atol=1e-5 * np.abs(vectors[0]).max())


@pytest.mark.parametrize("family", [family for family in TURNING if family != "gemma2"])  # which has a softcap
def test_scores_are_those_of_stock_attention(family):
    pair, model = pair_of(family)
    scores = stock_scores(pair.stock, IDS, 1)[2, 13]
    keys = range(8, 14)  # in sight in every family's window
    found = [model.rotary(moment_of(model, IDS), 1, 2, 13, key) for key in keys]
    ours = np.array([one.scores[13 - one.key_position] for one in found], np.float64)
    known = ~np.isnan(scores[8:])
    best = scores[8:][known].argmax()
    assert known.sum() > 1
    expected = scores[8:][known] - scores[8:][known][best]
    np.testing.assert_allclose(ours[known] - ours[known][best], expected, atol=2e-4)
    np.testing.assert_allclose(ours, [one.recorded for one in found], atol=1e-4)


@pytest.mark.parametrize("family", TURNING)
def test_moving_both_leaves_the_score(family):
    _, model = pair_of(family)
    rotary = model.rotary(moment_of(model, IDS), 1, 0, 8, 3)
    assert rotary.shifts.tolist() == [0, 1, 10]  # 100 is beyond the context of 64
    assert np.abs(rotary.moved - rotary.moved[0]).max() < 2e-6 * rotary.peak
    assert rotary.moved[0] == pytest.approx(float(rotary.scores[5]), abs=2e-6 * rotary.peak)


@pytest.mark.parametrize(
    ("family", "layout", "pairs", "length"),
    [("cohere", "neighbours", 4, 1), ("gpt_oss", "halves", 4, 0.1 * np.log(32) + 1), ("phi", "halves", 2, 1)],
)
def test_other_layouts_and_scaled_tables(family, layout, pairs, length):
    """YaRN lengthens queries and keys by 0.1 ln(factor) + 1 (Peng et al. 2023), which gpt_oss does by 32."""
    _, model = pair_of(family)
    rotary = model.rotary(moment_of(model, IDS), 0, 1)
    assert (rotary.layout, len(rotary.frequency)) == (layout, pairs)
    assert rotary.length == pytest.approx(length, rel=1e-5)


def test_blocks_that_do_not_turn_are_told_from_those_that_do():
    _, model = pair_of("cohere2")  # whose full attention knows no positions
    assert model.position_scheme().rotated == (True, False, True)
    with pytest.raises(FeatureUnavailable, match="L1 does not turn"):
        model.rotary(moment_of(model, IDS), 1, 0)


def test_learned_positions():
    pair, model = pair_of("gpt2")
    table = pair.stock.transformer.wpe.weight.detach().numpy().astype(np.float64)
    tokens = pair.stock.transformer.wte.weight.detach().numpy()[list(IDS)]
    found = model.learned_positions(moment_of(model, IDS), most=9)
    np.testing.assert_allclose(found.norm, np.linalg.norm(table, axis=1), rtol=1e-5)
    assert found.sampled.tolist() == [0, 8, 16, 24, 32, 39, 47, 55, 63]
    unit = table[found.sampled] / np.linalg.norm(table[found.sampled], axis=1, keepdims=True)
    np.testing.assert_allclose(found.cosine, unit @ unit.T, atol=1e-5)
    np.testing.assert_allclose(found.token_norm, np.linalg.norm(tokens, axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.added_norm, np.linalg.norm(table[: len(IDS)], axis=1), rtol=1e-5)
    assert found.error < 1e-6
    with pytest.raises(FeatureUnavailable, match="learned vector"):
        model.rotary(moment_of(model, IDS), 0, 0)


def test_learned_positions_that_begin_later_in_their_table():
    pair, model = pair_of("opt")
    table = pair.stock.model.decoder.embed_positions.weight.detach().numpy()[2:]
    found = model.learned_positions(moment_of(model, IDS))
    np.testing.assert_allclose(found.norm, np.linalg.norm(table, axis=1), rtol=1e-5)


def test_a_penalty_for_distance():
    """ALiBi's slopes are 2 ** (-8 (head + 1) / heads) (Press et al. 2021)."""
    _, model = pair_of("bloom")
    scheme = model.position_scheme()
    assert scheme.kind == "bias"
    np.testing.assert_allclose(scheme.slopes, 2.0 ** (-8 * (np.arange(4) + 1) / 4), rtol=1e-6)
    packing = model.packing(FIRST, SECOND)
    assert [run.possible for run in packing.runs] == [True, False, True, False]
    scheme = pair_of("falcon:alibi")[1].position_scheme()  # scaled like the rest of the score before it is added
    np.testing.assert_allclose(scheme.slopes, 2.0 ** (-8 * (np.arange(4) + 1) / 4) / 8**0.5, rtol=1e-5)


@pytest.mark.parametrize("family", ["mamba", "gptj"])
def test_without_any(family):
    _, model = pair_of(family)
    assert model.position_scheme().kind == "none"
    with pytest.raises(FeatureUnavailable):
        model.rotary(moment_of(model, IDS), 0, 0)
    with pytest.raises(FeatureUnavailable):
        model.learned_positions(moment_of(model, IDS))


def test_what_cannot_be_asked():
    _, model = pair_of("llama")
    moment = moment_of(model, IDS)
    with pytest.raises(OutOfRange, match="stands after the query"):
        model.rotary(moment, 0, 0, 3, 5)
    with pytest.raises(OutOfRange, match="distances"):
        model.rotary(moment, 0, 0, reach=0)
    with pytest.raises(OutOfRange):
        model.rotary(moment, 0, 4)
    with pytest.raises(InputError, match="second text is empty"):
        model.packing(FIRST, " ")
    with pytest.raises(InputError, match="tokens together"):
        model.packing(FIRST * 3, SECOND * 3)


def stock_packed(pair, model, restarted, separate):
    """[token, vocabulary] the second text's logits by stock eager attention with position ids and a 4-D mask.

    A family with a window gets the window in its mask too, which a mask of one's own replaces.
    """
    first, second = (model._vocabulary.encode(text) for text in (FIRST, SECOND))
    count, begins = len(first) + len(second), len(first)
    positions = torch.arange(count)
    if restarted:
        positions[begins:] -= begins
    seen = torch.ones(count, count, dtype=torch.bool).tril()
    if separate:
        seen[begins:, :begins] = False
    config = pair.stock.config
    sliding = seen & torch.ones(count, count, dtype=torch.bool).triu(
        1 - (getattr(config, "sliding_window", 0) or count)
    )
    additive = [
        torch.zeros(1, 1, count, count).masked_fill(~mask, torch.finfo(torch.float32).min) for mask in (seen, sliding)
    ]
    kinds = getattr(config, "layer_types", None)
    mask = dict(zip(("full_attention", "sliding_attention"), additive, strict=True))
    given = mask if kinds and len(set(kinds)) > 1 else additive[1]
    with torch.no_grad():
        output = pair.stock(
            torch.tensor([first + second]), attention_mask=given, position_ids=positions[None], use_cache=False
        )
    return output.logits[0, begins:].numpy()


@pytest.mark.parametrize("family", SEVEN)
def test_packed_texts(family):
    pair, model = pair_of(family)
    second = model._vocabulary.encode(SECOND)
    with torch.no_grad():
        alone = pair.stock(torch.tensor([second])).logits[0].numpy()
    packing = model.packing(FIRST, SECOND)
    assert packing.first == len(model._vocabulary.encode(FIRST))
    assert len(packing.text) == len(second)
    assert packing.top_ids[0] == alone[-1].argmax()
    assert packing.largest == pytest.approx(np.abs(alone).max(), rel=1e-5)
    same = {}
    for run in packing.runs:
        logits = stock_packed(pair, model, run.restarted, run.separate)
        expected = np.abs(logits - alone).max(-1)
        np.testing.assert_allclose(run.difference, expected, atol=5e-5 * packing.largest)
        exponential = np.exp(np.stack([logits, alone]).astype(np.float64))
        one, other = exponential / exponential.sum(-1, keepdims=True)
        np.testing.assert_allclose(run.variation, np.abs(one - other).sum(-1) / 2, atol=1e-4)
        assert run.changed == (logits.argmax(-1) != alone.argmax(-1)).sum()
        assert run.top_ids[0] == logits[-1].argmax()
        assert run.top_probability[0] == pytest.approx(one[-1].max(), abs=1e-4)
        same[run.restarted, run.separate] = run.difference.max() < 1e-4 * packing.largest
    # Rotary positions know distances only, so that hiding the first text is enough; learned ones have to restart too.
    assert same == {(False, False): False, (True, False): False, (False, True): family != "gpt2", (True, True): True}


def test_nothing_is_left_hooked():
    _, model = pair_of("llama")
    model.packing(FIRST, SECOND)
    blocks = dissect(model._engine.model).layers
    assert all(len(block._forward_pre_hooks) == (index == 0) for index, block in enumerate(blocks))
