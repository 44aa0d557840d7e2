"""What each token contributed to the choice: an attribution as a shaded text, a list and its sum."""

from typing import Any, Final

import numpy as np

from model_runtime.cause_records import Attribution
from model_runtime.moment import Moment
from viz.contributions import plain, question_payload
from viz.payload import pack
from viz.sentences import say

LISTED: Final = 24
_SMALL: Final = 1e-6  # a change of the number below this has no shares


def attribution_payload(record: Attribution, moment: Moment, labels: list[str]) -> dict[str, Any]:
    """Turns an attribution, however far it is, into the result that `InputsView` and the token strip draw.

    Args:
        record: The attribution.
        moment: The text that it is about, which may go on after the question's position.
        labels: [token] visible labels of the text.

    Returns:
        `score` as in the record; `order`, the tokens with the largest scores first, whichever the sign; `asked` and
        `ids`, `state`, by which the page knows whether the result is still about what it shows.
    """
    question = record.question
    count = len(record.score)
    known = np.flatnonzero(np.isfinite(record.score))
    order = known[np.argsort(-np.abs(record.score[known]), kind="stable")][:LISTED]
    return {
        **question_payload(question),
        "asked": [question.position, question.target, question.against, question.centred],
        "method": record.method,
        "steps": record.steps,
        "labels": labels[:count],
        "ids": pack(np.array(moment.ids[:count])),
        "state": state_of(moment),
        "score": pack(record.score),
        "order": order.tolist(),
        "told": completeness(record),
        "done": record.done,
        "runs": record.runs,
    }


def state_of(moment: Moment) -> str:
    """Names the model and what is changed in it: results for the same tokens in the same state are the same."""
    return f"{moment.fingerprint} {moment.interventions}"


def completeness(record: Attribution) -> str:
    """Says how far the scores are from adding up to what they are to explain."""
    number = question_payload(record.question)["number"]
    if record.done < record.runs:
        return say("{done} of {runs} runs are done; the sum is known when all are.", done=record.done, runs=record.runs)
    change = record.value - record.baseline_value
    missed = plain(abs(record.error))
    share = f"{missed} ({100 * abs(record.error) / abs(change):.1f} %)" if abs(change) > _SMALL else missed
    return say(
        "The scores sum to {sum}; the {number} moved from {before} (baseline: {baseline}) to {after}, by {change}: they"
        " miss {missed}.",
        sum=plain(record.total),
        number=number,
        before=plain(record.baseline_value),
        baseline=record.baseline,
        after=plain(record.value),
        change=plain(change),
        missed=share,
    )
