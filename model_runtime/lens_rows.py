"""The lens of a text as far as it has been asked for."""

from dataclasses import dataclass

import numpy as np

from model_runtime.records import Floats, Integers


@dataclass(frozen=True)
class LensRows:
    """The lens of the first tokens of a text; arrays [stream, token] or [stream, token, k]."""

    top_ids: Integers
    top_probability: Floats
    target_ids: Integers
    target_rank: Integers
    target_probability: Floats
    entropy: Floats
    divergence: Floats

    @property
    def tokens(self) -> int:
        """How many tokens are done."""
        return len(self.target_ids)

    def cut(self, tokens: int) -> "LensRows":
        """The first tokens."""
        return LensRows(
            self.top_ids[:, :tokens],
            self.top_probability[:, :tokens],
            self.target_ids[:tokens],
            self.target_rank[:, :tokens],
            self.target_probability[:, :tokens],
            self.entropy[:, :tokens],
            self.divergence[:, :tokens],
        )


def joined(parts: list[LensRows]) -> LensRows:
    """The lens of neighbouring runs of tokens as one."""
    return LensRows(
        np.concatenate([part.top_ids for part in parts], axis=1),
        np.concatenate([part.top_probability for part in parts], axis=1),
        np.concatenate([part.target_ids for part in parts]),
        np.concatenate([part.target_rank for part in parts], axis=1),
        np.concatenate([part.target_probability for part in parts], axis=1),
        np.concatenate([part.entropy for part in parts], axis=1),
        np.concatenate([part.divergence for part in parts], axis=1),
    )
