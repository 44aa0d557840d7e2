"""The logit lens: what each layer would predict if the model's head read its stream directly."""

import numpy as np
import torch

from model_runtime.engine import Engine
from model_runtime.recording import LensRows, Recording, ranks
from model_runtime.records import Floats, Integers, LensGrid
from model_runtime.vocabulary import Vocabulary

TOP = 10


def lens_grid(engine: Engine, recording: Recording, vocabulary: Vocabulary) -> LensGrid:
    """The grid of the whole text; only tokens that were not asked for before cost anything."""
    done = 0 if recording.lens is None else recording.lens.tokens
    for begin in range(done, len(recording.ids), engine.unembedding.rows):
        rows = _rows(engine, recording, begin, min(begin + engine.unembedding.rows, len(recording.ids)))
        recording.lens = rows if recording.lens is None else recording.lens.joined(rows)
    lens = recording.lens
    assert lens is not None  # a text has at least one token
    texts = {int(token): vocabulary.text(int(token)) for token in np.unique(lens.top_ids)}
    return LensGrid(
        ids=lens.top_ids[:, :, 0].copy(),
        probability=lens.top_probability[:, :, 0].copy(),
        top_ids=lens.top_ids.copy(),
        top_probability=lens.top_probability.copy(),
        target_ids=lens.target_ids.copy(),
        target_rank=lens.target_rank.copy(),
        target_probability=lens.target_probability.copy(),
        vocabulary=texts,
    )


def _rows(engine: Engine, recording: Recording, begin: int, end: int) -> LensRows:
    """The lens at positions begin to end - 1, the last stream first: its choice is every row's target."""
    final = len(engine.anatomy.layers)
    targets = _first_best(engine.unembed(recording, final, begin, end))  # [token]
    rows = [_row(engine.unembed(recording, stream, begin, end), targets) for stream in range(final + 1)]
    ids, probabilities, ranks, shares = (np.stack(column) for column in zip(*rows, strict=True))
    return LensRows(ids, probabilities, targets.cpu().numpy(), ranks, shares)


def _first_best(logits: torch.Tensor) -> torch.Tensor:
    """The argmax of each row, the lowest id among equals: torch's own promises nothing about ties."""
    return (logits == logits.amax(-1, keepdim=True)).int().argmax(-1)


def _row(logits: torch.Tensor, targets: torch.Tensor) -> tuple[Integers, Floats, Integers, Floats]:
    """One stream: top ids and probabilities [token, k], the targets' ranks and probabilities [token]."""
    probability = logits.softmax(-1)
    count = min(TOP, logits.shape[1])
    values, ids = probability.topk(count, dim=-1)
    # Equals are listed by id; topk promises no order among them.
    order = np.lexsort((ids.cpu().numpy(), -values.cpu().numpy()), axis=-1)
    return (
        np.take_along_axis(ids.cpu().numpy(), order, axis=-1),
        np.take_along_axis(values.cpu().numpy(), order, axis=-1),
        ranks(probability, targets).cpu().numpy(),
        probability.gather(1, targets[:, None])[:, 0].cpu().numpy(),
    )
