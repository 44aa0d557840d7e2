"""What is kept of a text: everything, or the residual stream alone where everything would not fit."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import torch
from transformers.cache_utils import DynamicLayer

from model_runtime.chunks import Chunk
from model_runtime.recording import Recording

Choice = Literal["auto", "full", "residual"]


class Kept(IntEnum):
    """From the most to the least that is kept on the model's device; a text never goes back to more."""

    EVERYTHING = 0
    STREAM = 1
    STREAM_IN_HOST_MEMORY = 2

    @property
    def words(self) -> str:
        """As `CacheTable` has it."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class Sizes:
    """Bytes that one token takes.

    Attributes:
        streams: In the residual streams.
        parts: In what one layer can compute again from its stream: queries, and what attention added.
        cache: In the cache's keys and values.
    """

    streams: int
    parts: int
    cache: int

    @property
    def full(self) -> int:
        """With everything kept, the cache included."""
        return self.streams + self.parts + self.cache


@dataclass(frozen=True)
class Keeping:
    """How much is to be kept of a text.

    Attributes:
        choice: "full" for everything, "residual" for the residual stream, "auto" for everything while it fits.
        limit: The bytes that a text's recording should fit into.
        sizes: What a token takes; None where a layer cannot be run again, and everything has to be kept.
    """

    choice: Choice = "full"
    limit: int = 0
    sizes: Sizes | None = None

    def of(self, tokens: int, device: torch.device, base: Recording | None) -> Kept:
        """What is to be kept of a text of so many tokens that goes on from `base`."""
        if self.sizes is None or self.choice == "full":
            return Kept.EVERYTHING
        before = Kept.EVERYTHING if base is None else kept_of(base)
        sizes = self.sizes
        if device.type == "cuda" and tokens * (sizes.streams + sizes.cache) > self.limit:
            return Kept.STREAM_IN_HOST_MEMORY
        if self.choice == "residual" or tokens * sizes.full > self.limit:
            return max(before, Kept.STREAM)
        return before


def kept_of(recording: Recording) -> Kept:
    """What is kept of a recorded text."""
    if recording.again is None:
        return Kept.EVERYTHING
    moved = any(chunk.home is not None for chunk in recording.chunks)
    return Kept.STREAM_IN_HOST_MEMORY if moved else Kept.STREAM


def reduced(chunk: Chunk, kept: Kept) -> Chunk:
    """A chunk without what is not to be kept."""
    return chunk if kept is Kept.EVERYTHING else chunk.reduced(kept is Kept.STREAM_IN_HOST_MEMORY)


def sizes_of(recording: Recording) -> Sizes:
    """Bytes a token of a recording of which everything is kept; numbers a text, not a token, are left out."""
    tokens = len(recording.ids)
    streams = [chunk.streams for chunk in recording.chunks]
    parts = [part for chunk in recording.chunks for part in (*chunk.queries, chunk.attended)]
    layers = () if recording.cache is None else recording.cache.layers
    cache = [part for layer in layers if isinstance(layer, DynamicLayer) for part in (layer.keys, layer.values)]
    return Sizes(_bytes(streams) // tokens, _bytes(parts) // tokens, _bytes(cache) // tokens)


def _bytes(tensors: list[torch.Tensor | None]) -> int:
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)
