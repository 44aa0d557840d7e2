"""One cell of the lens in full: its most probable tokens beside what the model's output gives them."""

from typing import Any

import numpy as np

from model_runtime.lens_records import LensCell
from viz.labels import visible
from viz.payload import pack


def cell_payload(cell: LensCell, label: str) -> dict[str, Any]:
    """Turns a cell into the rows of its chart.

    Args:
        cell: The cell.
        label: The visible label of the token at `cell.position`.

    Returns:
        A row a token with both probabilities and ranks; `other` is what both give to all tokens that are not listed.
    """
    return {
        "position": cell.position,
        "label": label,
        "reading": 2 * cell.stream + cell.middle,
        "ids": cell.ids.tolist(),
        "labels": [visible(text) for text in cell.text],
        "probability": pack(cell.probability),
        "final": pack(cell.final),
        "rank": pack(cell.rank),
        "final_rank": pack(cell.final_rank),
        "other": {
            "count": cell.vocabulary_size - len(cell.ids),
            "probability": max(0.0, 1 - float(cell.probability.sum(dtype=np.float64))),
            "final": max(0.0, 1 - float(cell.final.sum(dtype=np.float64))),
        },
        "entropy": cell.entropy,
        "final_entropy": cell.final_entropy,
        "divergence": cell.divergence,
    }
