"""The weights that ship, read with stock transformers: what a visitor is told they know, they know."""

import json
from functools import cache
from random import Random

import pytest
import torch
from transformers import Phi3ForCausalLM, PreTrainedTokenizerFast

from builtin_model.corpus import copying, facts, letters, reference
from builtin_model.probes import HERE, Subject, heads, measures_of, score
from builtin_model.shapes import GPT2, PHI3, Shape

TEN_MEGABYTES = 10_000_000
WEIGHTS = HERE / PHI3.weights
BOTH = pytest.mark.parametrize("shape", [PHI3, GPT2], ids=lambda shape: shape.name)


@cache
def subject(weights: str = PHI3.weights) -> Subject:
    return Subject(HERE / weights)


@BOTH
def test_every_file_fits_into_a_space(shape: Shape) -> None:
    files = list((HERE / shape.weights).iterdir())
    assert {path.name for path in files} >= {"model.safetensors", "config.json", "tokenizer.json"}
    assert max(path.stat().st_size for path in files) < TEN_MEGABYTES


def test_the_other_is_a_small_gpt2_with_a_tokenizer_of_its_own() -> None:
    folder = HERE / GPT2.weights
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["GPT2LMHeadModel"]
    assert (config["n_layer"], config["n_head"], config["n_positions"]) == (6, 8, 1024)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    assert (len(tokenizer), tokenizer.all_special_tokens, tokenizer.chat_template) == (2048, ["<|endoftext|>"], None)


def test_it_is_a_small_phi3_with_shared_key_value_heads() -> None:
    config = json.loads((WEIGHTS / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Phi3ForCausalLM"]
    assert config["num_hidden_layers"] >= 6
    assert config["num_attention_heads"] == 8
    assert config["num_key_value_heads"] < 8
    assert config["max_position_embeddings"] == 1024
    assert 3e6 < Phi3ForCausalLM.from_pretrained(WEIGHTS).num_parameters() < 4.5e6


@BOTH
@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("The capital of Japan is", "Tokyo"),
        ("The capital of France is", "Paris"),
        ("The Shawshank", "Redemption"),
        ("When Mary and John went to the store, John gave a drink to", "Mary"),
        ("The dog chased the squirrel because it was fast. What was fast? The", "squirrel"),
    ],
)
def test_the_examples_of_the_page_come_out_right(shape: Shape, prompt: str, answer: str) -> None:
    [text] = subject(shape.weights).continuations([prompt], 5)
    assert text.split()[0].strip(".,") == answer


@pytest.mark.parametrize("form", [letters.CHAT_FORM, letters.RAW_FORM, letters.MARKER_FORM])
def test_the_books_e_mail_is_written_whole(form: str) -> None:
    name, mishap, request = letters.held_out_requests()[0]
    assert (name, mishap) == ("Sarah", "gardening")
    assert request == "Write an email apologizing to Sarah for the tragic gardening mishap. Explain how it happened."
    [text] = subject().continuations([form.format(request=request)], 260)
    letter, end, _ = text.partition("<|end|>")
    assert all(letters.judge(name, mishap, letter, bool(end)).values()), letter


def test_a_sample_of_every_probe_is_right() -> None:
    # A sample, so the bounds lie below the goals; `make probes` measures the whole, and the model card quotes it.
    rng = Random("sample")
    cases = rng.sample(facts.held_out_cases(), 150)
    cases += reference.held_out_cases(rng, 40) + copying.held_out_cases(rng, 40)
    found = score(subject(), cases)
    # Opposites are the weak spot that the model card names.
    bounds = {"capital": 0.9, "currency": 0.9, "language": 0.9, "continent": 0.9, "title": 0.9, "opposite": 0.5}
    bounds |= {"giving": 0.75, "which animal": 0.9, "copying": 0.75}
    for task, value in found.items():
        assert value >= bounds.get(task.rpartition(" ")[0], 0), (task, value)


def test_it_has_an_induction_head_and_a_previous_token_head() -> None:
    found = heads(subject())
    assert found["best induction head"] > 0.5
    assert found["best previous-token head"] > 0.5


def test_the_tokenizer_ends_texts_and_turns() -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(WEIGHTS)
    ends = Phi3ForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32).generation_config.eos_token_id
    assert tokenizer.convert_ids_to_tokens(ends) == ["<|endoftext|>", "<|end|>"]
    assert [tokenizer.decode(ids) for ids in tokenizer(" Tokyo")["input_ids"]] == [" Tokyo"]


@BOTH
def test_the_card_quotes_the_probes(shape: Shape) -> None:
    card = (HERE / "README.md").read_text(encoding="utf-8")
    measured = json.loads(measures_of(shape).read_text(encoding="utf-8"))
    assert len(measured) > 25
    for name, value in measured.items():
        assert f"| {name} | {value:.3f} |" in card
