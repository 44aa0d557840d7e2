"""The loop of writing: what went into the model at each step, and what came out and was appended."""

from typing import Any, Final

import numpy as np

from model_runtime.records import TokenTable
from viz.payload import pack
from viz.sentences import say
from viz.window import Window, window_to

TAIL: Final = 12  # tokens of an input that are sent; the page shows fewer where there is less room


def loop_payload(tokens: TokenTable, labels: list[str], cursor: int, size: int) -> dict[str, Any]:
    """Turns a text into the steps that wrote it.

    A step reads all tokens before a position and puts one there. The prompt's were there before the first step.

    Args:
        tokens: The tokens.
        labels: [token] their visible labels.
        cursor: The position whose prediction is shown: the step that reads up to it is the chosen one.
        size: The most steps to show.

    Returns:
        The payload of `LoopView`. `probability` and `rank` are about the tokens that the shown steps put at the
        positions `begin` to `end` - 1. `labels` start at the position `first`, before `begin`, as inputs are shown too.
        `read` are the last tokens up to the cursor, `output` the label, probability and rank of the one that followed.
    """
    total, prompt = len(labels), tokens.prompt_length
    steps = window_to(min(max(cursor + 1 - prompt, 0), max(total - prompt - 1, 0)), total - prompt, size)
    begin, end = prompt + steps.start, prompt + steps.stop
    first = max(0, begin - TAIL)
    probability = np.exp(-tokens.surprisal)
    after = cursor + 1
    return {
        "labels": labels[first:end],
        "first": first,
        "begin": begin,
        "end": end,
        "probability": pack(probability[begin:end]),
        "rank": pack(tokens.rank[begin:end]),
        "prompt_length": prompt,
        "total": total,
        "cursor": cursor,
        "read": labels[max(0, after - TAIL) : after],
        "output": [labels[after], float(probability[after]), int(tokens.rank[after])] if after < total else None,
        "shown": _shown(steps),
    }


def _shown(steps: Window) -> str:
    """Which steps are shown, counted from 1; "" where all are."""
    if not steps.cut:
        return ""
    return say("steps {first} to {last} of {total}", first=steps.start + 1, last=steps.stop, total=steps.total)
