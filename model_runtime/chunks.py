"""What runs of neighbouring tokens left of one text."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch

# Neighbouring chunks are joined up to this many tokens, the smaller into the larger, so that a text written token by
# token keeps few chunks while each token is copied only some nine times.
JOINED_TOKENS = 512


@dataclass(frozen=True)
class Chunk:
    """What a run of neighbouring tokens left; tensors are never written again.

    Attributes:
        tokens: How many tokens the chunk is about.
        streams: [stream, token, width] the residual stream, streams 0 to n, None where it cannot be read.
        queries: Per layer [head, token, head width], None where the layer has no attention.
        starts: [layer, token] the first key that each token sees.
        logits: [token, vocabulary] where they cannot be computed again, else None.
        attended: [layer, token, width] what each attention added to the stream, so that the midpoint of block k is
            stream k plus it; zeros where a block has no attention, None where the blocks have no such point.
    """

    tokens: int
    streams: torch.Tensor | None
    queries: tuple[torch.Tensor | None, ...]
    starts: torch.Tensor
    logits: torch.Tensor | None
    attended: torch.Tensor | None

    def cut(self, tokens: int) -> "Chunk":
        """Its first tokens, as views."""
        return Chunk(
            tokens,
            None if self.streams is None else self.streams[:, :tokens],
            tuple(None if query is None else query[:, :tokens] for query in self.queries),
            self.starts[:, :tokens],
            None if self.logits is None else self.logits[:tokens],
            None if self.attended is None else self.attended[:, :tokens],
        )

    @cached_property
    def storages(self) -> dict[int, int]:
        """The memory behind the tensors: address -> bytes."""
        return storages_of([self.streams, *self.queries, self.logits, self.attended])

    def joined(self, after: "Chunk") -> "Chunk":
        """This chunk and the one after it, as one."""
        return Chunk(
            self.tokens + after.tokens,
            _joined(self.streams, after.streams, 1),
            tuple(_joined(mine, other, 1) for mine, other in zip(self.queries, after.queries, strict=True)),
            torch.cat([self.starts, after.starts], dim=1),
            _joined(self.logits, after.logits, 0),
            _joined(self.attended, after.attended, 1),
        )


def storages_of(tensors: Iterable[torch.Tensor | None]) -> dict[int, int]:
    """The memory behind tensors: address -> bytes."""
    storages = [tensor.untyped_storage() for tensor in tensors if tensor is not None]
    return {storage.data_ptr(): storage.nbytes() for storage in storages}


def _joined(mine: torch.Tensor | None, after: torch.Tensor | None, dimension: int) -> torch.Tensor | None:
    return None if mine is None or after is None else torch.cat([mine, after], dim=dimension)


def appended(chunks: tuple[Chunk, ...], chunk: Chunk) -> tuple[Chunk, ...]:
    """The chunks with one more, small neighbours joined."""
    kept = [*chunks, chunk]
    while len(kept) > 1 and kept[-2].tokens <= kept[-1].tokens and kept[-2].tokens + kept[-1].tokens <= JOINED_TOKENS:
        last = kept.pop()
        kept[-1] = kept[-1].joined(last)
    return tuple(kept)
