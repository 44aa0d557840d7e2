"""Where a model's texts are run: here, or in another process that has a GPU; `Model` is made of this, among others."""

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TypeVar

from model_runtime.crossing import packed, recording_of
from model_runtime.edits import Changes
from model_runtime.elsewhere import Elsewhere, Order
from model_runtime.errors import OutOfRange
from model_runtime.keeping import Kept
from model_runtime.moment import Ablate, Intervention, Moment, Steer
from model_runtime.moment_checks import MomentChecks
from model_runtime.recording import Recording
from model_runtime.shelf import Shelf

ELSEWHERE = (
    "Texts run on a GPU that is lent for each call. What is shown is computed here on the CPU from what was recorded "
    "there, in the same numbers ({dtype}); long questions that run the model themselves run on the CPU, and so did the "
    "checks."
)


_asking = threading.local()
Answer = TypeVar("Answer")


class Running(MomentChecks):
    """Runs the model over what is new of a text, and lets it write."""

    _shelf: Shelf
    _elsewhere: Elsewhere | None

    def run_elsewhere(self, elsewhere: Elsewhere) -> None:
        """From now on runs texts in another process; the model itself stays where it is and reads what was recorded.

        Args:
            elsewhere: The way there, which serves this model alone.
        """
        elsewhere.bind(self._engine)
        self._elsewhere = elsewhere
        self._card = replace(self._card, notes=(*self._card.notes, ELSEWHERE.format(dtype=self._card.dtype)))

    @contextmanager
    def here(self) -> Iterator[None]:
        """Inside, what this thread asks runs here even where texts run elsewhere.

        For pictures that need a short text beside the one that is shown: a call to another process would take longer.
        """
        before = getattr(_asking, "here", False)
        _asking.here = True
        try:
            yield
        finally:
            _asking.here = before

    def each_here(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        """Gives answers, each of which is made `here`."""
        while True:
            with self.here():  # around each: the next may be made on another thread
                answer = next(answers, None)
            if answer is None:
                return
            yield answer

    def step(self, moment: Moment, take: int | None = None) -> Moment:
        """The moment one token later."""
        raise NotImplementedError

    def play(self, moment: Moment, steps: int) -> Iterator[Moment]:
        """Steps up to so many times, giving each moment as it comes; stops at an end token or a full context.

        Raises:
            OutOfRange: A negative number of steps.
        """
        if steps < 0:
            raise OutOfRange(f"Cannot play {steps} steps; use 0 or more.")
        while steps > 0 and self.ended(moment) is None:
            if (elsewhere := self._way()) is None:
                moment = self.step(moment)
                yield moment
                steps -= 1
                continue
            with closing(self._run_elsewhere(elsewhere, moment, steps)) as recordings:
                for recording in recordings:
                    written = recording.ids[len(moment.ids) :]
                    if not written:  # the text itself
                        continue
                    moment = moment.grown(*written)
                    yield moment
                    steps -= 1
                    if self.ended(moment) is not None:
                        return

    def _recording(self, moment: Moment) -> Recording:
        """The recording of a moment, from the shelf as far as it goes."""
        self._check(moment)
        with self._lock:
            base, shared = self._shelf.find(moment.ids, moment.interventions)
            base = None if base is None else base.cut(shared)
            if base is not None and shared == len(moment.ids):
                return base
            if (elsewhere := self._way()) is not None:
                *_, found = self._run_elsewhere(elsewhere, moment, 0)
                return found
            changes = self._changes(moment.interventions)
            recording = self._engine.record(moment.ids, base, moment.interventions, changes)
            self._shelf.put(recording)
            return recording

    def _way(self) -> Elsewhere | None:
        """The way to where texts run for who asks now, None for here."""
        return None if getattr(_asking, "here", False) else self._elsewhere

    def _run_elsewhere(self, elsewhere: Elsewhere, moment: Moment, steps: int) -> Generator[Recording, None, None]:
        """Has a moment run in another process; gives its recording, unless it is known, and that of each step."""
        engine = self._engine
        with self._lock:
            base, shared = self._shelf.find(moment.ids, moment.interventions) if engine.cached else (None, 0)
            base = None if base is None else base.cut(shared)
            changes = self._changes(moment.interventions)
            kept = engine.keeping.of(len(moment.ids) + steps, engine.model.device, base)
            order = Order(
                moment.ids,
                0 if base is None else shared,
                min(steps, self.most_tokens - len(moment.ids)),
                moment.decoding,
                frozenset(self._card.end_ids),
                moment.interventions,
                packed(changes),
                kept is not Kept.EVERYTHING,
            )
        with closing(elsewhere(elsewhere.in_time(engine, order))) as parcels:
            for parcel in parcels:
                with self._lock:
                    base = recording_of(engine, base if parcel.have else None, parcel, moment.interventions, changes)
                    self._shelf.put(base)
                yield base

    def _changes(self, interventions: Sequence[Intervention]) -> Changes:
        ablations = [one for one in interventions if isinstance(one, Ablate)]
        steers = [one for one in interventions if isinstance(one, Steer)]
        return Changes(self._ablation.switches(ablations), self._steering.edits(steers))
