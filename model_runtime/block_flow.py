"""How a block's modules follow from each other, found by value in one short pass.

No table of names: what a module takes in is whichever earlier result it equals, or whichever sum of them. So a norm
stands where it stands, and each residual addition is found where it is made.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import nn

from model_runtime.engine import Engine
from model_runtime.frozen import FrozenNorm, freeze
from model_runtime.module_roles import children_of, has_matrix
from model_runtime.recorder import first_tensor
from model_runtime.selfcheck import FAILURES
from model_runtime.structure_records import ENTERS, BlockStep, StepKind
from model_runtime.writers import BOUNDS, Writers

# A norm gives nearly the same for a vector and for its multiple; what only scales does not.
STRETCH = 4.0


@dataclass
class Call:
    """One call of a module inside the block.

    Attributes:
        module: What ran.
        name: Its name in the block.
        given: Its first tensor.
        returned: The first tensor that came out.
        alone: Whether that tensor was all that it was given.
    """

    module: nn.Module
    name: str
    given: torch.Tensor | None
    returned: torch.Tensor | None = None
    alone: bool = False


@dataclass(frozen=True)
class Flow:
    """What a block does.

    Attributes:
        steps: In the order in which they run.
        result: The step that gives what leaves the block, None where none does.
    """

    steps: tuple[BlockStep, ...]
    result: int | None


@dataclass(frozen=True)
class Run:
    """One pass through a block.

    Attributes:
        before: [token, width] what entered.
        after: [token, width] what left.
        calls: Every call inside it, in the order in which they began.
    """

    before: torch.Tensor
    after: torch.Tensor
    calls: tuple[Call, ...]


def watch_block(engine: Engine, layer: int, ids: Sequence[int]) -> Run:
    """Runs a short text and keeps every call inside a block. The caller holds the model's lock.

    Args:
        engine: The model.
        layer: Block index.
        ids: The text.
    """
    block = engine.anatomy.layers[layer]
    calls: list[Call] = []
    with engine.running(), engine.recorder.recording() as tape, ExitStack() as hooks:
        for name, module in block.named_modules():
            if name:
                before, after = _hooks(name, calls)
                hooks.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
                hooks.callback(module.register_forward_hook(after).remove)
        engine.model(torch.tensor([ids], device=engine.model.device), use_cache=False)
        return Run(tape.streams[layer], tape.streams[layer + 1], tuple(calls))


def _hooks(name: str, calls: list[Call]) -> tuple[Any, Any]:
    """What notes the calls of one module."""
    running: list[Call] = []

    def entered(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        tensors = [one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor)]
        call = Call(module, name, tensors[0].clone() if tensors else None, alone=len(args) == 1 and not kwargs)
        running.append(call)
        calls.append(call)

    def left(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        first = first_tensor(output)
        running.pop().returned = None if first is None else first.clone()  # some families add to it in place

    return entered, left


def norm_of(call: Call) -> FrozenNorm | None:
    """The norm that a called module is, None where it is none."""
    if call.given is None or call.returned is None or call.given.shape != call.returned.shape or not call.alone:
        return None
    if has_matrix(call.module):
        return None
    point = call.given.reshape(-1, call.given.shape[-1])[-1]
    try:
        norm, stretched = freeze(call.module, point), freeze(call.module, point * STRETCH)
    except FAILURES:
        return None  # a module of another kind, which takes no single vector
    if not isinstance(norm, FrozenNorm) or not isinstance(stretched, FrozenNorm):
        return None
    # Its divisor grows with the vector, so its gain at the point shrinks.
    shrinks = float(stretched.gain.norm()) < 0.5 * float(norm.gain.norm())
    return norm if shrinks else None


def flow_of(run: Run, block: nn.Module, writers: Writers | None) -> Flow:
    """What a block does, step by step.

    Args:
        run: A pass through it.
        block: The block.
        writers: Where its parts write, None where that is not known.
    """
    with torch.inference_mode():
        return _Tracer(run, block, writers).traced()


class _Tracer:
    """Goes through the calls in their order and finds what each of them took in."""

    def __init__(self, run: Run, block: nn.Module, writers: Writers | None) -> None:
        self._run, self._writers = run, writers
        self._kinds = children_of(block, writers)
        self._scale = 1.0 if writers is None else writers.scale
        self._steps: list[BlockStep] = []
        # What is known so far: the step that gave it, and its value [token, width or neurons].
        self._values: list[tuple[int, torch.Tensor]] = [(ENTERS, self._flat(run.before))]

    def traced(self) -> Flow:
        for call in self._run.calls:
            if "." not in call.name and call.given is not None and call.returned is not None:
                self._take(call)
        return Flow(*_merged(self._steps, self._source(self._flat(self._run.after))))

    def _take(self, call: Call) -> None:
        """Notes one call of a direct child of the block."""
        assert call.given is not None  # the caller looked
        assert call.returned is not None
        given, returned = self._flat(call.given), self._flat(self._written(call))
        norm = norm_of(call)
        kind: StepKind = "norm" if norm is not None else self._kind(call.name)
        if norm is None and given.shape == returned.shape and torch.equal(given, returned):
            return  # a dropout, or nothing at all
        source = self._source(given)
        reads = () if source is None else (source,)
        if norm is None:
            step = BlockStep(kind, (call.name,), type(call.module).__name__, reads)
        else:
            name = "LayerNorm" if norm.centred else "RMSNorm"
            step = BlockStep(kind, (call.name,), type(call.module).__name__, reads, name, bool(norm.bias.any()))
        self._steps.append(step)
        self._values.append((len(self._steps) - 1, returned))

    def _kind(self, name: str) -> StepKind:
        kind = self._kinds.get(name, "other")
        return kind if kind in ("attention", "MLP") else "other"

    def _written(self, call: Call) -> torch.Tensor:
        """What a part gives to the addition; some families add the stream inside the part."""
        assert call.returned is not None  # the caller looked
        for writer in (self._writers.attention, self._writers.mlp) if self._writers else ():
            inside = writer is not None and any(writer.module is one for one in call.module.modules())
            if writer is not None and inside and writer.module is not call.module:
                made = next((one for one in self._run.calls if one.module is writer.module), None)
                if made is not None and made.returned is not None:
                    return made.returned
        return call.returned

    def _source(self, value: torch.Tensor) -> int | None:
        """The step that gives a value; an addition that does is noted. None where nothing known sums to it."""
        bound = BOUNDS.get(value.dtype, BOUNDS[torch.bfloat16]) * float(value.abs().max())
        best: tuple[float, tuple[int, ...]] = (bound, ())
        for steps, total in self._sums(value.shape):
            error = float((value - total).abs().max())
            if error < best[0]:
                best = error, steps
            if error == 0:
                break
        if not best[1]:
            return None
        if len(best[1]) == 1:
            return best[1][0]
        self._steps.append(BlockStep("addition", (), "", best[1]))
        self._values.append((len(self._steps) - 1, value))
        return len(self._steps) - 1

    def _sums(self, shape: torch.Size) -> Iterator[tuple[tuple[int, ...], torch.Tensor]]:
        """Every known value of a shape, the newest first, and every sum of two or three of them."""
        known = [(step, value) for step, value in reversed(self._values) if value.shape == shape]
        for step, value in known:
            yield (step,), value
        for count in (2, 3):
            for group in combinations(known, count):
                # The oldest is the stream; what parts wrote is scaled before it is added to that.
                total = group[-1][1]
                for _, value in reversed(group[:-1]):
                    total = total + value * self._scale
                yield tuple(sorted(step for step, _ in group)), total

    def _flat(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.reshape(len(self._run.before), -1)


def _merged(steps: list[BlockStep], result: int | None) -> tuple[tuple[BlockStep, ...], int | None]:
    """The steps with an MLP that lies in the block itself, map by map, put together into one."""
    groups: list[list[int]] = []
    for index, step in enumerate(steps):
        before = groups[-1] if groups else []
        chained = before and steps[before[0]].kind == "MLP" and step.reads == (before[-1],)
        if chained and step.kind in ("MLP", "other"):
            before.append(index)
        else:
            groups.append([index])
    place = {index: number for number, group in enumerate(groups) for index in group}
    place[ENTERS] = ENTERS
    merged = []
    for group in groups:
        first = steps[group[0]]
        names = tuple(name for index in group for name in steps[index].names)
        reads = tuple(place[one] for one in first.reads)
        merged.append(BlockStep(first.kind, names, first.module, reads, first.norm, first.bias))
    return tuple(merged), None if result is None else place[result]
