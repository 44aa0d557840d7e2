"""What a model holds beside its weights, and whose turn it is with it."""

from model_runtime.anatomy import weight_bytes
from model_runtime.engine import Engine
from model_runtime.moment import Intervention
from model_runtime.replay import Replay
from model_runtime.shelf import Shelf
from model_runtime.structure_records import AnatomyMap
from model_runtime.turns import Turns


class Housekeeping:
    """The part of `Model` that answers nothing: bytes, turns, and forgetting what can be computed again."""

    _engine: Engine
    _shelf: Shelf
    _replayed: tuple[tuple[tuple[int, ...], tuple[Intervention, ...]], Replay] | None
    _maps: dict[tuple[int, ...], AnatomyMap]

    @property
    def weight_bytes(self) -> int:
        """Bytes that the weights take on their device."""
        return weight_bytes(self._engine.model)

    @property
    def held_bytes(self) -> int:
        """Bytes that recordings take at the moment."""
        with self._engine.lock:
            return self._shelf.nbytes

    @property
    def turns(self) -> Turns:
        """Whose turn it is to ask this model: who asks several things at once may hold the turn for all of them."""
        return self._engine.lock

    def forget(self, seconds: float) -> None:
        """Drops what was kept of texts that nobody asked about for so many seconds; it can be computed again."""
        with self._engine.lock:
            self._shelf.forget(seconds)
            if len(self._shelf) == 0:
                self._replayed = None
                self._maps.clear()

    def _clear(self) -> int:
        """Drops what was kept of all texts; what is running holds its own. Returns the bytes."""
        with self._engine.lock:
            freed = self._shelf.nbytes
            self._shelf.clear()
            self._replayed = None
            return freed
