# ruff: noqa: T201 - a benchmark prints
"""Measures recording on a GPU: speed, memory and exactness of a large model with random weights.

    python -m bench.device                                  # Phi-3-mini's shape on CUDA, in float32 and in bfloat16
    python -m bench.device --dtype bfloat16 --prompt 2048   # where the memory is small
    python -m bench.device --shape tiny --device cpu        # all of it on a CPU

Nothing is downloaded. For each dtype: how far recorded logits are from those of stock transformers on the same weights
under the same attention, and one head's weights from those of stock eager attention, beside how far stock's own two
attentions are from each other; the time of a long prompt and tokens a second, recorded and bare in turns after a
warm-up, on the clock with the GPU waited for at the end of several steps; and the bytes of weights, KV cache and
recording beside what arithmetic says. The last line is JSON.
"""

import argparse
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from bench.models import SHAPES, Bare, Recorded, moment_of, plain_tokenizer, random_ids, random_model, sharing
from bench.timing import interleaved, report, table
from model_runtime.chunks import storages_of
from model_runtime.model import Model

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
ROOM = 2**36  # bytes of recordings to hold, so that the whole text is recorded in full
COMPARED = 512  # tokens of the text that is compared: eager attention keeps layers x heads x tokens x tokens numbers
BARE, RECORDED, EVERY_LOGIT = "bare", "recorded", "bare, the logits of every token"
GOALS = {"phi-3-mini": 1.05}


def farthest(one: Any, other: Any) -> float:
    """The greatest difference between two arrays or tensors."""
    first, second = (torch.as_tensor(np.array(part)) if isinstance(part, np.ndarray) else part for part in (one, other))
    return float((first.float().cpu() - second.float().cpu()).abs().max())


def exactness(bare: PreTrainedModel, model: Model, tokens: int) -> dict[str, float]:
    """Prints and gives the greatest differences from stock transformers on a text."""
    card = model.card()
    ids = random_ids(card.vocabulary_size, tokens, seed=1)
    moment, layer, head = moment_of(model, ids), card.layers // 2, card.heads - 1
    eager: Any = sharing(bare, "eager")
    text = torch.tensor([ids], device=bare.device)
    with torch.inference_mode():
        logits = bare(text).logits[0]
        stock = eager(text, output_attentions=True)
    recording = model._recording(moment)
    found = torch.stack([model._engine.logits(recording, position) for position in range(tokens)])
    weights = model.attention(moment, layer, head).weights
    far = {
        "logits, recorded and stock": farthest(found, logits),
        "logits, stock eager and stock": farthest(stock.logits[0], logits),
        "greatest logit": float(logits.float().abs().max()),
        "weights of one head, recorded and stock eager": farthest(weights, stock.attentions[layer][0, head]),
        "share of tokens with the same most probable next": float(
            (found.argmax(-1) == logits.argmax(-1)).float().mean()
        ),
        "a rounding of 1": torch.finfo(logits.dtype).eps,
    }
    for name, value in far.items():
        print(f"  {name:<54}{value:.3e}")
    return far


def prefill(bare: PreTrainedModel, model: Model, tokens: int, rounds: int) -> dict[str, float]:
    """Milliseconds of a prompt. Recording it also ranks every token, for which it needs every token's logits."""
    ids = random_ids(model.card().vocabulary_size, tokens)

    def every_logit() -> None:
        with torch.inference_mode():
            bare(torch.tensor([ids], device=bare.device), use_cache=True)

    def recorded() -> None:
        model._clear()
        model._recording(moment_of(model, ids))

    actions: dict[str, Callable[[], object]] = {
        BARE: lambda: Bare(bare, ids).step(),
        EVERY_LOGIT: every_logit,
        RECORDED: recorded,
    }
    times = interleaved(actions, rounds)
    print(f"a prompt of {tokens} tokens")
    table(times, BARE)
    return {name: taken.milliseconds for name, taken in times.items()}


def stepping(bare: PreTrainedModel, model: Model, prompt: int, steps: int, rounds: int) -> dict[str, float]:
    """Milliseconds of so many steps in a row; the GPU is waited for at their end."""
    ids = random_ids(model.card().vocabulary_size, prompt)
    loops: dict[str, Bare | Recorded] = {BARE: Bare(bare, ids), RECORDED: Recorded(model, ids)}

    def several(loop: Bare | Recorded) -> Callable[[], None]:
        def action() -> None:
            for _ in range(steps):
                loop.step()

        return action

    times = interleaved({name: several(loop) for name, loop in loops.items()}, rounds)
    print(f"{steps} steps in a row after {prompt} tokens, {rounds} times")
    table(times, BARE)
    return {name: taken.milliseconds for name, taken in times.items()}


def memory(bare: PreTrainedModel, model: Model, tokens: int) -> dict[str, dict[str, int]]:
    """Prints and gives bytes, measured and by arithmetic: of weights, and of a text's KV cache and recording."""
    card, shape = model.card(), bare.config
    model._clear()
    recording = model._recording(moment_of(model, random_ids(card.vocabulary_size, tokens)))
    cached = storages_of([*recording.keys, *recording.values])
    rest = sum(size for address, size in recording.storages().items() if address not in cached)
    number = bare.dtype.itemsize
    vectors = (card.layers + 1 + card.layers) * card.width + card.layers * card.heads * card.head_width
    found = {
        "weights": (model.weight_bytes, card.parameters * number),
        "KV cache": (
            sum(cached.values()),
            2 * card.layers * shape.num_key_value_heads * card.head_width * tokens * number,
        ),
        "recording": (rest, vectors * tokens * number),  # streams, what attention added, queries
    }
    for name, (measured, arithmetic) in found.items():
        told = f"{measured / 1e6:12.2f} MB, by arithmetic {arithmetic / 1e6:12.2f} MB"
        print(f"  {name:<12}{told}  {measured / arithmetic:7.4f} x")
    return {name: {"measured": measured, "arithmetic": arithmetic} for name, (measured, arithmetic) in found.items()}


def measured(arguments: argparse.Namespace, name: str) -> tuple[dict[str, float], dict[str, Any]]:
    """All of one dtype: ratios, and the other figures."""
    shape, rounds, steps = SHAPES[arguments.shape], arguments.rounds, arguments.steps
    bare = random_model(shape, arguments.device, DTYPES[name])
    tokenizer = plain_tokenizer(shape.vocabulary)
    model = Model(sharing(bare), tokenizer, name=arguments.shape, shelf_bytes=ROOM, recording="full")
    print(f"{arguments.shape}, {model.card().parameters / 1e6:.1f} M parameters, {name} on {bare.device}")
    far = exactness(bare, model, min(COMPARED, arguments.prompt))
    prompts = prefill(bare, model, arguments.prompt, rounds)
    after = min(128, arguments.prompt)
    stepped = stepping(bare, model, after, steps, rounds)
    held = memory(bare, model, arguments.prompt)
    ratios = {
        f"{name}: recorded / bare step": stepped[RECORDED] / stepped[BARE],
        f"{name}: recorded / bare prompt": prompts[RECORDED] / prompts[BARE],
        f"{name}: recorded / bare prompt with every logit": prompts[RECORDED] / prompts[EVERY_LOGIT],
    }
    ratios |= {f"{name}: {what}, measured / arithmetic": a["measured"] / a["arithmetic"] for what, a in held.items()}
    facts: dict[str, Any] = {
        "differences": far,
        "tokens_a_second": {kind: round(steps / value * 1000, 2) for kind, value in stepped.items()},
        "prompt_milliseconds": {kind: round(value, 3) for kind, value in prompts.items()},
        "bytes": held,
        "proofs": {proof.feature: proof.passed for proof in model.card().proofs},
    }
    for kind, value in facts["tokens_a_second"].items():
        print(f"  {kind:<12}{value:10.2f} tokens a second")
    if bare.device.type == "cuda":
        facts["most_bytes_allocated"] = torch.cuda.max_memory_allocated(bare.device)
        print(f"  the most memory in use: {facts['most_bytes_allocated'] / 1e9:.2f} GB")
    return ratios, facts


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shape", default="phi-3-mini", choices=sorted(SHAPES), help="a shape of bench.models")
    parser.add_argument("--device", default="cuda", help="where to run, such as cuda, cuda:1 or cpu")
    parser.add_argument("--dtype", action="append", choices=sorted(DTYPES), help="may be given more than once")
    parser.add_argument("--prompt", type=int, default=4096, help="tokens of the long prompt")
    parser.add_argument("--steps", type=int, default=16, help="steps in a row")
    parser.add_argument("--rounds", type=int, default=7, help="how often each has its turn")
    arguments = parser.parse_args()
    if torch.device(arguments.device).type == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no CUDA device; --shape tiny --device cpu runs all of this on a CPU")
    ratios: dict[str, float] = {}
    found, goals = {}, {}
    torch.set_num_threads(1)
    for name in arguments.dtype or list(DTYPES):
        gc.collect()  # models refer to themselves: the last one's memory is not to count for this one
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        more, found[name] = measured(arguments, name)
        ratios |= more
        if arguments.shape in GOALS:
            goals[f"{name}: recorded / bare step"] = GOALS[arguments.shape]
    report("device", ratios, goals, model=arguments.shape, prompt=arguments.prompt, steps=arguments.steps, found=found)


if __name__ == "__main__":
    main()
