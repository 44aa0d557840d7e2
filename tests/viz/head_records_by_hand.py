"""Records about heads, with numbers that can be checked by hand."""

import numpy as np

from model_runtime.head_records import HeadLabel, HeadMeasure, HeadSimilarity, HeadTable
from model_runtime.inside_head_records import InsideHead

MEASURES = (
    HeadMeasure("entropy", "nats", "How spread out."),
    HeadMeasure("previous", "share", "The token before."),
    HeadMeasure("induction", "share", "What followed before."),
)
LABELS = (
    HeadLabel("induction", "induction >= 0.4", "Copies."),
    HeadLabel("previous token", "previous >= 0.5", "Looks back one."),
    HeadLabel("no clear pattern", "nothing else", "Does none of these."),
)


def head_table() -> HeadTable:
    """Two layers of two heads and one of one head, which shares nothing."""
    nothing = np.float32(np.nan)
    return HeadTable(
        label=np.array([["induction", "no clear pattern"], ["previous token", "induction"], ["no clear pattern", ""]]),
        measures={
            "entropy": np.array([[0.5, 2.5], [1.0, 0.1], [0.2, nothing]], np.float32),
            "previous": np.array([[0.1, 0.2], [0.9, 0.0], [0.3, nothing]], np.float32),
            "induction": np.full((3, 2), nothing),
        },
        decided_on={},
        key_value_head=np.array([[0, 0], [0, 0], [0, -1]]),
        windows=(None, 4, None),
        ablated=np.array([[False, True], [False, False], [False, False]]),
    )


def similarity() -> HeadSimilarity:
    heads = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0]])
    places = np.array([[0, 0], [3, 0], [0, 4], [3, 4], [6, 0]], np.float32) / 10
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1).astype(np.float32)
    return HeadSimilarity(heads, distance, places, 1.0, np.arange(5), (0,))


def inside(position: int = 5, window: int | None = 4, width: int = 4) -> InsideHead:
    """A head of a sliding layer with a softcap and a sink of its own."""
    random = np.random.default_rng(2)
    count = position + 1
    query = random.normal(size=width).astype(np.float32)
    keys = random.normal(size=(count, width)).astype(np.float32)
    values = random.normal(size=(count, width + 1)).astype(np.float32)
    products = keys * query
    raw = products.sum(1)
    scaled = raw * np.float32(0.5)
    score = 2 * np.tanh(scaled / 2)
    visible = np.arange(count) > position - (window or count)
    powers = np.where(visible, np.exp(score), 0)
    total = powers.sum() + np.exp(0.25)
    weights = (powers / total).astype(np.float32)
    weighted = weights[:, None] * values
    return InsideHead(
        layer=1,
        head=2,
        key_value_head=1,
        shared_with=(2, 3),
        position=position,
        window=window,
        query=query,
        keys=keys,
        products=products,
        raw_score=raw,
        scale=0.5,
        scaled_score=scaled,
        softcap=2.0,
        bias=None,
        score=score.astype(np.float32),
        visible=visible,
        sink_score=0.25,
        sink=float(np.exp(0.25) / total),
        weights=weights,
        values=values,
        weighted_values=weighted,
        output=weighted.sum(0),
        ablated=None,
        computed_from="float32",
    )
