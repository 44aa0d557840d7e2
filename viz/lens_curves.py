"""Tokens followed through the layers: their probability and their rank in each row of the lens."""

from typing import Any

import numpy as np

from model_runtime.lens_records import LensCurves
from viz.labels import visible
from viz.payload import pack


def curves_payload(curves: LensCurves, final: int, lead: tuple[int, int]) -> dict[str, Any]:
    """Turns curves into the lines of two charts.

    Args:
        curves: The curves.
        final: The id of the model's final choice; its curve is named so.
        lead: The half step of the row in which the final choice leads first, and of the one from which on it stays so.

    Returns:
        `readings` are half steps: stream k is 2k, the midpoint of block k is 2k + 1.
    """
    return {
        "readings": np.rint(2 * curves.row).astype(np.int64).tolist(),
        "ids": curves.ids.tolist(),
        "labels": [visible(text) for text in curves.text],
        "final": final,
        "first_lead": lead[0],
        "settled": lead[1],
        "probability": pack(curves.probability),
        "rank": pack(curves.rank),
        "vocabulary": curves.vocabulary_size,
    }
