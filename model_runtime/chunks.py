"""What runs of neighbouring tokens left of one text."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from model_runtime.visibility import stacked

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

    def cut(self, tokens: int) -> "Chunk":
        """Its first tokens, as views."""
        return Chunk(
            tokens,
            None if self.streams is None else self.streams[:, :tokens],
            tuple(None if query is None else query[:, :tokens] for query in self.queries),
            self.starts[:, :tokens],
            None if self.logits is None else self.logits[:tokens],
            None if self.attended is None else self.attended[:, :tokens],
            self.home,
            tuple(None if seen is None else seen[:tokens] for seen in self.seen),
        )

    @cached_property
    def storages(self) -> dict[int, int]:
        """The memory behind the tensors: address -> bytes."""
        return storages_of([self.streams, *self.queries, self.starts, self.logits, self.attended, *self.seen])

    def joins(self, after: "Chunk") -> bool:
        """Whether this chunk and the one after it can be one: every layer keeps what it sees in one way."""
        return [seen is None for seen in self.seen] == [seen is None for seen in after.seen]

    def joined(self, after: "Chunk") -> "Chunk":
        """This chunk and the one after it, as one."""
        return Chunk(
            self.tokens + after.tokens,
            _joined(self.streams, after.streams, 1),
            tuple(_joined(mine, other, 1) for mine, other in zip(self.queries, after.queries, strict=True)),
            torch.cat([self.starts, after.starts], dim=1),
            _joined(self.logits, after.logits, 0),
            _joined(self.attended, after.attended, 1),
            self.home,
            tuple(
                None if mine is None or other is None else stacked(mine, other)
                for mine, other in zip(self.seen, after.seen, strict=True)
            ),
        )

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
        queries, attended = _joined(self.queries, after.queries, 1), _joined(self.attended, after.attended, 0)
        return LayerParts(self.layer, self.begin, after.end, queries, attended)


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
        if not kept[-2].joins(kept[-1]):
            break
        last = kept.pop()
        kept[-1] = kept[-1].joined(last)
    return tuple(kept)
