"""Who wrote this token: the split of one logit as bars, a grid of heads, a waterfall and a sentence."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from model_runtime.part_records import BIAS, EMBEDDING, Contributions, Question
from viz.head_names import head_name
from viz.labels import quoted, visible
from viz.payload import pack

NAMED: Final = 3  # parts that a sentence names
LEAST: Final = 0.1  # of the largest part: smaller ones are not worth a sentence
# Of the larger of 1 and the number: rounding in float32 stays below the first, in 16 bits below the second.
EQUAL: Final = 1e-4
NEAR: Final = 2e-2
MINUS: Final = "\u2212"
_VERBS: Final = {1: "added", -1: "took off"}
_ARTICLES: Final = {EMBEDDING: "the embedding", BIAS: "the last bias"}


def contributions_payload(record: Contributions) -> dict[str, Any]:
    """Turns a split into the payload of `ContributionsView`, all but its grid of heads (`grid_payload`).

    Returns:
        The record's numbers as they are; `running`, the sum of the parts up to and with each, in float64; `order`, the
        parts by size; `head_order`, [head] (layer, head), the largest first whichever its sign; and `told` and
        `told_heads`, sentences.
    """
    known = np.argwhere(np.isfinite(record.heads))
    sizes = -np.abs(record.heads[known[:, 0], known[:, 1]])
    running = np.cumsum(record.values, dtype=np.float64)
    return {
        **question_payload(record.question),
        "names": list(record.names),
        "kinds": list(record.kinds),
        "part_layers": record.layers.tolist(),
        "values": pack(record.values),
        "running": pack(running),
        "order": np.argsort(-np.abs(record.values), kind="stable").tolist(),
        "split_heads": pack(record.heads),
        "columns": record.heads.shape[1],
        "head_order": pack(known[np.argsort(sizes, kind="stable")]),
        "total": record.total,
        "logit": record.logit,
        "softcap": record.softcap,
        "unsplit": record.unsplit,
        "unsplit_heads": record.unsplit_heads,
        "told": told(record),
        "told_heads": told_heads(record),
        "check": check(record),
    }


def question_payload(question: Question) -> dict[str, Any]:
    """Returns which number is split: the token's label, what it is compared with, and what the number is called."""
    rival = visible(question.against_text) if question.against is not None else ""
    number = "logit"
    if rival:
        number = "difference of logits"
    elif question.centred:
        number = "logit less the vocabulary's mean"
    return {"position": question.position, "label": visible(question.text), "rival": rival, "number": number}


def told(record: Contributions) -> list[str]:
    """Says in sentences what the number is, which parts pulled it there most, and which pulled against that."""
    parts = [
        (_ARTICLES.get(kind, name), float(value))
        for name, kind, value in zip(record.names, record.kinds, record.values, strict=True)
    ]
    if not any(value for _, value in parts):
        return [_subject(record), "No part added anything to it."]
    sides = [_side(parts, way) or f"nothing {_VERBS[way]} a tenth as much" for way in _ways(record)]
    return [_subject(record), *(f"{side[0].upper()}{side[1:]}." for side in sides)]


def told_heads(record: Contributions) -> str:
    """Says the same of single heads; "" where there are none."""
    heads = [
        (head_name(int(layer), int(head)), float(record.heads[layer, head]))
        for layer, head in np.argwhere(np.isfinite(record.heads))
    ]
    sides = [side for side in (_side(heads, way) for way in _ways(record)) if side]
    return f"Among the heads, {'; '.join(sides)}." if sides else ""


def check(record: Contributions) -> str:
    """Writes the sum of the parts beside the model's own number."""
    parts, number = float(np.sum(record.values, dtype=np.float64)), question_payload(record.question)["number"]
    error = abs(record.error)
    share = error / max(1.0, abs(record.total))
    equal = "=" if share <= EQUAL else "≈" if share <= NEAR else "≠"
    difference = f"difference {error:.7f}" if error >= 1e-7 else "difference below 0.0000001"
    return (
        f"Sum of the parts {plain(parts, 4)} {equal} the model's own {number} {plain(record.total, 4)} ({difference})"
    )


def plain(value: float, digits: int = 2) -> str:
    """Writes a number with a real minus sign."""
    return f"{round(value, digits) or 0.0:.{digits}f}".replace("-", MINUS)


def signed(value: float, digits: int = 2) -> str:
    """Writes a number with its sign; a zero, however it came about, is +0."""
    return f"{round(value, digits) or 0.0:+.{digits}f}".replace("-", MINUS)


def _subject(record: Contributions) -> str:
    """What the number says of the token."""
    question, total = record.question, record.total
    token = quoted(visible(question.text))
    side = "above" if total >= 0 else "below"
    before = "" if record.softcap is None else ", before the softcap"
    if question.against is not None:
        rival = quoted(visible(question.against_text))
        return f"The logit of {token} is {plain(abs(total))} {side} that of {rival}{before}."
    if question.centred:
        return f"The logit of {token} is {plain(abs(total))} {side} the vocabulary's mean{before}."
    return f"The logit of {token} is {plain(total)}{before}."


def _ways(record: Contributions) -> tuple[int, int]:
    """The sign of what pulls the number its way, and that of what pulls against it."""
    return (1, -1) if record.total >= 0 else (-1, 1)


def _side(parts: Sequence[tuple[str, float]], way: int) -> str:
    """One side's parts by size: "MLP 3 added most, +4.10; then L2 H5, +1.90, and MLP 1, +1.20"; "" for none."""
    least = LEAST * max((abs(value) for _, value in parts), default=0.0)
    large = sorted(
        (part for part in parts if part[1] * way > 0 and abs(part[1]) >= least), key=lambda part: -way * part[1]
    )
    if not large:
        return ""
    first, *others = large[:NAMED]
    rest = ", and ".join(f"{name}, {signed(value)}" for name, value in others)
    return f"{first[0]} {_VERBS[way]} most, {signed(first[1])}" + (f"; then {rest}" if rest else "")
