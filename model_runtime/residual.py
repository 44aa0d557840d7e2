"""The residual stream: how long its vectors are, how blocks turn them, and how they lie to each other."""

from collections.abc import Sequence

import numpy as np
import torch

from model_runtime.edits import Edit
from model_runtime.engine import Engine
from model_runtime.progress import tell
from model_runtime.recording import Recording
from model_runtime.records import Floats
from model_runtime.stream_records import ResidualTable, StreamSimilarity, TokenSimilarity

# Vectors that the axes are found from. More cost time on every new token and turn the axes by little.
MOST_FITTED = 1024
# An axis with a smaller share of the variance is rounding.
LEAST_SHARE = 1e-12


def residual_table(engine: Engine, recording: Recording, steering: Sequence[Edit]) -> ResidualTable:
    """The whole text; the recording keeps the answer, as it is asked for again at every look at it.

    Args:
        engine: The model.
        recording: The text.
        steering: What was added to its streams.
    """
    if recording.residual is None:
        with engine.running():
            norm, turn = _lengths(engine, recording)
            attention_norm, mlp_norm = _added(engine, recording, steering)
            points, explained, fitted = _points(engine, recording)
        recording.residual = ResidualTable(
            norm=_floats(norm),
            turn=_floats(turn),
            attention_norm=_floats(attention_norm),
            mlp_norm=_floats(mlp_norm),
            points=_floats(points),
            explained=_floats(explained),
            fitted=fitted,
        )
    return recording.residual


def stream_similarity(engine: Engine, recording: Recording, position: int) -> StreamSimilarity:
    """One token's vectors, stream by stream."""
    streams = range(len(engine.anatomy.layers) + 1)
    with engine.running():
        vectors = torch.cat([recording.streams(stream, position, position + 1) for stream in streams])
        return StreamSimilarity(position, _floats(_cosines(vectors.double())))


def token_similarity(
    engine: Engine, recording: Recording, stream: int, centred: bool, begin: int, end: int
) -> TokenSimilarity:
    """The vectors of one stream at positions begin to end - 1."""
    with engine.running():
        vectors = recording.streams(stream, begin, end).double()
        if centred and len(recording.ids) > 1:
            vectors -= recording.streams(stream, 1, len(recording.ids)).double().mean(0)
        return TokenSimilarity(stream, centred, begin, _floats(_cosines(vectors)))


def _lengths(engine: Engine, recording: Recording) -> tuple[torch.Tensor, torch.Tensor]:
    """The table's norm and turn."""
    norms, turns = [], []
    before = None
    for stream in range(len(engine.anatomy.layers) + 1):
        vectors = recording.streams(stream, 0, len(recording.ids)).double()
        norms.append(vectors.norm(dim=-1))
        if before is not None:
            turns.append(((before * vectors).sum(-1) / (norms[-2] * norms[-1])).clamp(-1, 1))
        before = vectors
    return torch.stack(norms), torch.stack(turns)


def _added(engine: Engine, recording: Recording, steering: Sequence[Edit]) -> tuple[torch.Tensor, torch.Tensor]:
    """The table's attention_norm and mlp_norm."""
    tokens, blocks = len(recording.ids), len(engine.anatomy.layers)
    lengths = torch.full((2, blocks, tokens), float("nan"), dtype=torch.float64)
    for block in range(blocks if engine.middle else 0):
        tell("Measuring what attention added", block, blocks)
        attended = recording.attended(block, 0, tokens).double()
        rest = recording.streams(block + 1, 0, tokens).double() - recording.streams(block, 0, tokens) - attended
        for edit in steering:
            if edit.site.layer == block + 1:  # it was added after the MLP
                rest[edit.begin :] -= edit.value
        lengths[0, block], lengths[1, block] = attended.norm(dim=-1), rest.norm(dim=-1)
    return lengths[0], lengths[1]


def _points(engine: Engine, recording: Recording) -> tuple[torch.Tensor, torch.Tensor, int]:
    """The table's points, explained and fitted."""
    tokens, count = len(recording.ids), len(engine.anatomy.layers) + 1
    chosen = _evenly(count * (tokens - 1))
    parts = []
    for stream in range(count):
        positions = chosen[chosen // max(1, tokens - 1) == stream] % max(1, tokens - 1) + 1
        parts.append(_units(recording.streams(stream, 0, tokens)[positions]))
    centre, axes, explained = principal_axes(torch.cat(parts))
    points = [(_units(recording.streams(stream, 0, tokens)) - centre) @ axes for stream in range(count)]
    return torch.stack(points), explained, len(chosen)


def _evenly(count: int) -> torch.Tensor:
    """Indices below `count` at even distances, all of them where they are not too many."""
    return torch.linspace(0, count - 1, min(count, MOST_FITTED), dtype=torch.float64).round().long()


def principal_axes(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The two axes along which vectors differ most, from the exact decomposition of their inner products.

    Args:
        vectors: [vector, width] float64.

    Returns:
        [width] the mean, [width, 2] axes of length one whose largest component is positive, and [2] the share of the
        variance along each. An axis along which nothing differs, and both where there are fewer than three vectors,
        is zero with a share of zero.
    """
    count, width = vectors.shape
    axes, explained = vectors.new_zeros(width, 2), vectors.new_zeros(2)
    if count < 3:
        return vectors.new_zeros(width), axes, explained
    centre = vectors.mean(0)
    centred = vectors - centre
    # The smaller of the two products has the same eigenvalues as the larger and takes a fraction of the time.
    wide = width > count
    values, found = torch.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    variance = centred.square().sum()
    for axis in range(min(2, len(values))):
        value, vector = values[-1 - axis], found[:, -1 - axis]
        if value > LEAST_SHARE * variance:
            direction = centred.T @ vector if wide else vector
            direction = direction * direction[direction.abs().argmax()].sign()
            axes[:, axis], explained[axis] = direction / direction.norm(), value / variance
    return centre, axes, explained


def _units(vectors: torch.Tensor) -> torch.Tensor:
    """[vector, width] float64, each divided by its length; a zero vector stays zero."""
    vectors = vectors.double()
    length = vectors.norm(dim=-1, keepdim=True)
    return vectors / torch.where(length > 0, length, 1)


def _cosines(vectors: torch.Tensor) -> torch.Tensor:
    """[vector, vector] cosines; NaN where a vector is zero and has no direction."""
    length = vectors.norm(dim=-1, keepdim=True)
    cosines: torch.Tensor = vectors @ vectors.T / length / length.T
    return cosines.clamp(-1, 1)


def _floats(values: torch.Tensor) -> Floats:
    result: Floats = values.cpu().numpy().astype(np.float32)
    return result
