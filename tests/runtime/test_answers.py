"""Token tables, distributions and the lens against their definitions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_runtime import Decoding
from model_runtime.model import Model
from tests.runtime.comparison import BOUND, moment_of, some_ids, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(20, VOCABULARY, seed=4)


def test_token_table_rows_are_about_the_token_as_predicted_before_it(llama_pair):
    pair, model = llama_pair
    probability = stock_answers(pair.stock, IDS).probability.astype(np.float64)
    table = model.tokens(moment_of(model, IDS, prompt=15))
    assert np.isnan(table.surprisal[0])
    assert np.isnan(table.entropy[0])
    assert table.rank[0] == -1
    assert table.prompt_length == 15
    for row in range(1, len(IDS)):
        before = probability[row - 1]
        assert table.surprisal[row] == pytest.approx(-np.log(before[IDS[row]]), abs=1e-4)
        assert table.entropy[row] == pytest.approx(-(before * np.log(before)).sum(), abs=1e-4)
        assert table.rank[row] == (before > before[IDS[row]]).sum()


def test_distribution_is_ordered_and_exact_however_many_are_listed(llama):
    moment = replace(moment_of(llama, IDS), decoding=Decoding(temperature=0.7, top_k=30, top_p=0.8))
    whole, short = llama.distribution(moment, 7, top=None), llama.distribution(moment, 7, top=5)
    assert np.array_equal(np.sort(whole.ids), np.arange(VOCABULARY))
    assert np.array_equal(np.lexsort((whole.ids, -whole.raw)), np.arange(VOCABULARY))
    assert whole.raw.sum() == pytest.approx(1, abs=1e-5)
    assert whole.other_raw == whole.other_final == 0
    assert np.array_equal(short.ids[:5], whole.ids[:5])
    assert short.raw[:5].tolist() == whole.raw[:5].tolist()
    assert short.chosen == IDS[8]
    assert IDS[8] in short.ids
    assert short.raw.sum() + short.other_raw == pytest.approx(1, abs=1e-6)
    assert short.final.sum() + short.other_final == pytest.approx(1, abs=1e-6)
    assert short.entropy == whole.entropy == pytest.approx(float(llama.tokens(moment).entropy[8]), abs=1e-4)
    assert [stage.name for stage in short.stages] == ["temperature", "top_k", "top_p"]
    assert short.stages[1].kept_count == 30
    assert short.stages[1].removed_count == VOCABULARY - 30
    assert llama.distribution(moment).chosen is None
    assert llama.distribution(moment).position == len(IDS) - 1


def test_the_choice_is_what_a_step_takes(llama):
    for decoding in (Decoding(), Decoding(temperature=2.0, seed=3)):
        moment = replace(moment_of(llama, IDS), decoding=decoding)
        for length in (5, 11, 20):
            cut = moment.cut(length)
            choice = llama.distribution(moment, length - 1, top=1).choice
            assert choice == llama.choice(cut) == llama.step(cut).ids[-1]


def test_ranks_agree_with_the_order_of_the_distribution(llama):
    moment = moment_of(llama, IDS)
    table = llama.tokens(moment)
    for position in range(1, len(IDS)):
        shown = llama.distribution(moment, position - 1, top=None)
        assert shown.ids[table.rank[position]] == IDS[position]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_row_of_the_lens_is_the_output(family):
    pair, model = pair_of(family)
    moment = moment_of(model, IDS)
    grid, expected = model.lens(moment, middle=False), stock_answers(pair.stock, IDS).probability
    assert grid.ids.shape == (model.card().layers + 1, len(IDS))
    assert np.array_equal(grid.ids[-1], expected.argmax(1))
    assert np.abs(grid.probability[-1] - expected.max(1)).max() < BOUND
    assert np.array_equal(grid.target_ids, grid.ids[-1])
    assert np.all(grid.target_rank[-1] == 0)
    assert np.all(grid.top_probability[:, :, :-1] >= grid.top_probability[:, :, 1:])
    assert set(grid.vocabulary) == set(grid.top_ids.ravel().tolist())


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "opt"])
def test_inner_rows_of_the_lens_are_the_head_on_that_stream(family):
    """The head taken apart by hand: final norm, output weights, softcap."""
    pair, model = pair_of(family)
    moment, expected = moment_of(model, IDS), stock_answers(pair.stock, IDS)
    body = pair.stock.model.decoder if family == "opt" else pair.stock.base_model
    norm = {"gpt2": "ln_f", "opt": "final_layer_norm"}.get(family, "norm")
    cap = getattr(pair.stock.config, "final_logit_softcapping", None)
    grid = model.lens(moment)
    for stream in range(4):
        with torch.no_grad():
            logits = pair.stock.get_output_embeddings()(getattr(body, norm)(torch.from_numpy(expected.streams[stream])))
            logits = torch.tanh(logits / cap) * cap if cap else logits
        probability = logits.softmax(-1).numpy()
        assert np.abs(grid.probability[stream] - probability.max(1)).max() < BOUND
        target = probability[np.arange(len(IDS)), grid.target_ids]
        assert np.abs(grid.target_probability[stream] - target).max() < BOUND
        assert np.array_equal(grid.target_rank[stream], (probability > target[:, None]).sum(1))


def test_streams_count_from_what_enters_block_0(llama_pair):
    pair, model = llama_pair
    moment = moment_of(model, IDS)
    embedded = pair.stock.get_input_embeddings()(torch.tensor(IDS)).detach().numpy()
    assert np.array_equal(model.hidden(moment, 0), embedded)
    assert model.hidden(moment, 3).dtype == np.float32


def test_the_card_tells_the_facts(llama):
    card = llama.card()
    assert (card.layers, card.heads, card.key_value_heads, card.head_width, card.width) == (3, 4, 2, 8, 32)
    assert (card.vocabulary_size, card.context, card.end_ids) == (VOCABULARY, 64, (2,))
    assert (card.model_type, card.architecture) == ("llama", "LlamaForCausalLM")
    assert (card.device, card.dtype, card.chat) == ("cpu", "float32", True)
    assert card.parameters == sum(parameter.numel() for parameter in llama._engine.model.parameters())
    readings = {"distribution", "hidden", "lens", "attention", "ablation", "replay"}
    assert {proof.feature for proof in card.proofs} == readings | {"middle", "contributions", "heads", "neurons"}


def test_models_that_turn_positions_anew_stop_at_their_first_length():
    long = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
    settings = {"rope_parameters": long, "original_max_position_embeddings": 32, "sliding_window": None}
    assert Model(build("phi3", settings).model, byte_level()).card().context == 32


def test_fingerprints_tell_models_apart(llama, pieces_model):
    again = pair_of("llama")[1]
    assert llama.card().fingerprint == again.card().fingerprint
    others = {model.card().fingerprint for model in (llama, pieces_model, pair_of("mistral")[1])}
    assert len(others) == 3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits(dtype):
    """Rows are float32 and sum to one; the card says what they were computed from; every proof holds."""
    model = Model(build("qwen3", {}).model.to(dtype), byte_level())
    moment = moment_of(model, IDS)
    shown = model.attention(moment, 2, 1)
    name = str(dtype).removeprefix("torch.")
    assert (shown.computed_from, model.card().dtype) == (name, name)
    assert shown.weights.dtype == np.float32
    assert np.allclose(shown.weights.sum(1), 1, atol=1e-6)
    assert [proof for proof in model.card().proofs if not proof.passed] == []
    assert [len(at.ids) for at in model.play(moment, 2)] == [21, 22]
    assert model.hidden(moment, 3).dtype == model.lens(moment).probability.dtype == np.float32
