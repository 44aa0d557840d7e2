"""Who wrote this token: the split of one logit as bars, a grid of heads, a waterfall and a sentence."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from model_runtime.part_records import BIAS, EMBEDDING, Contributions, Question
from viz.head_names import head_name
from viz.labels import quoted, visible
from viz.payload import pack
from viz.sentences import later, say
from viz.terms import part_name

NAMED: Final = 3  # parts that a sentence names
LEAST: Final = 0.1  # of the largest part: smaller ones are not worth a sentence
# Of the larger of 1 and the number: rounding in float32 stays below the first, in 16 bits below the second.
EQUAL: Final = 1e-4
NEAR: Final = 2e-2
MINUS: Final = "\u2212"
_NOTHING: Final = {1: later("nothing added a tenth as much"), -1: later("nothing took off a tenth as much")}
_MOST: Final = {1: later("{name} added most, {value}"), -1: later("{name} took off most, {value}")}
_MORE: Final = {
    1: later("{name} added most, {value}; then {others}"),
    -1: later("{name} took off most, {value}; then {others}"),
}
_ARTICLES: Final = {EMBEDDING: later("the embedding"), BIAS: later("the last bias")}
_NUMBERS: Final = (later("logit"), later("difference of logits"), later("logit less the vocabulary's mean"))


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
        "names": _names(record),
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
    number = 1 if rival else 2 if question.centred else 0
    label = visible(question.text)
    return {"position": question.position, "label": label, "rival": rival, "number": say(_NUMBERS[number])}


def told(record: Contributions) -> list[str]:
    """Says in sentences what the number is, which parts pulled it there most, and which pulled against that."""
    parts = [
        (say(_ARTICLES[kind]) if kind in _ARTICLES else name, float(value))
        for name, kind, value in zip(_names(record), record.kinds, record.values, strict=True)
    ]
    if not any(value for _, value in parts):
        return [_subject(record), say("No part added anything to it.")]
    sides = [_side(parts, way) or say(_NOTHING[way]) for way in _ways(record)]
    return [_subject(record), *(say("{clause}.", clause=f"{side[0].upper()}{side[1:]}") for side in sides)]


def told_heads(record: Contributions) -> str:
    """Says the same of single heads; "" where there are none."""
    heads = [
        (head_name(int(layer), int(head)), float(record.heads[layer, head]))
        for layer, head in np.argwhere(np.isfinite(record.heads))
    ]
    sides = [side for side in (_side(heads, way) for way in _ways(record)) if side]
    return say("Among the heads, {sides}.", sides="; ".join(sides)) if sides else ""


def check(record: Contributions) -> str:
    """Writes the sum of the parts beside the model's own number."""
    parts, number = float(np.sum(record.values, dtype=np.float64)), question_payload(record.question)["number"]
    error = abs(record.error)
    share = error / max(1.0, abs(record.total))
    equal = "=" if share <= EQUAL else "≈" if share <= NEAR else "≠"
    difference = say("difference below {least}", least="0.0000001")
    if error >= 1e-7:
        difference = say("difference {size}", size=f"{error:.7f}")
    return say(
        "Sum of the parts {sum} {equal} the model's own {number} {total} ({difference})",
        sum=plain(parts, 4),
        equal=equal,
        number=number,
        total=plain(record.total, 4),
        difference=difference,
    )


def plain(value: float, digits: int = 2) -> str:
    """Writes a number with a real minus sign."""
    return f"{round(value, digits) or 0.0:.{digits}f}".replace("-", MINUS)


def signed(value: float, digits: int = 2) -> str:
    """Writes a number with its sign; a zero, however it came about, is +0."""
    return f"{round(value, digits) or 0.0:+.{digits}f}".replace("-", MINUS)


def _subject(record: Contributions) -> str:
    """What the number says of the token."""
    clause = _difference(record)
    if record.softcap is None:
        return say("{clause}.", clause=clause)
    return say("{clause}, before the softcap.", clause=clause)


def _difference(record: Contributions) -> str:
    """The same as a clause."""
    question, above = record.question, record.total >= 0
    token, rival = quoted(visible(question.text)), quoted(visible(question.against_text))
    size = plain(abs(record.total))
    if question.against is not None and above:
        return say("The logit of {token} is {size} above that of {rival}", token=token, size=size, rival=rival)
    if question.against is not None:
        return say("The logit of {token} is {size} below that of {rival}", token=token, size=size, rival=rival)
    if question.centred and above:
        return say("The logit of {token} is {size} above the vocabulary's mean", token=token, size=size)
    if question.centred:
        return say("The logit of {token} is {size} below the vocabulary's mean", token=token, size=size)
    return say("The logit of {token} is {size}", token=token, size=plain(record.total))


def _names(record: Contributions) -> list[str]:
    """[part] what each part is called."""
    return [part_name(kind, int(layer)) for kind, layer in zip(record.kinds, record.layers, strict=True)]


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
    (name, value), *others = large[:NAMED]
    if not others:
        return say(_MOST[way], name=name, value=signed(value))
    rest = [f"{other}, {signed(number)}" for other, number in others]
    told = rest[0] if len(rest) == 1 else say("{first}, and {second}", first=rest[0], second=rest[1])
    return say(_MORE[way], name=name, value=signed(value), others=told)
