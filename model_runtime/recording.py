"""What was kept of one text: enough to extend it, cut it back, branch it and answer every question about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from transformers import DynamicCache

from model_runtime.caches import branch, cuttable
from model_runtime.chunks import Chunk, LayerParts, storages_of
from model_runtime.glance import Glance
from model_runtime.lens_rows import LensKept
from model_runtime.moment import Intervention
from model_runtime.stream_records import ResidualTable
from model_runtime.token_statistics import Statistics, Tally
from model_runtime.visibility import unpacked
from model_runtime.weights import visible_keys

if TYPE_CHECKING:
    from model_runtime.layer_replay import LayerReplay

MOST_REPLAYED = 2  # layers whose parts a reduced recording keeps: the one that is open, and the one before it
# Where the residual stream is read: a stream, or, where the second is True, a block between its attention and its MLP.
Place = tuple[int, bool]


@dataclass
class Recording:
    """Everything kept of one text. Extending or cutting gives a new recording that shares this one's tensors.

    Only `lens`, `glances`, `residual`, `replayed` and `newest`, which save work done once, are set after the making.

    Attributes:
        ids: The tokens.
        chunks: What they left, in order.
        cache: The model's KV cache after the last token, None where the model works without one.
        keys: Per layer [key/value head, token, head width]: the cache's own tensors, None without attention.
        values: Per layer [key/value head, token, value width], likewise.
        interventions: What the model ran under.
        tally: How well each token was predicted.
        newest: [vocabulary] float32 logits after the last token, None where they have to be computed again.
        lens: The lens as far as it has been asked for.
        glances: What mosaics were pooled from, the newest first.
        residual: The table of the residual stream, once it has been asked for.
        again: Runs one layer again, where the chunks are reduced to the residual stream; None where all is kept.
        replayed: Parts of layers that were run again lately, the newest first.
    """

    ids: tuple[int, ...]
    chunks: tuple[Chunk, ...]
    cache: DynamicCache | None
    keys: tuple[torch.Tensor | None, ...]
    values: tuple[torch.Tensor | None, ...]
    interventions: tuple[Intervention, ...]
    tally: Tally
    newest: torch.Tensor | None
    lens: LensKept | None = None
    glances: tuple[Glance, ...] = ()
    residual: ResidualTable | None = None
    again: "LayerReplay | None" = None
    replayed: tuple[LayerParts, ...] = ()

    @property
    def statistics(self) -> Statistics:
        """How well each token was predicted."""
        return self.tally.statistics

    def shared(self, ids: tuple[int, ...]) -> int:
        """How many leading tokens are the same."""
        low, high = 0, min(len(self.ids), len(ids))
        while low < high:  # bisection, as comparing slices is quick and comparing one by one is not
            middle = (low + high + 1) // 2
            if self.ids[low:middle] == ids[low:middle]:
                low = middle
            else:
                high = middle - 1
        return low

    @property
    def cuttable(self) -> bool:
        """Whether the cache can go back."""
        return self.cache is not None and cuttable(self.cache)

    def cut(self, tokens: int) -> "Recording | None":
        """The recording of the first tokens, as views; None where there is none or the cache cannot go back."""
        if tokens == len(self.ids):
            return self
        if tokens == 0 or self.cache is None or not self.cuttable:
            return None
        kept, rest = [], tokens
        for chunk in self.chunks:
            if rest > 0:
                kept.append(chunk if chunk.tokens <= rest else chunk.part(0, rest))
            rest -= chunk.tokens
        cache = branch(self.cache)
        cache.crop(tokens - len(self.ids))
        replayed = [part for part in self.replayed if part.begin < tokens]
        return Recording(
            self.ids[:tokens],
            tuple(kept),
            cache,
            tuple(None if key is None else key[:, :tokens] for key in self.keys),
            tuple(None if value is None else value[:, :tokens] for value in self.values),
            self.interventions,
            self.tally.cut(tokens),
            None,
            self.lens and self.lens.cut(tokens),
            tuple(glance.cut(tokens) for glance in self.glances),
            again=self.again,
            replayed=tuple(part.part(part.begin, min(tokens, part.end)) for part in replayed),
        )

    def queries(self, layer: int, head: int, begin: int = 0, end: int | None = None) -> torch.Tensor:
        """[token, head width] of one head of an attending layer at positions begin to end - 1, by default all."""
        end = len(self.ids) if end is None else end
        if self.again is not None:
            return _present(self._parts(layer, begin, end, keep=True).queries)[head]
        return torch.cat([query[head, low:high] for query, low, high in self._pieces(layer, begin, end)])

    def layer_queries(self, layer: int, begin: int = 0, end: int | None = None) -> torch.Tensor:
        """[head, token, head width] of all heads of an attending layer, likewise."""
        end = len(self.ids) if end is None else end
        if self.again is not None:
            return _present(self._parts(layer, begin, end).queries)
        return torch.cat([query[:, low:high] for query, low, high in self._pieces(layer, begin, end)], dim=1)

    def _pieces(self, layer: int, begin: int, end: int) -> Iterator[tuple[torch.Tensor, int, int]]:
        """The kept queries of a layer, chunk by chunk, with the part of each that is asked for."""
        for chunk, low, high in self.spans(begin, end):
            query = chunk.queries[layer]
            if query is not None:
                yield query, low, high

    def spans(self, begin: int, end: int) -> Iterator[tuple[Chunk, int, int]]:
        """The chunks of positions begin to end - 1, and which of their own tokens these are."""
        offset = 0
        for chunk in self.chunks:
            low, high = max(begin - offset, 0), min(end - offset, chunk.tokens)
            if low < high:
                yield chunk, low, high
            offset += chunk.tokens

    def _parts(self, layer: int, begin: int, end: int, keep: bool = False) -> LayerParts:
        """What a layer of a reduced recording computed; what is kept grows with the text.

        Args:
            layer: Block index.
            begin: The first position.
            end: The position after the last.
            keep: Whether the layer will be asked for again soon.
        """
        assert self.again is not None  # the recording is reduced
        with self.again.lock:
            known = next((part for part in self.replayed if part.layer == layer and part.begin <= begin), None)
            if known is not None and begin <= known.end:
                found = known if end <= known.end else known.joined(self.again(self, layer, known.end, end))
            else:
                found = self.again(self, layer, begin, end)
            if keep:
                others = [part for part in self.replayed if part.layer != layer]
                self.replayed = (found, *others)[:MOST_REPLAYED]
        return found.part(begin, end)

    def ready(self, layers: Sequence[int], begin: int, end: int) -> "Recording":
        """The same with the parts of some layers at hand at positions begin to end - 1, for many small questions."""
        if self.again is None or not layers:
            return self
        return replace(self, replayed=tuple(self._parts(layer, begin, end) for layer in layers))

    def starts(self, layer: int) -> torch.Tensor:
        """[token] the first key that each token sees in a layer, 0 where what it sees is no run."""
        return torch.cat([chunk.starts[layer] for chunk in self.chunks])

    def visible(self, layer: int, begin: int, end: int) -> torch.Tensor:
        """Boolean [query, key] which keys of the whole text the queries begin to end - 1 of an attending layer see."""
        keys, parts = _present(self.keys[layer]), []
        for chunk, low, high in self.spans(begin, end):
            seen = chunk.seen[layer] if chunk.seen else None
            starts, columns = chunk.starts[layer, low:high].to(keys.device), keys.shape[1]
            parts.append(visible_keys(starts, begin, columns) if seen is None else unpacked(seen[low:high], columns))
            begin += high - low
        return torch.cat(parts)

    def streams(self, stream: int, begin: int, end: int) -> torch.Tensor:
        """[token, width] of one stream at positions begin to end - 1."""
        parts = [chunk.stream(stream, low, high) for chunk, low, high in self.spans(begin, end)]
        return torch.cat([part for part in parts if part is not None])

    def at(self, place: Place, begin: int, end: int) -> torch.Tensor:
        """[token, width] the residual stream at a place, at positions begin to end - 1."""
        index, middle = place
        stream = self.streams(index, begin, end)
        return stream + self.attended(index, begin, end) if middle else stream

    def attended(self, layer: int, begin: int, end: int) -> torch.Tensor:
        """[token, width] what one block's attention added at positions begin to end - 1; where midpoints are kept."""
        if self.again is not None:
            added = self._parts(layer, begin, end).attended
            return torch.zeros_like(self.streams(layer, begin, end)) if added is None else added
        spans = self.spans(begin, end)
        return torch.cat([chunk.attended[layer, low:high] for chunk, low, high in spans if chunk.attended is not None])

    def kept_logits(self, position: int) -> torch.Tensor | None:
        """[vocabulary] the logits after a position where they were kept, else None."""
        if position == len(self.ids) - 1 and self.newest is not None:
            return self.newest
        for chunk in self.chunks:
            if position < chunk.tokens:
                return None if chunk.logits is None else chunk.logits[position].float()
            position -= chunk.tokens
        raise IndexError(position)

    def storages(self) -> dict[int, int]:
        """The memory behind the tensors: address -> bytes. What recordings share has one address."""
        tensors: list[torch.Tensor | None] = [*self.keys, *self.values, self.newest]
        for layer in self.cache.layers if self.cache is not None else ():
            tensors += [value for value in vars(layer).values() if isinstance(value, torch.Tensor)]
            for group in vars(layer).values():
                if isinstance(group, dict):
                    tensors += [value for value in group.values() if isinstance(value, torch.Tensor)]
        found = storages_of(tensors)
        for chunk in self.chunks:
            found |= chunk.storages
        return found

    def answered(self) -> dict[int, int]:
        """The memory behind what was computed since, likewise: layers run again, the lens, glances."""
        held = storages_of([tensor for part in self.replayed for tensor in (part.queries, part.attended)])
        held |= {id(glance): glance.nbytes for glance in self.glances}
        for rows in () if self.lens is None else (self.lens.streams, self.lens.middle):
            held |= {} if rows is None else {id(grid): grid.nbytes for grid in rows.grids}
        return held


def _present(kept: torch.Tensor | None) -> torch.Tensor:
    assert kept is not None  # asked only of layers that attended
    return kept
