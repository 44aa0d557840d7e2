"""Heads by hand: slow loops over stock eager attentions, written from the definitions and from nothing of ours."""

import math

import numpy as np

from model_runtime import Moment
from model_runtime.model import Model
from tests.runtime.comparison import PREFILL, moment_of, some_ids
from tests.runtime.families import VOCABULARY

# A text with special tokens, repeated tokens, and a token said twice in a row.
IDS = (1, *some_ids(9, VOCABULARY, seed=3), 2, 50, 60, 60, 7, *some_ids(9, VOCABULARY, seed=3)[:6], 50, 1, 61)


def walked(model: Model, ids: tuple[int, ...] = IDS, prefill: int = PREFILL, **settings: object) -> Moment:
    """A moment of which the last tokens were taken step by step."""
    moment = moment_of(model, ids[:prefill])
    if settings:
        moment = moment.without(**settings)
    for token in ids[prefill:]:
        model.tokens(moment)
        moment = model.step(moment, take=token)
    return moment


def measures(weights, ids, special):
    """Of one head, [query, key]; NaN where nothing repeats."""
    count = len(ids)
    entropy = distance = own = first = specials = 0.0
    previous, duplicate, induction = [], [], []
    for query in range(count):
        row = [float(weights[query, key]) for key in range(count)]
        entropy -= sum(value * math.log(value) for value in row if value > 0)
        distance += sum(value * (query - key) for key, value in enumerate(row))
        own += row[query]
        first += row[0]
        specials += sum(value for key, value in enumerate(row) if ids[key] in special)
        if query:
            previous.append(row[query - 1])
        earlier = [key for key in range(query) if ids[key] == ids[query]]
        if earlier:
            duplicate.append(sum(row[key] for key in earlier))
            induction.append(sum(row[key + 1] for key in earlier))
    return {
        "entropy": entropy / count,
        "distance": distance / count,
        "self": own / count,
        "previous": np.mean(previous) if previous else math.nan,
        "first": first / count,
        "special": specials / count,
        "duplicate": np.mean(duplicate) if duplicate else math.nan,
        "induction": np.mean(induction) if induction else math.nan,
    }


def label(weights, sink, ids, special, random=None, visible=None):
    """The documented conditions, on shares of the attention beside the first token and the sink.

    `random` is (weights, ids) of the random run; every key with a weight is visible, unless `visible` says more.
    """
    count = len(ids)
    inner = weights[:, 1:]
    left = inner.sum()

    def repeated(weights, ids, step):
        queries = [query for query in range(len(ids)) if ids[query] in ids[:query]]
        total = sum(weights[query, 1:].sum() for query in queries)
        hit = 0.0
        for query in queries:
            for key in range(query):
                if ids[key] == ids[query] and key + step > 0:
                    hit += weights[query, key + step]
        return hit / total if total > 0 else math.nan

    copied = random or (weights, ids)
    if repeated(*copied, 1) >= 0.4:
        return "induction"
    if repeated(*copied, 0) >= 0.4:
        return "duplicate token"
    if count < 4:
        return "no clear pattern"
    sunk = (weights[:, 0].sum() + sink.sum()) / count
    if sunk > 0.95:
        return "first token"
    if sum(weights[query, query - 1] for query in range(2, count)) / left >= 0.5:
        return "previous token"
    if sum(weights[query, query] for query in range(1, count)) / left >= 0.5:
        return "self"
    if sum(weights[:, key].sum() for key in range(1, count) if ids[key] in special) / left >= 0.5:
        return "special tokens"
    close = sum(weights[query, max(1, query - 4) : query + 1].sum() for query in range(1, count)) / left
    seen = (weights > 0 if visible is None else visible)[:, 1:].sum(1)
    if close >= 0.8 and close / np.mean([min(5, keys) / keys for keys in seen if keys]) >= 1.5:
        return "local"
    spread = even = 0.0
    for query in range(1, count):
        share = inner[query].sum()
        row = inner[query][inner[query] > 0] / share
        spread -= share * (row * np.log(row)).sum()
        even += share * math.log(max(1, seen[query]))
    if spread / even >= 0.9:
        return "broad"
    return "first token" if sunk > 0.5 else "no clear pattern"
