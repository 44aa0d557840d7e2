"""Which scores a model's masks leave to be computed, and what other masks would leave."""

from collections.abc import Sequence

import numpy as np

from model_runtime.engine import Engine
from model_runtime.layer_weights import attending
from model_runtime.mask_records import MaskChoice, MaskTable, OwnMask
from model_runtime.recording import Recording


def mask_table(engine: Engine, recording: Recording, reaches: Sequence[int], reason: str) -> MaskTable:
    """The masks of a text. The caller holds the model's lock.

    Args:
        engine: The model.
        recording: The text's.
        reaches: The sizes of the sliding and strided masks to compare with.
        reason: Why the model's own masks cannot be read, "" where they can.
    """
    tokens = len(recording.ids)
    known = [] if reason else attending(engine, recording)
    choosing = tuple(layer for layer in known if layer in engine.recorder.choosing)
    kinds: dict[bytes, list[int]] = {}
    for layer in (layer for layer in known if layer not in choosing):
        kinds.setdefault(recording.starts(layer).numpy().tobytes(), []).append(layer)
    own = []
    for layers in kinds.values():
        starts = recording.starts(layers[0]).numpy().copy()
        own.append(OwnMask(tuple(layers), starts, int((np.arange(tokens) - starts + 1).sum())))
    return MaskTable(
        tokens=tokens,
        own=tuple(own),
        without=tuple(layer for layer in range(len(engine.anatomy.layers)) if layer not in known),
        choices=_choices(tokens, reaches),
        reason=reason,
        choosing=choosing,
    )


def _choices(tokens: int, reaches: Sequence[int]) -> tuple[MaskChoice, ...]:
    """Full, then sliding and strided (Child et al., 2019: the newest keys, and every so-manieth before) by reach."""
    query = np.arange(tokens)
    choices = [MaskChoice("full", 0, int((query + 1).sum()))]
    for reach in reaches:
        near = np.minimum(query + 1, reach)
        choices.append(MaskChoice("sliding", reach, int(near.sum())))
        choices.append(MaskChoice("strided", reach, int((near + query // reach).sum())))
    return tuple(choices)
