"""Parallel streams: what each position predicts by itself, whether that came, and how full the context is."""

from typing import Any

import numpy as np

from model_runtime.prediction_records import ContextUse, Predictions
from model_runtime.records import TokenTable
from viz.labels import visible
from viz.payload import pack
from viz.window import Window


def streams_payload(
    predictions: Predictions, tokens: TokenTable, labels: list[str], cursor: int, window: Window
) -> dict[str, Any]:
    """Turns every position's prediction into the tracks of the tab.

    Args:
        predictions: The first choice after every token.
        tokens: The tokens.
        labels: [token] their visible labels.
        cursor: The position whose track is used for the step that is shown.
        window: The tracks that are shown.

    Returns:
        The payload of `StreamsView`; arrays and lists are indexed by position - `start`. `right` is 1 where the
        prediction came, 0 where another token did, 2 at the end of the text, where nothing has come yet. `hits` says
        how many predictions came among the prompt's tokens and among those that were written.
    """
    right = np.append(predictions.ids[:-1] == tokens.ids[1:], 2).astype(np.uint8)
    shown = slice(window.start, window.stop)
    prompt = tokens.prompt_length
    inside, after = right[: prompt - 1], right[prompt - 1 : -1]  # track i predicts token i + 1
    return {
        "labels": labels[shown],
        "predicted": [visible(text) for text in predictions.text[shown]],
        "probability": pack(predictions.probability[shown]),
        "right": pack(right[shown]),
        "came": [*labels[window.start + 1 : window.stop + 1], ""][: window.size],
        "start": window.start,
        "prompt_length": prompt,
        "total": len(labels),
        "cursor": cursor,
        "hits": [[int(part.sum()), len(part)] for part in (inside, after)],
        "shown": window.describe("tracks"),
    }


def context_payload(use: ContextUse) -> dict[str, Any]:
    """Returns how full the context is, as numbers and in the words of the error that a full one answers with."""
    return {
        "limit": use.limit,
        "prompt": use.prompt,
        "written": use.written,
        "free": use.free,
        "at_limit": use.at_limit,
    }
