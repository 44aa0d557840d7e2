# ruff: noqa: T201 - a benchmark prints
"""Measures what one picture costs on demand, against the bare matrix products that it needs.

    python -m bench.on_demand
    python -m bench.on_demand --model builtin --tokens 512

One head: its N x N map, against queries times keys and their softmax under a ready mask. One query row: that of all
heads of a model, against the same products layer by layer. One lens column: what every stream predicts at one position,
against the final norm and the output matrix over those n+1 rows. The text is recorded before; the ratios are of medians
of the thread's processor time on one thread. The last line is JSON.
"""

import argparse
from typing import Any

import torch

from bench.models import moment_of, opened, random_ids
from bench.timing import Action, interleaved, report, table
from model_runtime.model import Model
from model_runtime.moment import Moment

GOAL = 1.5


def head_products(model: Model, moment: Moment, layer: int, head: int) -> Action:
    """One head's scores and their softmax."""
    recording, formula = model._recording(moment), model._engine.recorder.formulas[layer]
    keys = recording.keys[layer]
    assert formula is not None  # every layer of these models attends
    assert keys is not None
    query, key = recording.queries(layer, head), keys[formula.key_value_head(head)]
    hidden = torch.ones(len(query), len(query), dtype=torch.bool).triu(1)
    scaling = formula.scaling

    def products() -> Any:
        with torch.inference_mode():
            scores = (query @ key.T).mul_(scaling)
            return scores.masked_fill_(hidden, float("-inf")).softmax(-1).numpy()

    return products


def row_products(model: Model, moment: Moment) -> Action:
    """The newest query of all heads, layer by layer."""
    recording, formulas = model._recording(moment), model._engine.recorder.formulas
    layers = []
    for layer, (formula, keys) in enumerate(zip(formulas, recording.keys, strict=True)):
        assert formula is not None
        assert keys is not None
        query = recording.layer_queries(layer, len(moment.ids) - 1)  # [head, 1, head width]
        layers.append((query.reshape(len(keys), -1, query.shape[2]), keys, formula.scaling))

    def products() -> Any:
        with torch.inference_mode():
            return [(query @ keys.mT).mul_(scaling).softmax(-1).numpy() for query, keys, scaling in layers]

    return products


def column_products(bare: Any, model: Model, moment: Moment, position: int) -> Action:
    """The final norm, the output matrix and the softmax over all streams of one position."""
    recording, blocks = model._recording(moment), model.card().layers
    with torch.inference_mode():
        streams = torch.cat([recording.streams(stream, position, position + 1) for stream in range(blocks + 1)])

    def products() -> Any:
        with torch.inference_mode():
            return bare.lm_head(bare.model.norm(streams)).softmax(-1)

    return products


def measured(bare: Any, model: Model, tokens: int, rounds: int) -> dict[str, float]:
    """The three pictures of one text as multiples of their products."""
    card = model.card()
    moment = moment_of(model, random_ids(card.vocabulary_size, tokens))
    model.tokens(moment)
    layer, position = card.layers // 2, tokens // 2
    pairs: dict[str, tuple[Action, Action]] = {
        "one head": (head_products(model, moment, layer, 0), lambda: model.attention(moment, layer, 0)),
        "one query row of all heads": (row_products(model, moment), lambda: model.looking(moment, -1, [0])),
        "one lens column": (
            column_products(bare, model, moment, position),
            lambda: model.lens_curves(moment, [5], position, middle=False),
        ),
    }
    ratios = {}
    print(f"{card.name}, {card.parameters / 1e6:.1f} M parameters, {tokens} tokens")
    for name, (products, question) in pairs.items():
        bare_name = f"{name}: bare products"
        times = interleaved({bare_name: products, name: question}, rounds)
        table(times, bare_name)
        ratios[f"{name}, {tokens} tokens"] = times[name].milliseconds / times[bare_name].milliseconds
    return ratios


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="llama-20m", help="a shape of bench.models or a name for load_model")
    parser.add_argument("--tokens", type=int, action="append", help="tokens of the text; may be given more than once")
    parser.add_argument("--rounds", type=int, default=21, help="how often each has its turn")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bare, model = opened(arguments.model)
    ratios: dict[str, float] = {}
    for tokens in arguments.tokens or (1024, 4096):
        ratios |= measured(bare, model, tokens, arguments.rounds)
    report("on demand", ratios, dict.fromkeys(ratios, GOAL), model=arguments.model)


if __name__ == "__main__":
    main()
