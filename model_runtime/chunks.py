"""What runs of neighbouring tokens left of one text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import torch

from model_runtime.visibility import stacked

# So many neighbours of like size are joined at once, up to this many tokens, so that a text written token by token
# keeps few chunks while each token is copied only some five times.
JOINED_CHUNKS = 4
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
        home: The device that the streams belong to while they are kept in host memory, else None.
        seen: Per layer [token, byte] the keys that each token sees, eight to a byte, where they are no unbroken run,
            else None; empty where they are one in every layer.
    """

    tokens: int
    streams: torch.Tensor | None
    queries: tuple[torch.Tensor | None, ...]
    starts: torch.Tensor
    logits: torch.Tensor | None
    attended: torch.Tensor | None
    home: torch.device | None = None
    seen: tuple[torch.Tensor | None, ...] = ()

    def part(self, begin: int, end: int) -> "Chunk":
        """Some of its own tokens, begin to end - 1, as views."""
        span = slice(begin, end)
        return Chunk(
            end - begin,
            None if self.streams is None else self.streams[:, span],
            tuple(None if query is None else query[:, span] for query in self.queries),
            self.starts[:, span],
            None if self.logits is None else self.logits[span],
            None if self.attended is None else self.attended[:, span],
            self.home,
            tuple(None if seen is None else seen[span] for seen in self.seen),
        )

    @cached_property
    def storages(self) -> dict[int, int]:
        """The memory behind the tensors: address -> bytes."""
        return storages_of([self.streams, *self.queries, self.starts, self.logits, self.attended, *self.seen])

    def joins(self, after: "Chunk") -> bool:
        """Whether this chunk and one after it can be one: every layer keeps what it sees in one way."""
        return [seen is None for seen in self.seen] == [seen is None for seen in after.seen]

    def reduced(self, host: bool = False) -> "Chunk":
        """The same without what one layer can compute again from its stream.

        Args:
            host: Whether the streams move to host memory.
        """
        if self.attended is None and not any(query is not None for query in self.queries) and (self.home or not host):
            return self
        streams, home = self.streams, self.home
        if host and home is None and streams is not None:
            home, streams = streams.device, streams.cpu()
        return replace(self, streams=streams, queries=(None,) * len(self.queries), attended=None, home=home)

    def stream(self, index: int, begin: int, end: int) -> torch.Tensor | None:
        """[token, width] one stream at some of its tokens, on the model's device; None where none is kept."""
        if self.streams is None:
            return None
        part = self.streams[index, begin:end]
        return part if self.home is None else part.to(self.home)


@dataclass(frozen=True)
class LayerParts:
    """What one layer computed beside the stream, for a run of tokens.

    Attributes:
        layer: Block index.
        begin: The position of the first token.
        end: The position after the last.
        queries: [head, token, head width], None where the layer has no attention.
        attended: [token, width] what its attention added to the stream, None where that cannot be told.
    """

    layer: int
    begin: int
    end: int
    queries: torch.Tensor | None
    attended: torch.Tensor | None

    def part(self, begin: int, end: int) -> "LayerParts":
        """Those of positions begin to end - 1, as views."""
        span = slice(begin - self.begin, end - self.begin)
        return LayerParts(
            self.layer,
            begin,
            end,
            None if self.queries is None else self.queries[:, span],
            None if self.attended is None else self.attended[span],
        )

    def joined(self, after: "LayerParts") -> "LayerParts":
        """These and those of the tokens after them."""
        queries, attended = _joined([self.queries, after.queries], 1), _joined([self.attended, after.attended], 0)
        return LayerParts(self.layer, self.begin, after.end, queries, attended)


def storages_of(tensors: Iterable[torch.Tensor | None]) -> dict[int, int]:
    """The memory behind tensors: address -> bytes."""
    storages = [tensor.untyped_storage() for tensor in tensors if tensor is not None]
    return {storage.data_ptr(): storage.nbytes() for storage in storages}


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Neighbouring chunks as one."""
    return Chunk(
        sum(chunk.tokens for chunk in chunks),
        _joined([chunk.streams for chunk in chunks], 1),
        tuple(_joined(queries, 1) for queries in zip(*(chunk.queries for chunk in chunks), strict=True)),
        torch.cat([chunk.starts for chunk in chunks], dim=1),
        _joined([chunk.logits for chunk in chunks], 0),
        _joined([chunk.attended for chunk in chunks], 1),
        chunks[0].home,
        tuple(_stacked(seen) for seen in zip(*(chunk.seen for chunk in chunks), strict=True)),
    )


def _joined(parts: Sequence[torch.Tensor | None], dimension: int) -> torch.Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.cat(present, dim=dimension) if len(present) == len(parts) else None


def _stacked(parts: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    present = [part for part in parts if part is not None]
    return reduce(stacked, present) if len(present) == len(parts) else None


def appended(chunks: tuple[Chunk, ...], chunk: Chunk) -> tuple[Chunk, ...]:
    """The chunks with one more, small neighbours joined."""
    kept = (*chunks, chunk)
    while len(kept) >= JOINED_CHUNKS and _alike(kept[-JOINED_CHUNKS:]):
        kept = (*kept[:-JOINED_CHUNKS], joined(kept[-JOINED_CHUNKS:]))
    return kept


def _alike(chunks: Sequence[Chunk]) -> bool:
    """Whether none is larger than the last, they can be one, and that one stays small."""
    last = chunks[-1]
    small = max(chunk.tokens for chunk in chunks) <= last.tokens and sum(one.tokens for one in chunks) <= JOINED_TOKENS
    return small and all(chunk.joins(last) for chunk in chunks)
