"""Recordings that were used lately, bounded in bytes and number: only a saving, anything here can be computed again."""

import time
from collections import OrderedDict
from collections.abc import Callable

from model_runtime.moment import Intervention
from model_runtime.recording import Recording

WEIGHED_EVERY = 16  # tokens that a text grows by: each adds little, and weighing takes longer than a small step
MOST = 128  # recordings: looking through them stays quick, and some hundred visitors find their own again
Key = tuple[tuple[int, ...], tuple[Intervention, ...]]  # ids, interventions


class Shelf:
    """The recently used recordings of one model. The caller holds the model's lock.

    Attributes:
        limit: The most bytes to keep. The newest recording stays even where it alone is larger.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock  # seconds
        self._used: dict[Key, float] = {}
        self._recordings: OrderedDict[Key, Recording] = OrderedDict()
        self._storages: dict[Key, dict[int, int]] = {}

    def __len__(self) -> int:
        return len(self._recordings)

    @property
    def nbytes(self) -> int:
        """Bytes held, what recordings share counted once."""
        held: dict[int, int] = {}
        for key, recording in self._recordings.items():
            if key not in self._storages:
                self._storages[key] = recording.storages()
            held.update(self._storages[key])
            held.update(recording.answered())
        return sum(held.values())

    def find(self, ids: tuple[int, ...], interventions: tuple[Intervention, ...] = ()) -> tuple[Recording | None, int]:
        """The recording that is of most use for a text, and how many of its leading tokens it shares.

        A recording under other interventions is of none. One that cannot be cut counts only where the text goes on
        from its end.
        """
        exact = self._recordings.get((ids, interventions))
        if exact is not None:
            self._touch((ids, interventions))
            return exact, len(ids)
        best, length = None, 0
        for recording in reversed(self._recordings.values()):  # the most recent first, which wins among equals
            if recording.interventions != interventions:
                continue
            shared = recording.shared(ids)
            if not recording.cuttable and shared < len(recording.ids):
                continue
            if shared > length:
                best, length = recording, shared
        if best is not None:
            self._touch(_key(best))
        return best, length

    def put(self, recording: Recording) -> None:
        """Keeps a recording, drops those that are its beginnings, and the longest unused until the bound holds."""
        beginnings = []
        if recording.cuttable:  # then a beginning comes back from the longer one at no cost
            beginnings = [key for key in self._recordings if _begins(recording, key)]
        for key in beginnings:
            self._drop(key)
        self._recordings[_key(recording)] = recording
        self._touch(_key(recording))
        while len(self) > MOST:
            self._drop(next(iter(self._recordings)))
        if beginnings and len(recording.ids) % WEIGHED_EVERY:
            return
        while len(self) > 1 and self.nbytes > self.limit:
            self._drop(next(iter(self._recordings)))

    def clear(self) -> None:
        """Drops everything."""
        self._recordings.clear()
        self._storages.clear()
        self._used.clear()

    def forget(self, seconds: float) -> None:
        """Drops what was not used for so long."""
        now = self._clock()
        for key in [key for key, used in self._used.items() if now - used >= seconds]:
            self._drop(key)

    def _touch(self, key: Key) -> None:
        self._recordings.move_to_end(key)
        self._used[key] = self._clock()

    def _drop(self, key: Key) -> None:
        del self._recordings[key], self._used[key]
        self._storages.pop(key, None)


def _key(recording: Recording) -> Key:
    return recording.ids, recording.interventions


def _begins(recording: Recording, key: Key) -> bool:
    """Whether a key is a beginning of a recording, or the whole of it."""
    ids, interventions = key
    return interventions == recording.interventions and recording.ids[: len(ids)] == ids
