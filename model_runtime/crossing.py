"""What goes from one process to another: tensors as bytes on the host, and the part of a recording that is new there.

Nothing of a device crosses, and no tensor: PyTorch would share its memory, which ends with the process that made it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DynamicCache

from model_runtime.caches import branch, new_cache
from model_runtime.chunks import Chunk, appended
from model_runtime.edits import Changes
from model_runtime.engine import Engine
from model_runtime.keeping import reduced
from model_runtime.moment import Intervention
from model_runtime.recording import Recording
from model_runtime.token_statistics import Statistics, Tally

# What a layer of a cache holds of each token, and along which axis; anything else of a layer crosses whole.
TOKEN_AXIS = {"keys": -2, "values": -2, "indexer_keys": 1, "indexer_position_ids": -1}


@dataclass(frozen=True)
class Packed:
    """A tensor as bytes, since numpy has no bfloat16."""

    content: NDArray[np.uint8]
    shape: tuple[int, ...]
    dtype: torch.dtype

    def tensor(self, device: torch.device) -> torch.Tensor:
        """The tensor again, on a device, in memory of PyTorch's own: the bytes of a message may not be written to."""
        return torch.from_numpy(self.content).to(device, copy=True).view(self.dtype).reshape(self.shape)


class _Home:
    """Stands for the device of whoever unpacks."""


def packed(value: Any) -> Any:
    """The same with every tensor packed, in dataclasses, dicts and tuples too; devices become those of the receiver."""
    if isinstance(value, torch.Tensor):
        flat = value.detach().reshape(-1).contiguous().cpu().view(torch.uint8)
        return Packed(flat.numpy().copy(), tuple(value.shape), value.dtype)
    return _Home() if isinstance(value, torch.device) else _each(value, packed)


def unpacked(value: Any, device: torch.device) -> Any:
    """The same with every tensor as it was, on a device."""
    if isinstance(value, Packed):
        return value.tensor(device)
    return device if isinstance(value, _Home) else _each(value, lambda part: unpacked(part, device))


def _each(value: Any, change: Any) -> Any:
    """A dataclass, dict, tuple or list with its parts changed; anything else is one with no parts."""
    if is_dataclass(value) and not isinstance(value, type | Packed):
        return replace(value, **{one.name: change(getattr(value, one.name)) for one in fields(value)})
    if isinstance(value, dict):
        return {key: change(part) for key, part in value.items()}
    return type(value)(map(change, value)) if type(value) in (tuple, list) else value


@dataclass(frozen=True)
class PackedLayer:
    """One layer of a cache.

    Attributes:
        kind: Its class.
        whole: Its attributes but for the next, packed.
        grown: Of what it holds of each token, the new tokens' part, packed.
    """

    kind: type
    whole: Mapping[str, Any]
    grown: Mapping[str, Packed]


@dataclass(frozen=True)
class Parcel:
    """The part of a recording that another process does not have.

    Attributes:
        have: How many leading tokens that process has.
        ids: The whole text.
        chunks: What the other tokens left, packed.
        layers: The cache's layers, None without a cache.
        keys: Per block the index of the cache's layer whose own keys these are, or the new tokens' part, packed.
        values: Likewise.
        statistics: How well the new tokens were predicted.
        newest: The logits after the last token, packed.
        bias: By block, what the recorder knows to be added to the scores by the key's place, packed.
        unreadable: By block, why its attention cannot be read.
        choosing: The blocks whose tokens see no unbroken run of keys.
    """

    have: int
    ids: tuple[int, ...]
    chunks: tuple[Any, ...]
    layers: tuple[PackedLayer, ...] | None
    keys: tuple[int | Packed | None, ...]
    values: tuple[int | Packed | None, ...]
    statistics: Statistics
    newest: Packed
    bias: Mapping[int, Packed]
    unreadable: Mapping[int, str]
    choosing: frozenset[int]


def parcel_of(engine: Engine, recording: Recording, have: int) -> Parcel:
    """Packs what follows the first tokens of a recording. The caller holds the lock.

    Args:
        engine: The model that made it.
        recording: Of a longer text.
        have: How many tokens the other side has of it.
    """
    cache, count, recorder = recording.cache, len(recording.ids), engine.recorder
    layers = [] if cache is None else list(cache.layers)
    biases = {layer: formula.bias for layer, formula in enumerate(recorder.formulas) if formula is not None}
    return Parcel(
        have,
        recording.ids,
        tuple(packed(chunk.part(low, high)) for chunk, low, high in recording.spans(have, count)),
        None if cache is None else tuple(_packed_layer(layer, have, count) for layer in layers),
        _packed_keys(recording.keys, [getattr(layer, "keys", None) for layer in layers], have),
        _packed_keys(recording.values, [getattr(layer, "values", None) for layer in layers], have),
        Statistics(*(values[have:] for values in vars(recording.statistics).values())),
        packed(engine.logits(recording, count - 1)),
        {layer: packed(bias) for layer, bias in biases.items() if bias is not None},
        dict(recorder.unreadable),
        frozenset(recorder.choosing),
    )


def _packed_layer(layer: Any, have: int, count: int) -> PackedLayer:
    whole, grown = {}, {}
    for name, value in vars(layer).items():
        axis = TOKEN_AXIS.get(name)
        if axis is not None and isinstance(value, torch.Tensor) and value.numel() and value.shape[axis] == count:
            grown[name] = packed(value.narrow(axis, have, count - have))
        else:
            whole[name] = packed(value)
    return PackedLayer(type(layer), whole, grown)


def _packed_keys(
    kept: Sequence[torch.Tensor | None], cached: Sequence[torch.Tensor | None], have: int
) -> tuple[int | Packed | None, ...]:
    """Keys or values of each block: which of the cache's own they are, or else the new tokens' part."""
    places = {
        (one.data_ptr(), one.shape[1:]): index
        for index, one in enumerate(cached)
        if isinstance(one, torch.Tensor) and one.numel()
    }
    own = (None if one is None else places.get((one.data_ptr(), one.shape)) for one in kept)
    return tuple(
        None if one is None else packed(one[:, have:]) if place is None else place
        for one, place in zip(kept, own, strict=True)
    )


def recording_of(
    engine: Engine,
    base: Recording | None,
    parcel: Parcel,
    interventions: tuple[Intervention, ...],
    changes: Changes,
) -> Recording:
    """The recording that a parcel completes. The caller holds the lock.

    Args:
        engine: The model here.
        base: The recording of the tokens that the parcel leaves out, None where it leaves none out.
        parcel: What came.
        interventions: What the model ran under.
        changes: The same, as they are made here.
    """
    home = engine.model.device
    kept = engine.keeping.of(len(parcel.ids), home, base)
    chunks: tuple[Chunk, ...] = () if base is None else tuple(reduced(chunk, kept) for chunk in base.chunks)
    for chunk in parcel.chunks:
        chunks = appended(chunks, reduced(unpacked(chunk, home), kept))
    cache = _cache(engine, base, parcel.layers, home)
    layers = [] if cache is None else list(cache.layers)
    before = (None, None) if base is None else (base.keys, base.values)
    _learn(engine, parcel, home)
    recording = Recording(
        parcel.ids,
        chunks,
        cache,
        _keys(parcel.keys, [getattr(layer, "keys", None) for layer in layers], before[0], home),
        _keys(parcel.values, [getattr(layer, "values", None) for layer in layers], before[1], home),
        interventions,
        Tally(parcel.statistics) if base is None else base.tally.joined(parcel.statistics),
        parcel.newest.tensor(home),
    )
    return engine.going_on(recording, base, kept, changes.switches)


def _cache(
    engine: Engine, base: Recording | None, sent: tuple[PackedLayer, ...] | None, home: torch.device
) -> DynamicCache | None:
    """The cache after the new tokens; the base's stays as it is."""
    if sent is None:
        return None
    before = None if base is None else base.cache
    cache = new_cache(engine.anatomy.config) if before is None else branch(before)
    cache.layers = [_layer(one, None if before is None else before.layers[at], home) for at, one in enumerate(sent)]
    return cache


def _layer(sent: PackedLayer, before: Any, home: torch.device) -> Any:
    layer: Any = object.__new__(sent.kind)
    vars(layer).update(unpacked(dict(sent.whole), home))
    for name, part in sent.grown.items():
        vars(layer)[name] = _longer(None if before is None else getattr(before, name), part, TOKEN_AXIS[name], home)
    return layer


def _keys(
    sent: Sequence[int | Packed | None],
    cached: Sequence[torch.Tensor | None],
    before: Sequence[torch.Tensor | None] | None,
    home: torch.device,
) -> tuple[torch.Tensor | None, ...]:
    """Keys or values of each block, those of the cache where they are."""
    found: list[torch.Tensor | None] = []
    for layer, one in enumerate(sent):
        if isinstance(one, int):
            whole = cached[one]
            found.append(None if whole is None else whole[0])
        else:
            found.append(None if one is None else _longer(None if before is None else before[layer], one, 1, home))
    return tuple(found)


def _longer(before: torch.Tensor | None, part: Packed, axis: int, home: torch.device) -> torch.Tensor:
    """What there was before, if anything, and the new tokens' part behind it."""
    tensor = part.tensor(home)
    return tensor if before is None else torch.cat([before, tensor], dim=axis)


def _learn(engine: Engine, parcel: Parcel, home: torch.device) -> None:
    """Lets the recorder here know of the blocks' attention what the other came to know."""
    recorder = engine.recorder
    recorder.unreadable.update(parcel.unreadable)
    recorder.choosing.update(parcel.choosing)
    for layer, sent in parcel.bias.items():
        formula, bias = recorder.formulas[layer], sent.tensor(home)
        if formula is not None and (formula.bias is None or formula.bias.shape[1] < bias.shape[1]):
            recorder.formulas[layer] = replace(formula, bias=bias)
