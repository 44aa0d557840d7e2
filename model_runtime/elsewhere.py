"""Running a model in another process, which has a GPU for the length of one call.

Where a GPU is lent to single calls, as on Hugging Face ZeroGPU, each call runs in a process that is forked for it. The
model here stays on the CPU and never touches CUDA. The forked process has a copy of it, moves that to the GPU, runs a
text and sends back what was recorded, step by step. Every picture is then computed here from the recording, and needs
no GPU. The process may be kept for the next call, or not: what it has is only a saving, since a call says all there is
to say, which is the text.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from weakref import ref

import torch

from model_runtime.anatomy import parameters, weight_bytes
from model_runtime.crossing import Parcel, parcel_of, unpacked
from model_runtime.decoding import decide
from model_runtime.edits import Changes
from model_runtime.engine import Engine
from model_runtime.errors import GpuUnavailable, ModelTooLarge, TokenscopeError
from model_runtime.finite import require_finite
from model_runtime.keeping import Keeping
from model_runtime.moment import Decoding, Intervention
from model_runtime.progress import tell
from model_runtime.recording import Recording
from model_runtime.room import Room
from model_runtime.shelf import Shelf
from model_runtime.turns import Turns
from model_runtime.weights import Formula

# What a call is reckoned to take. Too much would cost visitors of their quota, too little would end it early.
BEGINNING = 4.0  # seconds until a new process has its GPU
WEIGHTS_A_SECOND = 2e9  # bytes to the GPU
NUMBERS_A_SECOND = 2e13  # multiplications
STEP, STEP_A_LAYER = 0.05, 0.002  # seconds
MOST_SECONDS = 60  # of one call; what takes longer takes several
IN_TIME = 0.8  # the share of them after which no further step begins


@dataclass(frozen=True)
class Order:
    """What another process is asked to run; it says all there is to say.

    Attributes:
        ids: The text.
        have: How many of its leading tokens are recorded here, so that only what follows them is sent.
        steps: How many tokens to write after it; fewer where one of `end_ids` comes or the time is up.
        decoding: How they are chosen.
        end_ids: What ends the text.
        interventions: What to run under.
        changes: The same, as they are made, packed.
        reduced: Whether to keep the residual stream alone.
        seconds: How long the call may take.
    """

    ids: tuple[int, ...]
    have: int
    steps: int
    decoding: Decoding
    end_ids: frozenset[int]
    interventions: tuple[Intervention, ...]
    changes: Any
    reduced: bool
    seconds: int = MOST_SECONDS


# Runs an order and gives what comes of it; an error that was raised on purpose comes as the last.
Run = Callable[[Order], Generator[Parcel | TokenscopeError, None, None]]
# Makes of such a function one that runs it in a process that is forked for the call, with a GPU; and is given what says
# how many seconds a call may take. What stands in its way it raises as `GpuUnavailable`.
Lend = Callable[[Run, Callable[[Order], int]], Run]


class Elsewhere:
    """The way of one model to a process with a GPU.

    Each model has a function of its own: the processes that are kept for it were all forked after it was loaded, so
    none lacks it.
    """

    def __init__(self, lend: Lend, device: str = "cuda") -> None:
        """Makes the function. It is bound to a model later, as some platforms want to see one before any is loaded.

        Args:
            lend: Runs a function in another process.
            device: The device there.
        """
        self._device = torch.device(device)
        self._engine: ref[Engine] | None = None
        self._there: _There | None = None  # set in the other process alone
        self._run = lend(self._run_there, lambda order: order.seconds)

    def bind(self, engine: Engine) -> None:
        """From now on it is this model that runs there. It is held weakly, as the function may be kept for ever."""
        self._engine = ref(engine)

    def __call__(self, order: Order) -> Generator[Parcel, None, None]:
        """Gives what comes of an order, step by step; closing it ends the call after the step that runs.

        Meanwhile others have their turn with the model here.

        Raises:
            GpuUnavailable: There is no GPU for it, or no longer.
            TokenscopeError: What the other process raised on purpose.
        """
        engine = self._bound()
        tell("Waiting for a GPU", 0, 1)
        with closing(self._run(order)) as coming:
            while True:
                with engine.lock.aside(), _still(engine.lock):
                    one = next(coming, None)
                if one is None:
                    return
                if isinstance(one, ModelTooLarge):  # room was made there; making some here would not help
                    raise GpuUnavailable(str(one))
                if isinstance(one, TokenscopeError):
                    raise one
                yield one

    def _bound(self) -> Engine:
        engine = None if self._engine is None else self._engine()
        assert engine is not None  # it is a model that asks
        return engine

    def in_time(self, engine: Engine, order: Order) -> Order:
        """An order with the time that it is reckoned to take, and no more steps than fit into one call."""
        model = engine.model
        passed = 2 * parameters(model) * len(order.ids) / NUMBERS_A_SECOND
        beginning = BEGINNING + weight_bytes(model) / WEIGHTS_A_SECOND + passed
        step = STEP + STEP_A_LAYER * len(engine.anatomy.layers) + passed / len(order.ids)
        most = max(1, math.floor((MOST_SECONDS * IN_TIME - beginning) / step))
        steps = min(order.steps, most)
        seconds = min(MOST_SECONDS, math.ceil((beginning + (steps + 1) * step) / IN_TIME))
        return replace(order, steps=steps, seconds=seconds)

    def _run_there(self, order: Order) -> Generator[Parcel | TokenscopeError, None, None]:
        """Runs an order, in the other process."""
        began = time.monotonic()
        try:
            if self._there is None:
                self._there = _There(self._bound(), self._device)
            yield from self._there.run(order, began + IN_TIME * order.seconds)
        except TokenscopeError as error:
            yield error


class _There:
    """The model in the other process, on its device."""

    def __init__(self, engine: Engine, device: torch.device) -> None:
        torch.set_num_threads(1)  # a forked process has none of the threads that OpenMP would wait for
        self._engine, self._sizes = engine, engine.keeping.sizes
        self._shelf = Shelf(engine.keeping.limit)
        engine.room = Room(device)
        engine.room.clear = self._clear
        with engine.running(gradients=True):  # parameters stay what they are, not those of an inference alone
            module: torch.nn.Module = engine.model
            module.to(device)
            known = engine.recorder.formulas
            known[:] = [None if one is None else replace(one, **_moved(one, device)) for one in known]

    def run(self, order: Order, last: float) -> Iterator[Parcel]:
        """Gives the text, where something of it is new, and then each further step; none begins after a last moment."""
        engine = self._engine
        torch.set_num_threads(1)  # each call is a thread of its own
        changes: Changes = unpacked(order.changes, engine.model.device)
        engine.keeping = Keeping("residual" if order.reduced else "full", 2**62, self._sizes)
        recording = self._recorded(order, order.ids, changes)
        if order.have < len(order.ids):
            yield parcel_of(engine, recording, order.have)
        for _ in range(order.steps):
            position = len(recording.ids) - 1
            logits = engine.logits(recording, position).cpu()
            require_finite(engine, recording, logits, position)
            token = decide(logits, recording.ids, order.decoding).token
            recording = self._recorded(order, (*recording.ids, token), changes)
            yield parcel_of(engine, recording, position + 1 if engine.cached else 0)
            if token in order.end_ids or time.monotonic() > last:
                return

    def _recorded(self, order: Order, ids: tuple[int, ...], changes: Changes) -> Recording:
        engine = self._engine

        def recorded() -> Recording:
            base, shared = self._shelf.find(ids, order.interventions)
            base = None if base is None else base.cut(shared)
            if base is not None and base.again is not None and not order.reduced:
                base = None
            if base is not None and shared == len(ids):
                return base
            recording = engine.record(ids, base, order.interventions, changes)
            self._shelf.put(recording)
            return recording

        return engine.room.tried(recorded, len(ids))

    def _clear(self) -> int:
        freed = self._shelf.nbytes
        self._shelf.clear()
        return freed


def _moved(formula: Formula, device: torch.device) -> dict[str, Any]:
    """What a formula holds beside numbers, on a device."""
    held = {"sinks": formula.sinks, "bias": formula.bias}
    return {name: None if one is None else one.detach().to(device) for name, one in held.items()}


_forking = threading.local()


@contextmanager
def _still(turns: Turns) -> Iterator[None]:
    """Inside, a process that this thread forks finds the model at rest: nobody runs it at that moment.

    Else it could find a pass of another thread half done, with its hooks in place, and no thread to end it.
    """
    _forking.turns = turns
    try:
        yield
    finally:
        _forking.turns = None


def _before_fork() -> None:
    turns: Turns | None = getattr(_forking, "turns", None)
    if turns is not None:
        turns.enter_ahead()


def _after_fork() -> None:
    turns: Turns | None = getattr(_forking, "turns", None)
    if turns is not None:
        turns.__exit__(None, None, None)


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
