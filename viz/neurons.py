"""The neurons of one MLP that added most to one logit: the payload of their table."""

from typing import Any

import numpy as np

from model_runtime.part_records import MLP, Contributions, NeuronTable
from model_runtime.records import Floats
from viz.contributions import question_payload, signed
from viz.labels import visible
from viz.payload import pack
from viz.sentences import say


def layers_payload(record: Contributions) -> dict[str, Any]:
    """What each layer's MLP added, to choose one by.

    Returns:
        `layers`: how many blocks; `mlp`: [layer] logits, NaN where a block's MLP cannot be told apart.
    """
    mlp = np.full(len(record.heads), np.nan, np.float32)
    for kind, layer, value in zip(record.kinds, record.layers, record.values, strict=True):
        if kind == MLP:
            mlp[layer] = value
    return {"layers": len(mlp), "mlp": pack(mlp)}


def neurons_payload(table: NeuronTable) -> dict[str, Any]:
    """Turns the record into the payload of `NeuronsView`.

    Returns:
        The record's numbers as they are, [row]; `promoted` and `suppressed`: [row][k] a label and how many logits.
    """
    return {
        **question_payload(table.question),
        "count": table.count,
        "neuron": table.neuron.tolist(),
        "activation": pack(table.activation),
        "value": pack(table.value),
        "promoted": _tokens(table.promoted_text, table.promoted),
        "suppressed": _tokens(table.suppressed_text, table.suppressed),
        "others": table.others,
        "bias": table.bias,
        "total": table.total,
        "told": told(table),
    }


def told(table: NeuronTable) -> str:
    """Says in a sentence how much of the MLP's value the listed neurons make."""
    listed = float(np.sum(table.value, dtype=np.float64))
    if not len(table.neuron):
        return say("MLP {layer} added {total}.", layer=table.layer, total=signed(table.total))
    return say(
        "MLP {layer} added {total}; neuron {neuron} of {count} counts most, {most}; the {listed} listed come to {sum},"
        " all others to {others}.",
        layer=table.layer,
        total=signed(table.total),
        neuron=table.neuron[0],
        count=f"{table.count:,}",
        most=signed(float(table.value[0])),
        listed=len(table.neuron),
        sum=signed(listed),
        others=signed(table.others),
    )


def _tokens(texts: tuple[tuple[str, ...], ...], logits: Floats) -> list[list[list[str]]]:
    """Labels with their logits as they are to be read, "+2.31"."""
    return [
        [[visible(text), signed(float(logit))] for text, logit in zip(row, values, strict=True)]
        for row, values in zip(texts, logits, strict=True)
    ]
