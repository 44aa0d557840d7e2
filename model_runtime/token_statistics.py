"""How well each token of a text was predicted by the tokens before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from model_runtime.records import Floats, Integers

MOST_WAITING = 8  # rows of logits


@dataclass(frozen=True)
class Statistics:
    """How well each token was predicted by the tokens before it; row 0 has NaN and rank -1.

    Attributes:
        surprisal: [token] nats.
        rank: [token] 0 = first.
        entropy: [token] nats.
        best: [token] the id that was most probable in its place, the lowest among equals; -1 in row 0.
        best_probability: [token] that id's raw probability.
    """

    surprisal: Floats
    rank: Integers
    entropy: Floats
    best: Integers
    best_probability: Floats

    def cut(self, tokens: int) -> "Statistics":
        """The first tokens."""
        return Statistics(*(values[:tokens] for values in vars(self).values()))

    @classmethod
    def joined(cls, parts: Sequence["Statistics"]) -> "Statistics":
        """Those of neighbouring runs of tokens as one."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))


@dataclass(frozen=True)
class Tally:
    """The statistics of a growing text. The newest tokens wait to be read some at a time, which is sooner done.

    Attributes:
        known: Those of the first tokens.
        logits: [vocabulary] for each token after them, what it was predicted by.
        ids: These tokens.
    """

    known: Statistics
    logits: tuple[torch.Tensor, ...] = ()
    ids: tuple[int, ...] = ()

    @cached_property
    def statistics(self) -> Statistics:
        """Those of all tokens. May be asked for on several threads at once."""
        if not self.ids:
            return self.known
        following = torch.tensor(self.ids, device=self.logits[0].device)
        return Statistics.joined([self.known, statistics_of(torch.stack(self.logits), following)])

    def grown(self, logits: torch.Tensor, token: int) -> "Tally":
        """With one more token."""
        if "statistics" in vars(self) or len(self.ids) == MOST_WAITING:
            return Tally(self.statistics, (logits,), (token,))
        return Tally(self.known, (*self.logits, logits), (*self.ids, token))

    def joined(self, after: Statistics) -> "Tally":
        """With those of the tokens that follow."""
        return Tally(Statistics.joined([self.statistics, after]))

    def cut(self, tokens: int) -> "Tally":
        """Of the first tokens."""
        return Tally(self.statistics.cut(tokens))


def statistics_of(logits: torch.Tensor, following: torch.Tensor) -> Statistics:
    """How well rows of logits predicted the tokens that follow.

    Args:
        logits: [token, vocabulary].
        following: [token] the ids that came.
    """
    logits = logits.float()
    probability, logarithm = logits.softmax(-1), logits.log_softmax(-1)
    surprisal = -logarithm.gather(1, following[:, None])[:, 0]
    best_probability, best = probability.max(-1)  # torch names the first of equals
    # Two copies to the host, as each waits for all that a GPU still has to do.
    numbers = torch.stack([surprisal, entropies(probability, logarithm), best_probability]).clamp(min=0).cpu().numpy()
    places = torch.stack([ranks(probability, following), best]).cpu().numpy()
    places[:, np.isnan(numbers[2])] = -1  # of logits that are not finite no token is the first
    return Statistics(numbers[0], places[0], numbers[1], places[1], numbers[2])


def entropies(probability: torch.Tensor, logarithm: torch.Tensor) -> torch.Tensor:
    """[...] nats, of probabilities [..., vocabulary] and their logarithms."""
    # Bounded, as nothing times minus infinity is not a number. Not torch's `entr`, which takes each logarithm anew.
    nats: torch.Tensor = -torch.linalg.vecdot(probability, logarithm.clamp(min=torch.finfo(logarithm.dtype).min))
    return nats.clamp(min=0)


def ranks(values: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """[row] the place of one id a row among values [row, vocabulary], the largest first; equals are ordered by id."""
    own = values.gather(1, ids[:, None])  # [row, 1]
    all_ids = torch.arange(values.shape[1], device=values.device)
    before = (values > own) | ((values == own) & (all_ids < ids[:, None]))
    return before.sum(-1, dtype=torch.int32).long()  # adding up 64-bit numbers takes some ten times as long


def first_best(values: torch.Tensor) -> torch.Tensor:
    """The argmax of each row, which is the lowest id among equals, as torch says of its own."""
    return values.argmax(-1)


_NO_NUMBER, _NO_ID = np.array([np.nan], np.float32), np.array([-1], np.int64)
NOTHING_BEFORE = Statistics(_NO_NUMBER, _NO_ID, _NO_NUMBER, _NO_ID, _NO_NUMBER)
