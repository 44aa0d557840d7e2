"""Steering: the vectors that a moment adds to the residual stream."""

from collections import OrderedDict
from collections.abc import Sequence

import torch

from model_runtime.edits import Edit, Site
from model_runtime.engine import Engine
from model_runtime.moment import Steer

MOST_VECTORS = 128  # kept, so that a text is not run again for every step

Source = tuple[int, tuple[int, ...]]  # stream, the ids up to the position that the vector is of


class Steering:
    """Turns the steerings of a moment into edits. The caller holds the model's lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._vectors: OrderedDict[Source, torch.Tensor] = OrderedDict()

    def edits(self, steers: Sequence[Steer]) -> tuple[Edit, ...]:
        """What to do to the streams, in the order in which the steerings were given."""
        return tuple(
            Edit(Site("stream", steer.layer), self.vector(steer), begin=steer.start, add=True) for steer in steers
        )

    def at(self, steers: Sequence[Steer], position: int) -> dict[int, torch.Tensor]:
        """Stream -> [width] what is added to it in all at one position; only streams that are steered there."""
        added: dict[int, torch.Tensor] = {}
        for steer in steers:
            if steer.start <= position:
                vector = self.vector(steer)
                added[steer.layer] = added[steer.layer] + vector if steer.layer in added else vector
        return added

    def vector(self, steer: Steer) -> torch.Tensor:
        """[width] the strength times the difference of the two vectors, in the model's own precision."""
        plus, minus = (self._hidden(steer.layer, ids[: position + 1]) for ids, position in (steer.plus, steer.minus))
        return (steer.strength * (plus - minus)).to(self._engine.model.dtype)

    def _hidden(self, stream: int, ids: tuple[int, ...]) -> torch.Tensor:
        """[width] float32: a stream after the last of some tokens, in the model without interventions."""
        key = stream, ids
        if key not in self._vectors:
            recording = self._engine.record(ids, None)
            # A copy, which does not keep the whole recording alive.
            self._vectors[key] = recording.streams(stream, len(ids) - 1, len(ids))[0].float().clone()
            while len(self._vectors) > MOST_VECTORS:
                self._vectors.popitem(last=False)
        self._vectors.move_to_end(key)
        return self._vectors[key]
