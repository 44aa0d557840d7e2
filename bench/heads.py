# ruff: noqa: T201 - a benchmark prints
"""Measures what a look at attention heads costs on the server, against the bare matrix products behind it.

    python -m bench.heads                    # a random 20-million-parameter Llama, 512 tokens
    python -m bench.heads --model builtin --tokens 512

Opening one head means `model.attention` on a text that is already recorded: the bare products are the softmax of
queries times keys on the same tensors. The last line is JSON.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from bench.models import moment_of, opened, random_ids
from bench.timing import interleaved, report, timed
from model_runtime.model import Model
from model_runtime.moment import Moment

ROUNDS = 15
BARE, OPEN = "bare products of one head", "open one head"
GOAL = 1.5


def bare_products(model: Model, moment: Moment, layer: int, head: int) -> Callable[[], Any]:
    """What no implementation can do without: one head's scores and their softmax."""
    recording = model._recording(moment)
    formula, keys = model._engine.recorder.formulas[layer], recording.keys[layer]
    assert formula is not None  # every layer of these models attends
    assert keys is not None
    query, key = recording.queries(layer, head).float(), keys[formula.key_value_head(head)].float()
    hidden = ~torch.ones(len(query), len(query), dtype=torch.bool, device=query.device).tril()

    def products() -> Any:
        with torch.inference_mode():
            return (query @ key.T * formula.scaling).masked_fill(hidden, float("-inf")).softmax(-1).cpu()

    return products


def medians(questions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds of each."""
    return {name: times.milliseconds for name, times in interleaved(questions, rounds).items()}


def mosaic_while_stepping(model: Model, moment: Moment, ids: tuple[int, ...]) -> float:
    """Milliseconds of a mosaic of a text that is one token longer than that of the last one, the median."""
    times = []
    model.mosaic(moment)
    for token in ids:
        moment = replace(moment, ids=(*moment.ids, token))
        model.tokens(moment)
        times.append(timed(partial(model.mosaic, moment)))
    return statistics.median(times)


def measure(model: Model, tokens: int) -> None:
    """Prints what each question costs, and the last line."""
    card = model.card()
    ids = random_ids(card.vocabulary_size, tokens)
    moment = moment_of(model, ids)
    layer, head = card.layers // 2, 0
    recorded = timed(lambda: model.tokens(moment))
    quick = {
        BARE: bare_products(model, moment, layer, head),
        OPEN: lambda: model.attention(moment, layer, head),
        "inside one head": lambda: model.inside(moment, layer, head),
        "which head looks at this": lambda: model.looking(moment, -1, [0]),
    }

    def mosaic_from_nothing() -> None:
        """The first mosaic of a text."""
        model._recording(moment).glances = ()
        model.mosaic(moment)

    slow = {
        "mosaic of all heads": mosaic_from_nothing,
        "measures and labels": lambda: model.heads(moment),
        "map of all heads": lambda: model.similarity(moment),
        "first part of an ablation scan": lambda: next(model.scan(moment, 5)),
    }
    found = medians(quick, ROUNDS) | {"mosaic, one step later": mosaic_while_stepping(model, moment, ids[:ROUNDS])}
    model._shelf.clear()
    model.tokens(moment)
    found |= medians(slow, 3)
    shown = model.attention(moment, layer, head)
    sent = {OPEN: 4 * ((shown.weights.nbytes + 2) // 3), "mosaic of all heads": 0}
    sent["mosaic of all heads"] = 4 * ((model.mosaic(moment).cells.nbytes + 2) // 3)
    size = f"{card.parameters / 1e6:.1f} M parameters, {card.layers} x {card.heads} heads"
    print(f"{card.architecture}, {size} on {card.device}; {tokens} tokens, recorded in {recorded:.0f} ms")
    for name, milliseconds in found.items():
        bytes_ = f"{sent[name] / 1000:8.0f} KB as base64" if name in sent else ""
        print(f"  {name:<34}{milliseconds:9.2f} ms{bytes_}")
    print(f"  opening a head takes {found[OPEN] / found[BARE]:.2f} times its bare products")
    ratio = f"{OPEN} / {BARE}"
    facts = {"milliseconds": {name: round(value, 3) for name, value in found.items()}, "base64_bytes": sent}
    report("heads", {ratio: found[OPEN] / found[BARE]}, {ratio: GOAL}, model=card.name, tokens=tokens, **facts)


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="llama-20m", help="a shape of bench.models or a name for load_model")
    parser.add_argument("--tokens", type=int, default=512, help="tokens of the text")
    arguments = parser.parse_args()
    _, model = opened(arguments.model)
    torch.set_num_threads(1)
    measure(model, arguments.tokens)


if __name__ == "__main__":
    main()
