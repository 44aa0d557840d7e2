"""All heads at a glance; while a text grows only the new tokens' rows are computed."""

from collections.abc import Iterable, Sequence

import numpy as np

from model_runtime.engine import Engine
from model_runtime.glance import Glance, as_bytes, blank, block_of, in_blocks
from model_runtime.head_records import HeadMosaic
from model_runtime.heads import ablated, key_value_heads, shape_of
from model_runtime.layer_weights import Rows, all_rows, attending
from model_runtime.moment import Moment
from model_runtime.progress import tell
from model_runtime.recording import Recording

MOSAIC_BYTES = 360_000  # of all cells, which base64 makes 480 KB
MOST_GLANCES = 3  # that a recording keeps: one for each way to hide a sink


def mosaic(
    engine: Engine, recording: Recording, moment: Moment, cells: int, hidden: Sequence[int], scale: str
) -> HeadMosaic:
    """Every head pooled into at most `cells` rows and columns, fewer where there are many heads or few tokens."""
    layers, heads = shape_of(engine)
    tokens = len(recording.ids)
    glance = glance_of(engine, recording, tuple(hidden), scale)
    blocks = glance.cells.shape[-1]
    side = max(1, min(cells, blocks, int((MOSAIC_BYTES / max(1, layers * heads)) ** 0.5)))
    edges = np.arange(side + 1) * blocks // side
    shared = key_value_heads(engine, recording)
    share = glance.taken.sum(-1, dtype=np.float64) / tokens
    return HeadMosaic(
        cells=glance.pooled(edges),
        scale=scale,
        edges=np.minimum(edges * glance.block, tokens).astype(np.int64),
        exists=shared >= 0,
        key_value_head=shared,
        ablated=ablated(engine, moment),
        hidden_positions=tuple(hidden),
        hidden=np.where(shared >= 0, share, np.nan).astype(np.float32),
    )


def weights_to_draw(engine: Engine, recording: Recording, hidden: Sequence[int], scale: str) -> int:
    """How many weights a mosaic still has to compute: of all heads, from the queries that no glance has."""
    layers, heads = shape_of(engine)
    tokens = len(recording.ids)
    block = block_of(tokens, layers * heads)
    known = [glance.tokens for glance in recording.glances if glance.begins(tuple(hidden), scale, block)]
    return layers * heads * (tokens - max(known, default=0)) * tokens


def glance_of(engine: Engine, recording: Recording, hidden: tuple[int, ...], scale: str) -> Glance:
    """The glance of a whole text, grown from one that the recording keeps, and kept there in its stead."""
    layers, heads = grid = shape_of(engine)
    tokens = len(recording.ids)
    block = block_of(tokens, layers * heads)
    known = [glance for glance in recording.glances if glance.begins(hidden, scale, block)]
    base = max(known, key=lambda glance: glance.tokens, default=None)
    if base is not None and (base.tokens, base.block) == (tokens, block):
        return base
    found = blank(grid, tokens, block, scale, hidden)
    done = 0
    if base is not None:
        whole = base.coarser(block)
        count = whole.tokens // block  # what stands in a partial block is computed again
        done = count * block
        found.cells[..., :count, :count] = whole.cells[..., :count, :count]
        found.taken[..., :count] = whole.taken[..., :count]
    with engine.running():
        for layer in attending(engine, recording):
            tell("Drawing all heads", layer, layers)
            fill(found, layer, all_rows(engine, recording, layer, done, block))
    others = [glance for glance in recording.glances if glance is not base]
    recording.glances = (found, *others)[:MOST_GLANCES]
    return found


def fill(glance: Glance, layer: int, rows: Iterable[Rows]) -> None:
    """Writes rows of a layer into a glance that nobody else knows yet; each part begins at a block."""
    for part in rows:
        part = part.without(glance.hidden)
        heads, count, _ = part.weights.shape
        begin, end = part.begin // glance.block, -(-(part.begin + count) // glance.block)
        pooled = in_blocks(part.weights[..., : part.begin + count], glance.block)  # later keys have no weight
        glance.cells[layer, :heads, begin:end, :end] = as_bytes(pooled, glance.scale)
        starts = np.arange(0, count, glance.block)
        glance.taken[layer, :heads, begin:end] = np.add.reduceat(part.hidden.cpu().numpy(), starts, axis=1)
