"""Positions: pairs that turn, the score against distance, vectors that are added, and packed texts."""

from typing import Any, Final

import numpy as np

from model_runtime.position_records import LearnedPositions, PackedRun, Packing, PositionScheme, RotaryHead
from viz.labels import visible
from viz.payload import pack

MOST_PAIRS: Final = 64


def scheme_payload(scheme: PositionScheme) -> dict[str, Any]:
    """Turns what was seen of positions into the tab's frame; numbers that are not known become None."""
    return {
        "kind": scheme.kind,
        "told": scheme.told,
        "rotated": list(scheme.rotated),
        "slopes": [float(slope) for slope in scheme.slopes],
        "shift": scheme.shift,
        "error": None if np.isnan(scheme.error) else scheme.error,
        "context": scheme.context,
    }


def rotary_payload(rotary: RotaryHead, labels: list[str]) -> dict[str, Any]:
    """Turns one head's query and key into the dials and the curve.

    Args:
        rotary: The record.
        labels: [token] visible labels of the text.

    Returns:
        The record's numbers. Pairs are fastest first; where there are more than can be drawn, the first are sent, and
        `left_out` says how many are not. `vectors` [2, pair, 2] holds query and key as they were recorded.
    """
    shown = slice(0, MOST_PAIRS)
    vectors = np.stack([vector[rotary.pairs[shown]] for vector in (rotary.query_turned, rotary.key_turned)])
    return {
        "layer": rotary.layer,
        "head": rotary.head,
        "shared": rotary.key_value_head,
        "position": rotary.position,
        "key": rotary.key_position,
        "labels": [labels[rotary.position], labels[rotary.key_position]],
        "layout": rotary.layout,
        "pairs": [[int(one), int(other)] for one, other in rotary.pairs[shown]],
        "left_out": max(0, len(rotary.pairs) - MOST_PAIRS),
        "flat": len(rotary.query) - 2 * len(rotary.pairs),
        "frequency": pack(rotary.frequency[shown]),
        "length": rotary.length,
        "vectors": pack(vectors),
        "scores": pack(rotary.scores),
        "parts": pack(rotary.parts[shown]),
        "rest": rotary.rest,
        "recorded": rotary.recorded,
        "shifts": [int(shift) for shift in rotary.shifts],
        "moved": [float(score) for score in rotary.moved],
        "peak": rotary.peak,
    }


def learned_payload(learned: LearnedPositions, start: int, stop: int, labels: list[str]) -> dict[str, Any]:
    """Turns the vectors that are added into a curve of lengths, a grid of cosines and what the text gets.

    Args:
        learned: The record.
        start: The first token shown.
        stop: The token after the last.
        labels: [token] visible labels of the text.
    """
    return {
        "norm": pack(learned.norm),
        "sampled": [int(position) for position in learned.sampled],
        "cosine": pack(learned.cosine),
        "start": start,
        "labels": labels[start:stop],
        "token": pack(learned.token_norm[start:stop]),
        "added": pack(learned.added_norm[start:stop]),
        "error": learned.error,
    }


def packing_payload(packing: Packing) -> dict[str, Any]:
    """Turns four packed runs and the text alone into a table."""
    return {
        "first": packing.first,
        "labels": [visible(text) for text in packing.text],
        "largest": packing.largest,
        "alone": _top(packing.top_text, packing.top_probability),
        "runs": [_run(run) for run in packing.runs],
    }


def _run(run: PackedRun) -> dict[str, Any]:
    return {
        "restarted": run.restarted,
        "separate": run.separate,
        "possible": run.possible,
        "difference": float(run.difference.max()) if run.possible else None,
        "variation": [float(value) for value in run.variation] if run.possible else [],
        "changed": run.changed,
        "top": _top(run.top_text, run.top_probability),
    }


def _top(texts: tuple[str, ...], probabilities: Any) -> list[tuple[str, float]]:
    return [(visible(text), float(share)) for text, share in zip(texts, probabilities, strict=True)]
