"""Which head looks at this, and what one head looks at most: records as payloads."""

from typing import Any, Final

import numpy as np

from model_runtime.head_records import HeadPairs, HeadRanking
from viz.head_mosaic import grid_payload
from viz.payload import pack

LISTED: Final = 16


def ranking_payload(ranking: HeadRanking, labels: list[str]) -> dict[str, Any]:
    """Turns a ranking into the bars and the grid of `WhichHead`.

    Args:
        ranking: The heads' weights on the chosen keys.
        labels: [token] visible labels.

    Returns:
        The first heads by rank as `order` [layer, head], and every weight as `weights`.
    """
    keys = [[key, labels[key]] for key in ranking.keys]
    return {
        **grid_payload(ranking.key_value_head, ranking.ablated),
        "query": [ranking.query, labels[ranking.query]],
        "keys": keys,
        "ahead": [key for key in ranking.keys if key > ranking.query],
        "weights": pack(ranking.weights),
        "order": ranking.order[:LISTED].tolist(),
        "hidden": pack(ranking.hidden) if ranking.hidden_positions else None,
        "mean_hidden": float(np.nanmean(ranking.hidden, dtype=np.float64)) if ranking.hidden_positions else None,
        "hidden_keys": [key for key in ranking.keys if key in ranking.hidden_positions],
    }


def pairs_payload(pairs: HeadPairs, labels: list[str]) -> dict[str, Any]:
    """Turns one head's strongest pairs into a list: [query, its label, key, its label] with the weights beside."""
    both = zip(pairs.queries.tolist(), pairs.keys.tolist(), strict=True)
    return {
        "layer": pairs.layer,
        "head": pairs.head,
        "pairs": [[query, labels[query], key, labels[key]] for query, key in both],
        "weights": pack(pairs.weights),
    }
