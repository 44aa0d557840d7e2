"""Choosing a token: the distribution filter by filter, the nucleus on the cumulative curve, and many draws."""

import math
from typing import Any, Final

import numpy as np

from model_runtime.choosing_records import ChoiceStep, ChoiceSteps, Draws
from model_runtime.records import Integers
from viz.labels import quoted, visible
from viz.payload import pack
from viz.sentences import later, say, say_many

ROWS: Final = 8  # tokens of each distribution
DRAWN: Final = 14  # tokens whose draws are shown
_FIRST: Final = 48  # ranks of the curve that are all sent; further ones at growing distances
_POINTS: Final = 64
NAMES: Final = {
    "": later("as the model gives it"),
    "repetition_penalty": later("repetition penalty"),
    "temperature": later("temperature"),
    "top_k": later("top-k"),
    "top_p": later("top-p"),
    "min_p": later("min-p"),
}


def steps_payload(record: ChoiceSteps) -> list[dict[str, Any]]:
    """Turns the way from the logits to the choice into one card a distribution."""
    return [
        {
            "name": say(NAMES[step.name]),
            "setting": "" if math.isnan(step.setting) else f"{step.setting:g}",
            "told": _told(step),
            "kept": step.kept,
            "removed": step.removed,
            "removed_share": step.removed_share,
            "entropy": step.entropy,
            "rows": [
                [int(token), visible(text), float(share)]
                for token, text, share in zip(step.ids, step.text, step.probability, strict=True)
            ],
        }
        for step in record.steps
    ]


def curve_ranks(count: int, nucleus: int) -> Integers:
    """[point] which ranks of the curve are drawn: the first ones, then some, and the nucleus' end."""
    far = np.geomspace(_FIRST, max(count, _FIRST), _POINTS).round().astype(np.int64)
    ranks = np.concatenate([np.arange(1, _FIRST + 1), far, [nucleus - 1, nucleus, count]])
    return np.unique(ranks[(ranks >= 1) & (ranks <= count)])


def curve_payload(record: ChoiceSteps, labels: dict[int, str]) -> dict[str, Any]:
    """Turns the cumulative probabilities into the points of the curve.

    Args:
        record: The way from the logits to the choice.
        labels: Visible labels of the tokens at `curve_ranks`.
    """
    ranks = curve_ranks(len(record.order), record.nucleus)
    together = record.cumulative[ranks - 1]
    before = np.where(ranks > 1, record.cumulative[np.maximum(ranks - 2, 0)], 0.0)
    return {
        "ranks": pack(ranks),
        "together": pack(together),
        "own": pack(together - before),
        "labels": [labels[int(record.order[rank - 1])] for rank in ranks],
        "count": len(record.order),
        "nucleus": record.nucleus,
        "reached": float(record.cumulative[record.nucleus - 1]),
        "top_p": record.top_p,
    }


def draws_payload(record: Draws) -> dict[str, Any]:
    """Turns many draws into rows of expected and found counts.

    Returns:
        `rows`: [id, label, probability, expected, drawn, deviation], the deviation being the standard deviation of the
        number of hits; `other`, likewise without id and label; and what is to say about all of them together.
    """
    count = len(record.taken)
    rows = [
        [int(token), visible(text), *_counts(float(share), int(drawn), count)]
        for token, text, share, drawn in zip(record.ids, record.text, record.probability, record.drawn, strict=True)
        if share > 0
    ]
    return {
        "rows": rows,
        "other": _counts(record.other_probability, record.other_drawn, count),
        "others": record.possible - len(rows),
        "count": count,
        "seed": record.seed,
        "distance": record.distance,
        "chance": record.chance_distance,
        "told": drawn_words(record),
    }


def drawn_words(record: Draws) -> str:
    """Says how far the frequencies are from the probabilities, and what chance gives."""
    count = f"{len(record.taken):,}"
    if record.possible == 1:
        return say("Only one token can be taken, so all {count} draws took it.", count=count)
    surprise = (record.distance - record.chance_distance) / max(record.chance_spread, 1e-12)
    verdict = say("unusually far") if surprise > 0 else say("unusually near")
    return say(
        "Frequencies and probabilities are {apart} apart (total variation distance: {share} % of the draws would have"
        " to fall otherwise). {count} fair draws are apart by {chance}, give or take {spread}: this is {verdict}."
        " {seen} of {possible} possible tokens came.",
        apart=f"{record.distance:.3f}",
        share=f"{100 * record.distance:.1f}",
        count=count,
        chance=f"{record.chance_distance:.3f}",
        spread=f"{record.chance_spread:.3f}",
        verdict=say("what chance gives") if abs(surprise) < 2 else verdict,
        seen=f"{record.seen:,}",
        possible=f"{record.possible:,}",
    )


def taken_words(record: ChoiceSteps, greedy: str, choice: str) -> str:
    """Says what greedy decoding takes from here and what drawing does."""
    if record.temperature == 0:
        return say(
            "Greedy decoding always takes {greedy}. Temperature 0 is greedy decoding; raise it to draw.",
            greedy=quoted(greedy),
        )
    return say(
        "Greedy decoding always takes {greedy}. Drawing takes it in {share} % of all draws; with seed {seed} the next"
        " step draws {choice}.",
        greedy=quoted(greedy),
        share=f"{100 * record.greedy_share:.1f}",
        seed=record.seed,
        choice=quoted(choice),
    )


def _counts(share: float, drawn: int, count: int) -> list[float]:
    return [share, share * count, drawn, math.sqrt(max(0.0, count * share * (1 - share)))]


def _told(step: ChoiceStep) -> str:
    if step.name in ("", "repetition_penalty", "temperature"):
        return say("all {count} tokens", count=f"{step.kept:,}")
    share = 100 * step.removed_share
    gone = f"{share:.2f}" if share >= 0.01 or share == 0 else "<0.01"
    if not step.removed:
        return say_many("{count} token kept, none removed", "{count} tokens kept, none removed", step.kept)
    return say_many(
        "{count} token kept, {share} % removed", "{count} tokens kept, {share} % removed", step.kept, share=gone
    )
