"""Splits of a logit, with numbers that can be checked by hand."""

import numpy as np

from model_runtime.part_records import Contributions, NeuronTable, Question

HOSTILE = "</script><img src=x onerror=alert(1)> ${7*6} {{value}}"


def contributions(question: Question | None = None, scale: float = 1.0, softcap: float | None = None) -> Contributions:
    """Two blocks of two heads: 0.5 + (1 - 2 + 0.25) + 4 + (3 + 0.125 + 0) - 1.5 + 0.25 = 5.625, times `scale`."""
    heads = np.array([[1.0, -2.0], [3.0, 0.125]], np.float32) * np.float32(scale)
    values = np.array([0.5, -0.75, 4.0, 3.125, -1.5, 0.25], np.float32) * np.float32(scale)
    total = float(values.sum())
    return Contributions(
        question=question or Question(7, 3, " Tokyo", centred=True),
        names=("embedding", "attention 0", "MLP 0", "attention 1", "MLP 1", "bias"),
        kinds=("embedding", "attention", "MLP", "attention", "MLP", "bias"),
        layers=np.array([-1, 0, 0, 1, 1, -1]),
        values=values,
        heads=heads,
        output_bias=np.array([0.25, 0.0], np.float32) * np.float32(scale),
        total=total,
        logit=total if softcap is None else softcap * float(np.tanh(total / softcap)),
        softcap=softcap,
        error=0.0,
    )


def blocks() -> Contributions:
    """A model whose blocks cannot be split."""
    return Contributions(
        question=Question(1, 3, "a", against=4, against_text="b"),
        names=("embedding", "block 0", "block 1"),
        kinds=("embedding", "block", "block"),
        layers=np.array([-1, 0, 1]),
        values=np.array([1.0, -5.0, 2.0], np.float32),
        heads=np.full((2, 2), np.nan, np.float32),
        output_bias=np.full(2, np.nan, np.float32),
        total=-2.0,
        logit=-2.0,
        softcap=None,
        error=0.0,
        unsplit="A norm follows each block's sum.",
        unsplit_heads="A norm follows each block's sum.",
    )


def neurons() -> NeuronTable:
    """Three of eight neurons, the first of them about a hostile token."""
    return NeuronTable(
        question=Question(7, 3, HOSTILE, centred=True),
        layer=1,
        count=8,
        neuron=np.array([5, 0, 7]),
        activation=np.array([2.5, -0.5, 0.25], np.float32),
        value=np.array([3.0, -2.0, 0.5], np.float32),
        promoted_ids=np.array([[3, 4], [5, 6], [7, 8]]),
        promoted_text=((" Tokyo", HOSTILE), ("\n", ""), ("a", "b")),
        promoted=np.array([[3.0, 2.5], [1.0, 0.5], [0.5, 0.001]], np.float32),
        suppressed_ids=np.array([[9, 10], [11, 12], [13, 14]]),
        suppressed_text=((" the", "x"), ("y", "z"), ("c", "d")),
        suppressed=np.array([[-3.0, -2.5], [-2.0, -0.5], [-0.5, -0.25]], np.float32),
        others=-0.25,
        bias=0.125,
        total=1.375,
    )
