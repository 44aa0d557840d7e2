"""What was kept of one text: enough to extend it, cut it back, branch it and answer every question about it."""

from copy import copy, deepcopy
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from model_runtime.records import Floats, Integers

# Neighbouring chunks are joined up to this many tokens, the smaller into the larger, so that a text written token by
# token keeps few chunks while each token is copied only some nine times.
JOINED_TOKENS = 512


@dataclass(frozen=True)
class Chunk:
    """What a run of neighbouring tokens left; tensors are never written again.

    Attributes:
        streams: [stream, token, width] the residual stream, streams 0 to n.
        queries: Per layer [head, token, head width], None where the layer has no attention.
        starts: [layer, token] the first key that each token sees.
        logits: [token, vocabulary] where they cannot be computed again, else None.
    """

    streams: torch.Tensor
    queries: tuple[torch.Tensor | None, ...]
    starts: torch.Tensor
    logits: torch.Tensor | None

    @property
    def tokens(self) -> int:
        """How many tokens the chunk is about."""
        return self.streams.shape[1]

    def cut(self, tokens: int) -> "Chunk":
        """Its first tokens, as views."""
        return Chunk(
            self.streams[:, :tokens],
            tuple(None if query is None else query[:, :tokens] for query in self.queries),
            self.starts[:, :tokens],
            None if self.logits is None else self.logits[:tokens],
        )

    def joined(self, after: "Chunk") -> "Chunk":
        """This chunk and the one after it, as one."""
        return Chunk(
            torch.cat([self.streams, after.streams], dim=1),
            tuple(
                None if mine is None or other is None else torch.cat([mine, other], dim=1)
                for mine, other in zip(self.queries, after.queries, strict=True)
            ),
            torch.cat([self.starts, after.starts], dim=1),
            None if self.logits is None or after.logits is None else torch.cat([self.logits, after.logits]),
        )


@dataclass(frozen=True)
class Statistics:
    """How well each token was predicted by the tokens before it; row 0 has NaN and rank -1.

    Attributes:
        surprisal: [token] nats.
        rank: [token] 0 = first.
        entropy: [token] nats.
    """

    surprisal: Floats
    rank: Integers
    entropy: Floats

    def cut(self, tokens: int) -> "Statistics":
        """The first tokens."""
        return Statistics(self.surprisal[:tokens], self.rank[:tokens], self.entropy[:tokens])

    def joined(self, after: "Statistics") -> "Statistics":
        """These and those of the tokens after them."""
        return Statistics(
            np.concatenate([self.surprisal, after.surprisal]),
            np.concatenate([self.rank, after.rank]),
            np.concatenate([self.entropy, after.entropy]),
        )


@dataclass(frozen=True)
class LensRows:
    """The lens of the first tokens of a text; arrays [stream, token] or [stream, token, k]."""

    top_ids: Integers
    top_probability: Floats
    target_ids: Integers
    target_rank: Integers
    target_probability: Floats

    @property
    def tokens(self) -> int:
        """How many tokens are done."""
        return self.top_ids.shape[1]

    def cut(self, tokens: int) -> "LensRows":
        """The first tokens."""
        return LensRows(
            self.top_ids[:, :tokens],
            self.top_probability[:, :tokens],
            self.target_ids[:tokens],
            self.target_rank[:, :tokens],
            self.target_probability[:, :tokens],
        )

    def joined(self, after: "LensRows") -> "LensRows":
        """These and those of the tokens after them."""
        return LensRows(
            np.concatenate([self.top_ids, after.top_ids], axis=1),
            np.concatenate([self.top_probability, after.top_probability], axis=1),
            np.concatenate([self.target_ids, after.target_ids]),
            np.concatenate([self.target_rank, after.target_rank], axis=1),
            np.concatenate([self.target_probability, after.target_probability], axis=1),
        )


@dataclass
class Recording:
    """Everything kept of one text. Extending or cutting gives a new recording that shares this one's tensors.

    Only `lens` and `newest`, which save work done once, are ever set after the making.

    Attributes:
        ids: The tokens.
        chunks: What they left, in order.
        cache: The model's KV cache after the last token.
        keys: Per layer [key/value head, token, head width]: the cache's own tensors, None without attention.
        statistics: Per token.
        newest: [vocabulary] float32 logits after the last token, None where they have to be computed again.
        lens: The lens as far as it has been asked for.
    """

    ids: tuple[int, ...]
    chunks: tuple[Chunk, ...]
    cache: DynamicCache
    keys: tuple[torch.Tensor | None, ...]
    statistics: Statistics
    newest: torch.Tensor | None
    lens: LensRows | None = None

    def shared(self, ids: tuple[int, ...]) -> int:
        """How many leading tokens are the same."""
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.ids, ids, strict=False)))

    @property
    def cuttable(self) -> bool:
        """Whether the cache can go back; the running states of linear attention cannot."""
        return all(type(layer) is DynamicLayer for layer in self.cache.layers)

    def cut(self, tokens: int) -> "Recording | None":
        """The recording of the first tokens, as views; None where there is none or the cache cannot go back."""
        if tokens == len(self.ids):
            return self
        if tokens == 0 or not self.cuttable:
            return None
        kept, rest = [], tokens
        for chunk in self.chunks:
            if rest > 0:
                kept.append(chunk if chunk.tokens <= rest else chunk.cut(rest))
            rest -= chunk.tokens
        cache = branch(self.cache)
        cache.crop(tokens - len(self.ids))
        return Recording(
            self.ids[:tokens],
            tuple(kept),
            cache,
            tuple(None if key is None else key[:, :tokens] for key in self.keys),
            self.statistics.cut(tokens),
            None,
            self.lens and self.lens.cut(tokens),
        )

    def queries(self, layer: int, head: int) -> torch.Tensor | None:
        """[token, head width] of one head over the whole text, None where the layer has no attention."""
        parts = []
        for chunk in self.chunks:
            query = chunk.queries[layer]
            if query is None:
                return None
            parts.append(query[head])
        return torch.cat(parts)

    def starts(self, layer: int) -> torch.Tensor:
        """[token] the first key that each token sees in a layer."""
        return torch.cat([chunk.starts[layer] for chunk in self.chunks])

    def streams(self, stream: int, begin: int, end: int) -> torch.Tensor:
        """[token, width] of one stream at positions begin to end - 1."""
        parts, offset = [], 0
        for chunk in self.chunks:
            low, high = max(begin - offset, 0), min(end - offset, chunk.tokens)
            if low < high:
                parts.append(chunk.streams[stream, low:high])
            offset += chunk.tokens
        return torch.cat(parts)

    def kept_logits(self, position: int) -> torch.Tensor | None:
        """[vocabulary] the logits after a position where they were kept, else None."""
        if position == len(self.ids) - 1 and self.newest is not None:
            return self.newest
        for chunk in self.chunks:
            if position < chunk.tokens:
                return None if chunk.logits is None else chunk.logits[position].float()
            position -= chunk.tokens
        return None

    def storages(self) -> dict[int, int]:
        """The memory behind the tensors: address -> bytes. What recordings share has one address."""
        tensors: list[torch.Tensor | None] = [*self.keys, self.newest]
        for layer in self.cache.layers:
            tensors += [value for value in vars(layer).values() if isinstance(value, torch.Tensor)]
            for group in vars(layer).values():
                if isinstance(group, dict):
                    tensors += [value for value in group.values() if isinstance(value, torch.Tensor)]
        for chunk in self.chunks:
            tensors += [chunk.streams, *chunk.queries, chunk.logits]
        storages = [tensor.untyped_storage() for tensor in tensors if tensor is not None]
        return {storage.data_ptr(): storage.nbytes() for storage in storages}


def appended(chunks: tuple[Chunk, ...], chunk: Chunk) -> tuple[Chunk, ...]:
    """The chunks with one more, small neighbours joined."""
    kept = [*chunks, chunk]
    while len(kept) > 1 and kept[-2].tokens <= kept[-1].tokens and kept[-2].tokens + kept[-1].tokens <= JOINED_TOKENS:
        last = kept.pop()
        kept[-1] = kept[-1].joined(last)
    return tuple(kept)


def new_cache(config: Any) -> DynamicCache:
    """An empty cache that keeps every key.

    A sliding layer's own cache would drop the keys before its window, which going back needs; the mask still applies
    the window.
    """
    cache = DynamicCache(config=config)
    cache.layers = [DynamicLayer() if type(layer) is DynamicSlidingWindowLayer else layer for layer in cache.layers]
    return cache


def branch(cache: DynamicCache) -> DynamicCache:
    """A cache that can be extended without the other noticing.

    Key/value layers are extended by making new tensors, so the two share what they have; the states of linear
    attention are written in place, so those are copied.
    """
    branched = copy(cache)
    branched.layers = [copy(layer) if type(layer) is DynamicLayer else deepcopy(layer) for layer in cache.layers]
    return branched


def statistics_of(logits: torch.Tensor, following: torch.Tensor) -> Statistics:
    """How well rows of logits predicted the tokens that follow.

    Args:
        logits: [token, vocabulary].
        following: [token] the ids that came.
    """
    logarithms = logits.float().log_softmax(-1)
    probability = logarithms.exp()
    own = logarithms.gather(1, following[:, None])  # [token, 1]
    ids = torch.arange(logits.shape[1], device=logits.device)
    ahead = (logarithms > own) | ((logarithms == own) & (ids < following[:, None]))
    entropy = torch.special.entr(probability).sum(-1)
    return Statistics(
        (-own[:, 0]).clamp(min=0).cpu().numpy(), ahead.sum(-1).cpu().numpy(), entropy.clamp(min=0).cpu().numpy()
    )


NOTHING_BEFORE = Statistics(
    np.array([np.nan], np.float32), np.array([-1], np.int64), np.array([np.nan], np.float32)
)

