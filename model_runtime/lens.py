"""The logit lens: what each layer would predict if the model's head read its stream directly."""

from typing import Any

import numpy as np
import torch

from model_runtime.engine import Engine
from model_runtime.lens_records import LensGrid, LensReading
from model_runtime.lens_rows import LensKept, LensRows, joined
from model_runtime.progress import tell
from model_runtime.recording import Place, Recording
from model_runtime.records import Integers
from model_runtime.token_statistics import entropies, first_best, ranks
from model_runtime.vocabulary import Vocabulary

TOP = 10
READY = 64  # pieces of the lens that the midpoints are made ready for at once
READ_AT_ONCE = 2**22  # logits, of which some copies are made: 16 MB of float32 each


def lens_grid(engine: Engine, recording: Recording, vocabulary: Vocabulary, middle: bool) -> LensGrid:
    """The grid of the whole text; only tokens that were not asked for before cost anything."""
    with engine.running():
        lens = recording.lens = _grown(engine, recording, middle)
    between = lens.middle if middle else None
    listed = np.zeros(vocabulary.size, np.bool_)
    for rows in (lens.streams, between):
        if rows is not None:
            listed[rows.top_ids] = True
    rank = lens.streams.target_rank
    return LensGrid(
        **_reading(lens.streams),
        target_ids=lens.streams.target_ids,
        first_lead=(rank == 0).argmax(0),
        settled=_settled(rank),
        vocabulary={token: vocabulary.text(token) for token in np.flatnonzero(listed).tolist()},
        middle=None if between is None else LensReading(**_reading(between)),
    )


def _grown(engine: Engine, recording: Recording, middle: bool) -> LensKept:
    """What is kept of the lens, grown to the whole text."""
    blocks = len(engine.anatomy.layers)
    streams: list[Place] = [(stream, False) for stream in range(blocks + 1)]
    between: list[Place] = [(block, True) for block in range(blocks)] if middle else []
    kept = recording.lens
    rows, inner = ([], []) if kept is None else ([kept.streams], [kept.middle] if kept.middle is not None else [])
    known = sum(part.tokens for part in rows)
    if middle:  # of tokens whose streams were read without: the output is read again, as what they are compared with
        lacking = _parts(engine, recording, [*between, streams[-1]], sum(part.tokens for part in inner), known)
        inner = [*inner, *(part.at(slice(blocks)) for part in lacking)]
    parts = _parts(engine, recording, between + streams, known, len(recording.ids))
    rows = [*rows, *(part.at(slice(-blocks - 1, None)) for part in parts)]
    inner = [*inner, *(part.at(slice(blocks)) for part in parts if middle)]
    return LensKept(joined(rows), joined(inner) if inner else None)


def _parts(engine: Engine, recording: Recording, places: list[Place], begin: int, end: int) -> list[LensRows]:
    """The lens at positions begin to end - 1, piece by piece; the last place is the output."""
    # All rows of some tokens at a time: the head's weights, the most of the work for one token, are read once.
    count = max(1, engine.unembedding.rows // len(places))
    parts, blocks = [], [layer for layer, middle in places if middle]
    for start in range(begin, end, count):
        tell(f"Reading the layers: {start:,} of {end:,} tokens", start - begin, end - begin)
        if (start - begin) % (READY * count) == 0:  # a reduced recording's layers run again once for many pieces
            ready = recording.ready(blocks, start, min(start + READY * count, end))
        parts.append(lens_rows(engine.unembed(ready, places, start, min(start + count, end))))
    return parts


def lens_rows(logits: torch.Tensor) -> LensRows:
    """The lens from logits [row, token, vocabulary]; the last row is the output, its choice every row's target."""
    targets = first_best(logits[-1])  # [token]
    output = logits[-1].log_softmax(-1)
    parts = [_read(part, targets, output) for part in logits.split(max(1, READ_AT_ONCE // logits[0].numel()))]
    columns = (torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True))
    ids, values, probability, *rest = columns
    # Equals are listed by id; topk promises no order among them.
    order = np.lexsort((ids, -values), axis=-1)
    ids, probability = (np.take_along_axis(column, order, axis=-1) for column in (ids, probability))
    return LensRows(targets.cpu().numpy(), ids, probability, *rest)


def _read(logits: torch.Tensor, targets: torch.Tensor, output: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The top ids [row, token, k], their logits and probabilities, then the rest in the order of `LensRows`.

    Order and rank follow the logits: two that differ may round to one probability.

    Args:
        logits: [row, token, vocabulary].
        targets: [token] the final choices.
        output: [token, vocabulary] the logarithms of the output's probabilities.
    """
    logarithm = logits.log_softmax(-1)
    probability = logarithm.exp()
    values, ids = logits.topk(min(TOP, logits.shape[2]), dim=-1)
    wanted = targets.expand(logits.shape[:2])  # [row, token]
    return (
        ids,
        values,
        probability.gather(-1, ids),
        ranks(logits.flatten(0, 1), wanted.flatten()).reshape(wanted.shape),
        probability.gather(-1, wanted[..., None])[..., 0],
        entropies(probability, logarithm),
        divergences(output, logarithm),
    )


def divergences(output: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
    """[...] the Kullback-Leibler divergence in nats of rows from the output, both [..., vocabulary] logarithms."""
    nats: torch.Tensor = (output.exp() * (output - row)).sum(-1)
    return nats.clamp(min=0)


def _reading(rows: LensRows) -> dict[str, Any]:
    """The fields of `LensReading`. A record makes its arrays read-only; what is kept is never written again either."""
    fields = {name: values for name, values in vars(rows).items() if name != "target_ids"}
    return fields | {"ids": rows.top_ids[:, :, 0].copy(), "probability": rows.top_probability[:, :, 0].copy()}


def _settled(rank: Integers) -> Integers:
    """[token] the first row from which on the rank [row, token] stays 0."""
    late = np.where(rank == 0, 0, np.arange(1, len(rank) + 1)[:, None])  # the row after each that is not led
    settled: Integers = late.max(0)
    return settled
