# ruff: noqa: T201 - a benchmark prints
"""Measures what watching costs: stepping with Tokenscope against a bare transformers loop on the same weights.

    python -m bench.stepping                 # a random 20-million-parameter Llama
    python -m bench.stepping --model builtin --prompt 400 --steps 100

The two take turns step by step, so that whatever else the machine does falls on both, and medians are compared.
"""

import argparse
import statistics
import time
from copy import deepcopy
from typing import Any

import torch
from tokenizers import Tokenizer, models
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache, PreTrainedTokenizerFast

from model_runtime.loading import load
from model_runtime.model import Model
from model_runtime.moment import Moment


def random_model() -> tuple[Any, Any]:
    """A Llama of 20 million parameters with random weights, and a tokenizer that only has to exist."""
    config = AutoConfig.for_model(
        "llama",
        vocab_size=8192,
        hidden_size=384,
        num_hidden_layers=8,
        num_attention_heads=6,
        num_key_value_heads=2,
        intermediate_size=1152,
        max_position_embeddings=2048,
    )
    vocabulary = {f"t{index}": index for index in range(8192)}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="t0")))
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval(), tokenizer


def opened(name: str | None) -> tuple[Any, Model]:
    """A bare model, and Tokenscope's on a copy of its weights."""
    if name is None:
        bare, tokenizer = random_model()
        return bare, Model(deepcopy(bare), tokenizer)
    model = load(name, device="cpu", dtype="float32", progress=None)
    bare = deepcopy(model._engine.model)  # the very same weights; its copy of the seam has no recorder
    bare.set_attn_implementation("sdpa")
    return bare, model


class Bare:
    """A transformers loop that does nothing but step greedily."""

    def __init__(self, model: Any, ids: tuple[int, ...]) -> None:
        self.model, self.cache = model, DynamicCache(config=model.config)
        self.next = torch.tensor([ids])

    def step(self) -> None:
        """Runs what is new and takes the most probable token."""
        with torch.inference_mode():
            logits = self.model(self.next, past_key_values=self.cache, use_cache=True, logits_to_keep=1).logits
        self.next = logits[:, -1:].argmax(-1)


def timed(action: Any) -> float:
    """Milliseconds that a call takes."""
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1000


def measure(bare: Any, model: Model, prompt: int, steps: int) -> None:
    """Prints one line for the prompt and one for each thing that a step may ask."""
    card = model.card()
    generator = torch.Generator().manual_seed(0)
    ids = tuple(torch.randint(3, card.vocabulary_size, (prompt,), generator=generator).tolist())
    moment = Moment(card.name, card.revision, card.fingerprint, ids, prompt)
    loop = Bare(bare, ids)
    rows: dict[str, list[float]] = {"bare step": []}
    questions = {
        "step with tokens and distribution": lambda: (model.tokens(moment), model.distribution(moment)),
        "and one attention map": lambda: model.attention(moment, card.layers // 2, 0),
        "and the lens": lambda: model.lens(moment),
    }
    first = {"bare prompt": timed(loop.step)} | {name: timed(question) for name, question in questions.items()}
    size = f"{card.parameters / 1e6:.1f} M parameters"
    print(f"{card.architecture}, {size} on {card.device}; a prompt of {prompt} tokens, {steps} steps")
    for name, milliseconds in first.items():
        print(f"  prompt: {name:<36}{milliseconds:9.1f} ms")
    for _ in range(steps):
        rows["bare step"].append(timed(loop.step))
        moment = moment.grown(model.choice(moment))
        for name, question in questions.items():
            rows.setdefault(name, []).append(timed(question))
    for name, values in rows.items():
        halves = statistics.median(values[: steps // 2]), statistics.median(values[steps // 2 :])
        print(f"  step:   {name:<36}{statistics.median(values):9.2f} ms   halves {halves[0]:.2f}, {halves[1]:.2f}")
    ratio = statistics.median(rows["step with tokens and distribution"]) / statistics.median(rows["bare step"])
    print(f"  a watched step takes {ratio:.2f} times a bare one; recordings hold {model.held_bytes / 2**20:.1f} MB")


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", help="a name for load_model; a random model by default")
    parser.add_argument("--prompt", type=int, default=400, help="tokens of the prompt")
    parser.add_argument("--steps", type=int, default=100, help="steps to take")
    arguments = parser.parse_args()
    bare, model = opened(arguments.model)
    measure(bare, model, arguments.prompt, arguments.steps)


if __name__ == "__main__":
    main()
