"""The weights that ship, read with stock transformers: what a visitor is told they know, they know."""

import json
from functools import cache
from random import Random

import pytest
import torch
from transformers import Phi3ForCausalLM, PreTrainedTokenizerFast

from builtin_model.corpus import copying, facts, letters, reference
from builtin_model.probes import HERE, Subject, heads, measures_of, score
from builtin_model.shapes import PHI3

TEN_MEGABYTES = 10_000_000
WEIGHTS = HERE / PHI3.weights


@cache
def subject() -> Subject:
    return Subject(WEIGHTS)


def test_every_file_fits_into_a_space() -> None:
    assert {path.name for path in WEIGHTS.iterdir()} >= {"model.safetensors", "config.json", "tokenizer.json"}
    assert max(path.stat().st_size for path in WEIGHTS.iterdir()) < TEN_MEGABYTES


def test_it_is_a_small_phi3_with_shared_key_value_heads() -> None:
    config = json.loads((WEIGHTS / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Phi3ForCausalLM"]
    assert config["num_hidden_layers"] >= 6
    assert config["num_attention_heads"] == 8
    assert config["num_key_value_heads"] < 8
    assert config["max_position_embeddings"] == 1024
    assert 3e6 < Phi3ForCausalLM.from_pretrained(WEIGHTS).num_parameters() < 4.5e6


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
def test_the_examples_of_the_page_come_out_right(prompt: str, answer: str) -> None:
    [text] = subject().continuations([prompt], 3)
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


def test_the_card_quotes_the_probes() -> None:
    card = (HERE / "README.md").read_text(encoding="utf-8")
    measured = json.loads(measures_of(PHI3).read_text(encoding="utf-8"))
    assert len(measured) > 25
    for name, value in measured.items():
        assert f"| {name} | {value:.3f} |" in card
