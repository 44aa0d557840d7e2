# ruff: noqa: T201 - a benchmark prints
"""Measures the bytes that recordings keep, KV cache not counted, against what `output_attentions=True` keeps.

    python -m bench.memory                   # head widths 64 and 128, at 1,024 and 4,096 tokens

A recording's bytes are those of the storages behind its tensors, of real runs of 2, 3 and 4 layers. They grow by the
same with each layer, which is checked, so those of 32 layers follow. What transformers keeps is measured on a short run
and follows from layers x heads x tokens x tokens beyond. Beside both stands the arithmetic floor: the numbers that a
recording cannot do without. The last line is JSON.
"""

import argparse
import json
from dataclasses import replace
from typing import Any

import torch
from tokenizers import Tokenizer, models
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from model_runtime.chunks import storages_of
from model_runtime.keeping import Choice
from model_runtime.model import Model

WIDTH = 512  # of the stream; heads = width / head width, and neither changes a ratio
VOCABULARY = 512
LAYERS = 32  # that the ratios are given for
SHORT = 192  # tokens of the run that transformers keeps the attention of
GOALS = {("full", 1024): 0.40, ("full", 4096): 0.10, ("residual", 1024): 0.13, ("residual", 4096): 0.035}


def random_model(layers: int, head_width: int, attention: str = "sdpa") -> Any:
    """A Llama with random weights; only the shapes of its attention and its stream matter here."""
    config = AutoConfig.for_model(
        "llama",
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=WIDTH // head_width,
        num_key_value_heads=WIDTH // head_width,
        head_dim=head_width,
        intermediate_size=64,
        max_position_embeddings=8192,
    )
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()


def opened(layers: int, head_width: int, recording: Choice) -> Model:
    """Tokenscope on such a model."""
    names = {f"t{index}": index for index in range(VOCABULARY)}
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(names, unk_token="t0")))
    return Model(random_model(layers, head_width), tokenizer, recording=recording)


def kept(model: Model, tokens: int) -> int:
    """Bytes of a text's recording without the KV cache."""
    generator = torch.Generator().manual_seed(0)
    ids = tuple(torch.randint(3, VOCABULARY, (tokens,), generator=generator).tolist())
    moment = replace(model.begin("t3"), ids=ids, prompt_length=tokens)
    model.tokens(moment)
    recording = model._recording(moment)
    cached = storages_of([*recording.keys, *recording.values])
    return sum(size for address, size in recording.storages().items() if address not in cached)


def by_layers(head_width: int, tokens: int, recording: Choice) -> tuple[float, float]:
    """Bytes of a recording without layers, and what each layer adds.

    Raises:
        ValueError: They do not grow by the same with each layer.
    """
    two, three, four = (kept(opened(layers, head_width, recording), tokens) for layers in (2, 3, 4))
    each = (four - two) / 2
    if abs(three - two - each) > 0.001 * each:
        raise ValueError(f"The third layer adds {three - two} bytes and the mean of two is {each}.")
    return two - 2 * each, each


def attentions(head_width: int) -> float:
    """Bytes that `output_attentions=True` keeps of a short text, a number of layers x heads x tokens x tokens."""
    model = random_model(2, head_width, "eager")
    with torch.inference_mode():
        found = model(torch.ones(1, SHORT, dtype=torch.long), output_attentions=True, use_cache=False).attentions
    held = sum(storages_of(found).values())
    return held / (2 * (WIDTH // head_width) * SHORT**2)


def measure(head_width: int, tokens: int) -> list[dict[str, Any]]:
    """Prints and gives what both kinds of recording keep of a text, for 32 layers."""
    number = attentions(head_width)
    theirs = number * LAYERS * (WIDTH // head_width) * tokens**2
    floors = {"full": 3 * LAYERS + 1, "residual": LAYERS + 1}  # vectors a token: streams, queries, what attention added
    rows = []
    kinds: tuple[Choice, ...] = ("full", "residual")
    for kind in kinds:
        nothing, each = by_layers(head_width, tokens, kind)
        ratio = (nothing + LAYERS * each) / theirs
        floor = floors[kind] * WIDTH * 4 * tokens / theirs
        goal = GOALS[kind, tokens]
        told = f"{ratio:.4f} of output_attentions, floor {floor:.4f}, goal {goal}"
        print(f"  head width {head_width:>3}, {tokens:>5,} tokens, {kind:<8}  {told}")
        rows.append(
            {
                "head_width": head_width,
                "tokens": tokens,
                "recording": kind,
                "bytes": round(nothing + LAYERS * each),
                "attention_bytes": round(theirs),
                "attention_bytes_a_number_measured": number,
                "ratio": round(ratio, 5),
                "floor": round(floor, 5),
                "goal": goal,
                "met": ratio <= goal,
            }
        )
    return rows


def main() -> None:
    """Measures."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    print(f"{LAYERS} layers, width {WIDTH}, float32; KV cache not counted")
    rows = [row for head_width in (64, 128) for tokens in (1024, 4096) for row in measure(head_width, tokens)]
    print(json.dumps({"bench": "memory", "layers": LAYERS, "rows": rows}))


if __name__ == "__main__":
    main()
