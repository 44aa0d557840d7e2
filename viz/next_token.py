"""The next-token chart: one row a token, raw beside final probability, and everything else as one last row."""

from typing import Any

import numpy as np

from model_runtime.records import Distribution, Floats, Integers
from viz.labels import quoted, visible
from viz.payload import pack
from viz.sentences import say

ROWS = 20


# How many of the tokens that led before something was changed stay in sight.
_LEADERS = 5


def next_token_chart(
    distribution: Distribution,
    after: str,
    greedy: bool,
    before: Distribution | None = None,
    before_name: str = "",
) -> dict[str, Any]:
    """Turns a distribution into the rows of the chart.

    Args:
        distribution: What to draw; at least its 20 most probable tokens.
        after: The visible label of the token at `distribution.position`.
        greedy: Whether the next step takes the most probable token instead of drawing one.
        before: The same of the plain model, over the whole vocabulary, where heads are off or the stream is steered;
            `distribution` then also lists the whole vocabulary.
        before_name: What the plain model is called, to end a sentence with.

    Returns:
        The payload of `NextTokenChart`: at most 20 rows, ordered by raw probability. The token that follows in the text
        is always among them, and so is the one that a step would take where the record holds it. `other` is the rest.
        `before` are the raw probabilities of the same rows in the plain model, None where nothing is changed.
    """
    leaders = [] if before is None else before.ids[:_LEADERS].tolist()
    rows = _rows(distribution, leaders)
    listed = set(rows)
    unlisted = [row for row in range(len(distribution.ids)) if row not in listed]
    return {
        "title": say("Next token, after {token}", token=quoted(after)),
        "position": distribution.position,
        "ids": [int(distribution.ids[row]) for row in rows],
        "labels": [visible(distribution.text[row]) for row in rows],
        "raw": pack(distribution.raw[rows]),
        "final": pack(distribution.final[rows]),
        "cut": [_cut_by(distribution, row) for row in rows],
        "filtered": bool(distribution.stages),
        "chosen": distribution.chosen,
        "choice": distribution.choice,
        "choice_name": say("greedy choice") if greedy else say("next draw"),
        "other": {
            "count": distribution.vocabulary_size - len(rows),
            "raw": distribution.other_raw + float(distribution.raw[unlisted].sum(dtype=np.float64)),
            "final": distribution.other_final + float(distribution.final[unlisted].sum(dtype=np.float64)),
        },
        "before": None if before is None else pack(_raw_of(before, distribution.ids[rows])),
        "before_name": before_name,
        "before_entropy": None if before is None else before.entropy,
        "entropy": distribution.entropy,
        "vocabulary": distribution.vocabulary_size,
    }


def _rows(distribution: Distribution, leaders: list[int]) -> list[int]:
    """The rows to draw: the first ones, and those that must be seen wherever they stand."""
    ids = distribution.ids.tolist()
    wanted = {ids.index(token) for token in (distribution.chosen, distribution.choice, *leaders) if token in ids}
    outside = sorted(row for row in wanted if row >= ROWS)
    first = list(range(min(ROWS, len(ids))))
    return first[: ROWS - len(outside)] + outside if outside else first


def _raw_of(distribution: Distribution, ids: Integers) -> Floats:
    """The raw probabilities of some tokens; all of them have to be listed."""
    order = np.argsort(distribution.ids)
    return distribution.raw[order[np.searchsorted(distribution.ids, ids, sorter=order)]]


def _cut_by(distribution: Distribution, row: int) -> str:
    """Names the filter that removed a token, such as "top-p 0.9", or "" if none did."""
    for stage in distribution.stages:
        if stage.removed[row]:
            return f"{stage.name.replace('_', '-')} {stage.setting:g}"
    return ""
