"""Training rows: reproducible, and the loss leaves out what cannot be known."""

from random import Random

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from builtin_model.corpus.copying import repeated_ids
from builtin_model.corpus.mixture import FIRST_STAGE
from builtin_model.packing import UNLEARNABLE, batch
from builtin_model.shapes import MODERN
from builtin_model.tokenizer import CHAT_TEMPLATE, SPECIAL_TOKENS, train_tokenizer
from builtin_model.train import Stage, learning_rate, stage_at


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(MODERN, seed=3, context=64, documents=300)


def test_a_row_depends_on_nothing_but_seed_step_and_row(tokenizer: PreTrainedTokenizerFast) -> None:
    ids, labels = batch(tokenizer, seed=1, step=7, rows=4, length=64)
    again, _ = batch(tokenizer, seed=1, step=7, rows=2, length=64)
    other, _ = batch(tokenizer, seed=1, step=8, rows=4, length=64)
    assert ids.shape == labels.shape == (4, 64)
    assert torch.equal(ids[:2], again)
    assert not torch.equal(ids, other)


def test_labels_are_the_next_token_or_left_out(tokenizer: PreTrainedTokenizerFast) -> None:
    ids, labels = batch(tokenizer, seed=1, step=0, rows=16, length=128)
    known = labels[:, :-1] != UNLEARNABLE
    assert torch.equal(labels[:, :-1][known], ids[:, 1:][known])
    assert 0.7 < known.float().mean() < 1.0


@pytest.mark.parametrize("seed", range(20))
def test_random_repeats_repeat_and_hold_no_special_token(seed: int) -> None:
    ids = repeated_ids(Random(seed), vocabulary_size=500, first_id=5)
    assert min(ids) >= 5
    assert max(ids) < 500
    assert any(ids == ids[: len(ids) // copies] * copies for copies in (2, 3))


def test_the_tokenizer_has_phi3s_markers_and_template(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == [0, 1, 2, 3, 4]
    assert tokenizer.chat_template == CHAT_TEMPLATE
    shown = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert shown == "<|user|>\nHi<|end|>\n<|assistant|>\n"


@pytest.mark.parametrize("text", ["The capital of Japan is", "año 2026 \n\t naïve 日本 🦊", " leading", "trailing "])
def test_any_text_survives_the_tokenizer(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_learning_rate_rises_stays_and_falls() -> None:
    stage = Stage(steps=1000, peak=2.0, decay=0.5, weights=FIRST_STAGE)
    rates = [learning_rate(stage, step, warm_up=100) for step in range(1000)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[99:500] == [2.0] * 401
    assert rates[750] == pytest.approx(2 * (1 - 0.95 / 2))
    assert rates[999] == pytest.approx(2 * 0.0519, abs=1e-3)


def test_stages_follow_each_other() -> None:
    stages = tuple(Stage(steps, 1.0, 0.5, FIRST_STAGE) for steps in (3, 2))
    assert [stage_at(step, stages) for step in range(5)] == [
        (stages[0], 0), (stages[0], 1), (stages[0], 2), (stages[1], 0), (stages[1], 1),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="ended 1 steps before"):
        stage_at(5, stages)
