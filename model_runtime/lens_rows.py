"""The lens of a text as far as it has been asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_runtime.records import Floats, Integers


@dataclass(frozen=True)
class LensRows:
    """Some rows of the lens for the first tokens of a text; arrays [row, token] or [row, token, k]."""

    target_ids: Integers  # [token]
    top_ids: Integers
    top_probability: Floats
    target_rank: Integers
    target_probability: Floats
    entropy: Floats
    divergence: Floats

    @property
    def tokens(self) -> int:
        """How many tokens are done."""
        return len(self.target_ids)

    @property
    def grids(self) -> tuple[NDArray[Any], ...]:
        """All arrays but the first, in order."""
        return tuple(vars(self).values())[1:]

    def cut(self, tokens: int) -> "LensRows":
        """The first tokens."""
        return LensRows(self.target_ids[:tokens], *(grid[:, :tokens] for grid in self.grids))

    def at(self, rows: slice) -> "LensRows":
        """Some of the rows."""
        return LensRows(self.target_ids, *(grid[rows] for grid in self.grids))


@dataclass(frozen=True)
class LensKept:
    """What a recording keeps of its lens.

    Attributes:
        streams: Rows 0 to n.
        middle: Rows between attention and MLP, of no more tokens than `streams`; None where they were not asked for.
    """

    streams: LensRows
    middle: LensRows | None

    def cut(self, tokens: int) -> "LensKept":
        """The first tokens."""
        return LensKept(self.streams.cut(tokens), self.middle and self.middle.cut(tokens))


def joined(parts: list[LensRows]) -> LensRows:
    """The lens of neighbouring runs of tokens as one."""
    columns = zip(*(part.grids for part in parts), strict=True)
    return LensRows(
        np.concatenate([part.target_ids for part in parts]),
        *(np.concatenate(column, axis=1) for column in columns),
    )
