# ruff: noqa: T201 - a benchmark prints
"""Measures the bytes that recordings keep, KV cache not counted, against what `output_attentions=True` keeps.

    python -m bench.memory                   # head widths 64 and 128, at 1,024 and 4,096 tokens

A recording's bytes are those of the storages behind its tensors, of real runs of 2, 3 and 4 layers. They grow by the
same with each layer, which is checked, so those of 32 layers follow. What transformers keeps is measured on a short run
and follows from layers x heads x tokens x tokens beyond. Beside both stands the arithmetic floor: the numbers that a
recording cannot do without. The last line is JSON.
"""

import argparse
from typing import Any

import torch

from bench.models import Shape, moment_of, plain_tokenizer, random_ids, random_model, sharing
from bench.timing import report
from model_runtime.chunks import storages_of
from model_runtime.keeping import Choice
from model_runtime.model import Model

WIDTH = 512  # of the stream; heads = width / head width, and neither changes a ratio
VOCABULARY = 512
LAYERS = 32  # that the ratios are given for
SHORT = 192  # tokens of the run that transformers keeps the attention of
GOALS = {("full", 1024): 0.40, ("full", 4096): 0.10, ("residual", 1024): 0.13, ("residual", 4096): 0.035}


def shape(layers: int, head_width: int) -> Shape:
    """A Llama of which only the shapes of its attention and its stream matter here."""
    return Shape(layers, WIDTH, WIDTH // head_width, WIDTH // head_width, 64, VOCABULARY)


def opened(layers: int, head_width: int, recording: Choice) -> Model:
    """Tokenscope on such a model."""
    return Model(random_model(shape(layers, head_width)), plain_tokenizer(VOCABULARY), recording=recording)


def kept(model: Model, tokens: int) -> int:
    """Bytes of a text's recording without the KV cache."""
    recording = model._recording(moment_of(model, random_ids(VOCABULARY, tokens)))
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
    model: Any = sharing(random_model(shape(2, head_width)), "eager")
    with torch.inference_mode():
        found = model(torch.ones(1, SHORT, dtype=torch.long), output_attentions=True, use_cache=False).attentions
    held = sum(storages_of(found).values())
    return held / (2 * (WIDTH // head_width) * SHORT**2)


def measure(head_width: int, tokens: int) -> dict[str, dict[str, float]]:
    """Prints and gives what both kinds of recording keep of a text, for 32 layers: bytes, ratio, floor and goal."""
    theirs = attentions(head_width) * LAYERS * (WIDTH // head_width) * tokens**2
    floors = {"full": 3 * LAYERS + 1, "residual": LAYERS + 1}  # vectors a token: streams, queries, what attention added
    found = {}
    kinds: tuple[Choice, ...] = ("full", "residual")
    for kind in kinds:
        nothing, each = by_layers(head_width, tokens, kind)
        held, goal = nothing + LAYERS * each, GOALS[kind, tokens]
        floor = floors[kind] * WIDTH * 4 * tokens / theirs
        told = f"{held / theirs:.4f} of output_attentions, floor {floor:.4f}, goal {goal}"
        print(f"  head width {head_width:>3}, {tokens:>5,} tokens, {kind:<8}  {told}")
        name = f"{kind}, head width {head_width}, {tokens} tokens"
        found[name] = {"bytes": round(held), "attention_bytes": round(theirs), "ratio": held / theirs}
        found[name] |= {"floor": floor, "goal": goal}
    return found


def main() -> None:
    """Measures."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    torch.set_num_threads(1)
    print(f"{LAYERS} layers, width {WIDTH}, float32; KV cache not counted")
    rows: dict[str, dict[str, float]] = {}
    for head_width in (64, 128):
        for tokens in (1024, 4096):
            rows |= measure(head_width, tokens)
    columns = {what: {name: row[what] for name, row in rows.items()} for what in ("ratio", "goal", "floor")}
    held = {what: {name: row[what] for name, row in rows.items()} for what in ("bytes", "attention_bytes")}
    shape_of = {"layers": LAYERS, "width": WIDTH}
    report("memory", columns["ratio"], columns["goal"], model=shape_of, floors=columns["floor"], **held)


if __name__ == "__main__":
    main()
