"""Every head's largest weights between blocks of tokens: what a mosaic is pooled from, kept while a text grows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model_runtime.records import Floats

# Of all cells of a glance. A longer text gets larger blocks, so that growing a glance by a token stays cheap.
GLANCE_BYTES = 2**24


@dataclass(frozen=True)
class Glance:
    """The first tokens of a text, pooled; arrays are never written again.

    A query's weights do not change when the text goes on, so whole blocks of queries stay as they are. The last block
    may be a partial one; it has to be computed again when the text goes on or is cut.

    Attributes:
        tokens: How many tokens are pooled.
        block: How many tokens a block has, a power of two.
        scale: "sqrt" or "linear": how bytes follow from weights.
        hidden: The key positions that were hidden before pooling, the rest of each row renormalised.
        cells: [layer, head, block of queries, block of keys] the byte of the largest weight. Bytes keep the order of
            weights, so the largest byte of many cells is the byte of their largest weight.
        taken: [layer, head, block of queries] the share that was hidden, summed over the queries.
    """

    tokens: int
    block: int
    scale: str
    hidden: tuple[int, ...]
    cells: NDArray[np.uint8]
    taken: Floats

    @property
    def nbytes(self) -> int:
        """Bytes that the arrays take."""
        return self.cells.nbytes + self.taken.nbytes

    def cut(self, tokens: int) -> "Glance":
        """The whole blocks of the first tokens, as views; all of it where it is not longer."""
        if tokens >= self.tokens:
            return self
        count = tokens // self.block
        done = count * self.block
        hidden = tuple(position for position in self.hidden if position < done)
        cells, taken = self.cells[..., :count, :count], self.taken[..., :count]
        return Glance(done, self.block, self.scale, hidden, cells, taken)

    def coarser(self, block: int) -> "Glance":
        """The same in larger blocks, of which only whole ones are kept."""
        ratio = block // self.block
        if ratio == 1:
            return self
        whole = self.cut(self.tokens // block * block)
        count = whole.tokens // block
        grid = self.cells.shape[:2]
        cells = whole.cells.reshape(*grid, count, ratio, count, ratio).max(5).max(3)
        taken = whole.taken.reshape(*grid, count, ratio).sum(3)
        return Glance(whole.tokens, block, self.scale, whole.hidden, cells, taken)

    def begins(self, hidden: Sequence[int], scale: str, block: int) -> bool:
        """Whether a glance in blocks of this size can go on from it."""
        before = tuple(position for position in hidden if position < self.tokens)
        return self.scale == scale and self.block <= block and self.hidden == before

    def pooled(self, edges: NDArray[np.int64]) -> NDArray[np.uint8]:
        """[layer, head, row, column] pooled further; `edges` count blocks."""
        spans = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
        rows = np.stack(
            [self.cells[:, :, low:high].max(2) for low, high in spans], 2
        )  # whole rows are quick to compare
        return np.stack([rows[..., low:high].max(3) for low, high in spans], 3)


def block_of(tokens: int, heads: int) -> int:
    """The smallest block with which the cells of so many heads stay within the bound."""
    block = 1
    while block < tokens and heads * (-(-tokens // block)) ** 2 > GLANCE_BYTES:
        block *= 2
    return block


def blank(grid: tuple[int, int], tokens: int, block: int, scale: str, hidden: tuple[int, ...]) -> Glance:
    """A glance with nothing in it yet, for `fill` to write."""
    count = -(-tokens // block)
    cells, taken = np.zeros((*grid, count, count), np.uint8), np.zeros((*grid, count), np.float32)
    return Glance(tokens, block, scale, hidden, cells, taken)


def in_blocks(weights: torch.Tensor, block: int) -> torch.Tensor:
    """The largest of each block [head, block of queries, block of keys] of weights [head, query, key]."""
    if block == 1:
        return weights
    heads, queries, keys = weights.shape
    whole = queries // block * block
    rows = [weights[:, :whole].reshape(heads, -1, block, keys).amax(2)] if whole else []
    if whole < queries:
        rows.append(weights[:, whole:].amax(1, keepdim=True))
    pooled = torch.nn.functional.pad(torch.cat(rows, 1), (0, -keys % block))
    return pooled.reshape(heads, pooled.shape[1], -1, block).amax(-1)


def as_bytes(weights: torch.Tensor, scale: str) -> NDArray[np.uint8]:
    """Weights 0 to 1 as 0 to 255."""
    shown = weights.sqrt() if scale == "sqrt" else weights.clone()
    found: NDArray[np.uint8] = shown.mul_(255).round_().clamp_(0, 255).byte().cpu().numpy()
    return found
