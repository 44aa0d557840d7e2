"""The logit lens: what each layer would predict if the model's head read its stream directly."""

import numpy as np
import torch

from model_runtime.engine import Engine
from model_runtime.lens_records import LensGrid
from model_runtime.lens_rows import LensRows, joined
from model_runtime.recording import Recording, ranks
from model_runtime.records import Floats, Integers
from model_runtime.vocabulary import Vocabulary

TOP = 10


def lens_grid(engine: Engine, recording: Recording, vocabulary: Vocabulary) -> LensGrid:
    """The grid of the whole text; only tokens that were not asked for before cost anything."""
    done = 0 if recording.lens is None else recording.lens.tokens
    # All streams of some tokens at a time: the head's weights, the most of the work for one token, are read once.
    count = max(1, engine.unembedding.rows // (len(engine.anatomy.layers) + 1))
    parts = [] if recording.lens is None else [recording.lens]
    for begin in range(done, len(recording.ids), count):
        parts.append(_rows(engine, recording, begin, min(begin + count, len(recording.ids))))
    recording.lens = joined(parts)
    lens = recording.lens
    texts = {int(token): vocabulary.text(int(token)) for token in np.unique(lens.top_ids)}
    return LensGrid(
        ids=lens.top_ids[:, :, 0].copy(),
        probability=lens.top_probability[:, :, 0].copy(),
        top_ids=lens.top_ids.copy(),
        top_probability=lens.top_probability.copy(),
        target_ids=lens.target_ids.copy(),
        target_rank=lens.target_rank.copy(),
        target_probability=lens.target_probability.copy(),
        entropy=lens.entropy.copy(),
        divergence=lens.divergence.copy(),
        first_lead=(lens.target_rank == 0).argmax(0),
        settled=_settled(lens.target_rank),
        vocabulary=texts,
    )


def _rows(engine: Engine, recording: Recording, begin: int, end: int) -> LensRows:
    """The lens at positions begin to end - 1; the last stream's choice is every row's target."""
    logits = engine.unembed(recording, begin, end)  # [stream, token, vocabulary]
    targets = _first_best(logits[-1])  # [token]
    output = logits[-1].log_softmax(-1)
    rows = [_row(stream, targets, output) for stream in logits]
    ids, probabilities, *columns = (np.stack(column) for column in zip(*rows, strict=True))
    return LensRows(ids, probabilities, targets.cpu().numpy(), *columns)


def _settled(rank: Integers) -> Integers:
    """[token] the first row from which on the rank [row, token] stays 0."""
    late = np.where(rank == 0, 0, np.arange(1, len(rank) + 1)[:, None])  # the row after each that is not led
    settled: Integers = late.max(0)
    return settled


def _first_best(logits: torch.Tensor) -> torch.Tensor:
    """The argmax of each row, the lowest id among equals: torch's own promises nothing about ties."""
    return (logits == logits.amax(-1, keepdim=True)).int().argmax(-1)


def _row(
    logits: torch.Tensor, targets: torch.Tensor, output: torch.Tensor
) -> tuple[Integers, Floats, Integers, Floats, Floats, Floats]:
    """One stream [token, vocabulary], in the order of `LensRows`.

    Args:
        logits: The stream's.
        targets: [token] the final choices.
        output: [token, vocabulary] the logarithms of the output's probabilities.
    """
    logarithm = logits.log_softmax(-1)
    probability = logarithm.exp()
    count = min(TOP, logits.shape[1])
    values, ids = probability.topk(count, dim=-1)
    # Equals are listed by id; topk promises no order among them.
    order = np.lexsort((ids.cpu().numpy(), -values.cpu().numpy()), axis=-1)
    return (
        np.take_along_axis(ids.cpu().numpy(), order, axis=-1),
        np.take_along_axis(values.cpu().numpy(), order, axis=-1),
        ranks(probability, targets).cpu().numpy(),
        probability.gather(1, targets[:, None])[:, 0].cpu().numpy(),
        torch.special.entr(probability).sum(-1).clamp(min=0).cpu().numpy(),
        (output.exp() * (output - logarithm)).sum(-1).clamp(min=0).cpu().numpy(),
    )
