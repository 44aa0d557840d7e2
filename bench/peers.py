# ruff: noqa: T201 - a benchmark prints
"""Measures Tokenscope beside TransformerLens and nnsight, on the very same weights.

    python -m pip install transformer-lens==4.3.0 nnsight==0.8.1    # best in an environment of its own
    python -m bench.peers                    # a random 20-million-parameter Llama
    python -m bench.peers --model llama-134m --tokens 512

First what each says is compared with stock transformers under eager attention: the logits, one head's pattern, the last
residual stream and the tokens of a greedy continuation. Then all attention patterns and residual streams of a text:
time, and bytes kept without the KV cache. Then a prompt and the steps after it, each step's attention and streams at
hand. The peers are told to keep nothing else. They keep every pattern; Tokenscope keeps what a pattern is computed from
when it is opened, so it stands there twice, the second time with every pattern computed too. A peer that is not
installed is left out. The ratios are of medians of the thread's processor time on one thread. The last line is JSON.
"""

import argparse
import importlib.util
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from bench.models import Bare, opened, random_ids
from bench.peer_tools import Kept, Nnsight, Stock, Tokenscope, Tool, TransformerLens
from bench.timing import Action, interleaved, report, table
from model_runtime.model import Model

#: By name: what is imported, what is installed, and what makes a tool of a model.
PEERS: dict[str, tuple[str, str, Callable[[PreTrainedModel], Tool]]] = {
    "TransformerLens": ("transformer_lens", "transformer-lens==4.3.0", TransformerLens),
    "nnsight": ("nnsight", "nnsight==0.8.1", Nnsight),
}
STOCK, BARE = "transformers, keeping both", "bare loop"
RECORDED, COMPUTED = "Tokenscope", "Tokenscope, every pattern computed"
ROUNDING = 1e-4  # more than float32 leaves between two orders of the same sums on these models


def tools(bare: PreTrainedModel, model: Model) -> tuple[dict[str, Tool], dict[str, str]]:
    """Everything that is compared, by name, and the versions of the peers; one that is not installed is named."""
    found: dict[str, Tool] = {STOCK: Stock(bare), RECORDED: Tokenscope(model, False), COMPUTED: Tokenscope(model, True)}
    versions = {}
    for name, (package, pinned, tool) in PEERS.items():
        if importlib.util.find_spec(package) is None:
            print(f"{name} is not installed and left out: python -m pip install {pinned}")
            versions[name] = "not installed"
        else:
            found[name] = tool(bare)
            versions[name] = version(pinned.partition("==")[0])
    return found, versions


def farthest(one: Any, other: Any) -> float:
    """The greatest difference between two arrays or tensors."""
    return float(np.abs(np.asarray(one) - np.asarray(other)).max())


def differences(theirs: Kept, stock: Kept) -> dict[str, float]:
    """The greatest differences from stock transformers: of logits, of one head's pattern and of the last stream."""
    found = {
        "logits": farthest(theirs.logits, stock.logits[-len(theirs.logits) :]),
        "last stream": farthest(theirs.streams[-1], stock.streams[-1]),
    }
    if theirs.patterns:
        layer, head = len(stock.patterns) // 2, len(stock.patterns[0]) - 1
        found["one head"] = farthest(theirs.patterns[layer][head], stock.patterns[layer][head])
    return found


def compared(all_tools: Mapping[str, Tool], ids: tuple[int, ...], steps: int) -> dict[str, dict[str, float]]:
    """Prints and gives how far each tool is from stock transformers, and how many tokens it chooses otherwise."""
    stock, tokens = all_tools[STOCK].text(ids), all_tools[STOCK].continued(ids, steps)
    found = {}
    print(f"greatest differences from transformers with eager attention, {len(ids)} tokens; then {steps} more")
    for name, tool in all_tools.items():
        far = differences(tool.text(ids), stock)
        far["tokens chosen otherwise"] = sum(a != b for a, b in zip(tool.continued(ids, steps), tokens, strict=True))
        same = max(far.values()) <= ROUNDING
        told = ", ".join(f"{what} {value:.1e}" for what, value in far.items())
        print(f"  {name:<36}{told}: {'the same but for rounding' if same else 'DIFFERS'}")
        found[name] = far
    return found


def of_a_text(all_tools: Mapping[str, Tool], ids: tuple[int, ...], rounds: int) -> dict[str, float]:
    """Time and bytes of all patterns and streams, as multiples of both of Tokenscope's."""
    held = {name: tool.text(ids).held for name, tool in all_tools.items()}
    times = interleaved({name: partial(tool.text, ids) for name, tool in all_tools.items()}, rounds)
    print(f"all patterns and streams of {len(ids)} tokens")
    table(times, RECORDED)
    ratios = {}
    for name in all_tools:
        print(f"  {name:<36}keeps {held[name] / 1e6:9.2f} MB  {held[name] / held[RECORDED]:7.3f} x")
        for base in (RECORDED, COMPUTED):
            if name not in (RECORDED, COMPUTED):
                times_as_long = times[name].milliseconds / times[base].milliseconds
                ratios[f"{len(ids)} tokens, time: {name} / {base}"] = times_as_long
        if name != RECORDED:
            ratios[f"{len(ids)} tokens, bytes: {name} / {RECORDED}"] = held[name] / held[RECORDED]
    return ratios


def of_steps(
    all_tools: Mapping[str, Tool], bare: PreTrainedModel, ids: tuple[int, ...], steps: int, rounds: int
) -> dict[str, float]:
    """Time of a prompt and the steps after it, as multiples of Tokenscope's and of the bare loop's."""

    def bare_loop() -> None:
        loop = Bare(bare, ids)
        for _ in range(steps):
            loop.step()

    actions: dict[str, Action] = {name: partial(tool.continued, ids, steps) for name, tool in all_tools.items()}
    times = interleaved({BARE: bare_loop, **actions}, rounds)
    print(f"a prompt of {len(ids)} tokens and {steps} more, attention and streams of each at hand")
    table(times, RECORDED)
    own = times[RECORDED].milliseconds
    return {
        f"{steps} steps: {name} / {RECORDED}": taken.milliseconds / own
        for name, taken in times.items()
        if name != RECORDED
    }


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="llama-20m", help="a Llama of bench.models")
    parser.add_argument("--tokens", type=int, action="append", help="tokens of the text; may be given more than once")
    parser.add_argument("--prompt", type=int, default=128, help="tokens before the steps")
    parser.add_argument("--steps", type=int, default=32, help="steps to take")
    parser.add_argument("--rounds", type=int, default=7, help="how often each has its turn")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bare, model = opened(arguments.model)
    all_tools, versions = tools(bare, model)
    vocabulary = model.card().vocabulary_size
    texts = [random_ids(vocabulary, tokens) for tokens in arguments.tokens or (256, 1024)]
    prompt = random_ids(vocabulary, arguments.prompt, seed=1)
    found = compared(all_tools, texts[0], arguments.steps)
    ratios: dict[str, float] = {}
    for ids in texts:
        ratios |= of_a_text(all_tools, ids, arguments.rounds)
    ratios |= of_steps(all_tools, bare, prompt, arguments.steps, arguments.rounds)
    report("peers", ratios, {}, model=arguments.model, peers=versions, differences=found)


if __name__ == "__main__":
    main()
