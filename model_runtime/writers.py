"""Where the parts of each block write into the residual stream, found by value in one short pass.

No table of names: whichever two modules' outputs sum to what a block added to its stream are its two parts, so new
families work unseen, and one that adds up in another way is known to be unsplit.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from model_runtime.recorder import Recorder, first_tensor
from model_runtime.tape import Tape

# The largest difference allowed between what the parts sum to and what the block added, as a share of the latter.
# 16-bit models round the stream at every addition.
BOUNDS = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 4e-2}
ROUNDINGS = 4  # of the stream itself, which the difference of two streams inherits


@dataclass(frozen=True)
class Projection:
    """The last linear map of a part.

    Attributes:
        module: The module whose input is the heads' outputs side by side, or the MLP's neurons.
        transposed: Whether its weight is stored [in, out], as GPT-2's is.
    """

    module: nn.Module
    transposed: bool

    def matrix(self) -> torch.Tensor:
        """[out, in] its weight, a view."""
        weight = self.module.weight
        assert isinstance(weight, torch.Tensor)  # it was read when the projection was found
        return weight.detach().T if self.transposed else weight.detach()


@dataclass(frozen=True)
class Writer:
    """One part of a block.

    Attributes:
        module: Its (first) output, times the block's scale, is what is added to the stream.
        projection: The linear map that makes it, None where there is no single one, as in a mixture of experts.
        norm: What stands between the projection and the output in families that norm it again, else None.
    """

    module: nn.Module
    projection: Projection | None
    norm: nn.Module | None


@dataclass(frozen=True)
class Writers:
    """The parts of one block: together they are all that it adds to the stream.

    Attributes:
        attention: What mixes tokens, be it attention, a convolution or a running state; None where the block has none.
        mlp: What does not, None where the block has none.
        scale: What both outputs are multiplied with, 1 in most families.
        sequential: Whether the MLP reads the stream that the attention has written to, so that there is a midpoint.
        middle: The first module that takes the midpoint in, None where there is none or the block has one part only.
    """

    attention: Writer | None
    mlp: Writer | None
    scale: float
    sequential: bool
    middle: nn.Module | None


@dataclass
class _Call:
    """One call of a module inside a block.

    Attributes:
        module: What ran.
        depth: How deep inside the block it is.
        given: Its first input, where it can matter.
        returned: [token, width] its first output, None where it has another size.
        attended: Whether the block had called its attention function when this call ended.
    """

    module: nn.Module
    depth: int
    given: torch.Tensor | None
    returned: torch.Tensor | None = None
    attended: bool = False


def find_writers(
    model: nn.Module, layers: nn.ModuleList, recorder: Recorder, ids: torch.Tensor
) -> tuple[Writers | None, ...]:
    """Each block's parts, None where no one or two modules prove to be all that it adds.

    Args:
        model: The model with its recorder installed.
        layers: Its blocks.
        recorder: The recorder.
        ids: [1, token] any tokens.
    """
    found: list[Writers | None] = []
    with torch.inference_mode(), recorder.recording(thorough=True) as tape, ExitStack() as hooks:
        for index, layer in enumerate(layers):
            for hook in _watch(index, layers, layer, tape, found):
                hooks.callback(hook.remove)
        model(ids, use_cache=False)
    return tuple(found)


def _watch(
    index: int, layers: nn.ModuleList, layer: nn.Module, tape: Tape, found: list[Writers | None]
) -> Iterator[RemovableHandle]:
    """Hooks that note every call inside a block and, once it is left, look for its parts; then the notes are gone."""
    calls: list[_Call] = []
    running: list[_Call] = []
    elsewhere = {module for other in layers if other is not layer for module in other.modules()}

    def entered(depth: int) -> Any:
        def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = next((one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor)), None)
            matters = given is not None and (is_matrix(module) or given.numel() == tape.streams[-1].numel())
            running.append(_Call(module, depth, given.clone() if given is not None and matters else None))

        return note

    def left(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        call, stream = running.pop(), tape.streams[-1]
        first = first_tensor(output)
        if first is not None and first.numel() == stream.numel():
            # A copy: some families add to it in place.
            call.returned = first.reshape(stream.shape).clone()
        call.attended = tape.queries[index] is not None
        calls.append(call)

    def done(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        before, after = tape.streams[-2:]
        found.append(_parts_of(calls, before, after, attends=tape.queries[index] is not None))
        calls.clear()

    for name, module in layer.named_modules():
        if name and module not in elsewhere:  # what blocks share cannot be told apart by its calls
            yield module.register_forward_pre_hook(entered(name.count(".")), with_kwargs=True)
            yield module.register_forward_hook(left)
    yield layer.register_forward_hook(done)


def _parts_of(calls: list[_Call], before: torch.Tensor, after: torch.Tensor, attends: bool) -> Writers | None:
    """The one or two calls that sum to what the block added, told apart and looked into."""
    written, scale = _best(_candidates(calls), before, after)
    if not written:
        return None
    if len(written) == 1:
        only = _writer(written[0], calls)
        mixes = attends or not _is_local(written[0])
        return Writers(only if mixes else None, None if mixes else only, scale, sequential=True, middle=None)
    # The attention either contains the call of the attention function or comes after it, and before the MLP.
    first = next((call for call in written if call.attended or not attends), None)
    if first is None:
        return None
    second = written[1] if first is written[0] else written[0]
    middle = _middle(calls[calls.index(first) + 1 :], before, before + _written(first) * scale)
    return Writers(_writer(first, calls), _writer(second, calls), scale, middle is not None, middle)


def _candidates(calls: list[_Call]) -> list[_Call]:
    """The calls whose output could be added to the stream, in the order they ended; of equal outputs the outermost."""
    kept: list[_Call] = []
    for call in calls:
        if call.returned is None or sum(other.module is call.module for other in calls) > 1:
            continue
        same = next((one for one in kept if torch.equal(_written(one), call.returned)), None)
        if same is None:
            kept.append(call)
        elif call.depth < same.depth:
            kept[kept.index(same)] = call
    return kept


def _best(candidates: list[_Call], before: torch.Tensor, after: torch.Tensor) -> tuple[tuple[_Call, ...], float]:
    """The pair, or else the one, that explains best what the block added, with its scale; empty where none does."""
    change = after.double() - before.double()
    bound, rounding = BOUNDS.get(before.dtype, BOUNDS[torch.bfloat16]), ROUNDINGS * torch.finfo(before.dtype).eps
    stream = torch.maximum(before.abs(), after.abs()).double()
    allowed = (bound * change.abs().amax(1, keepdim=True) + rounding * stream).clamp(min=1e-30)  # [token, width]
    outputs = {id(call): _written(call).double() for call in candidates}
    for group in (combinations(candidates, 2), combinations(candidates, 1)):
        best: tuple[float, tuple[_Call, ...], float] = (1.0, (), 1.0)
        for written in group:
            both = sum((outputs[id(call)] for call in written), torch.zeros_like(change))
            # Least squares, in units of what rounding may do: one huge entry of the stream must not decide alone.
            weighed, target = both / allowed, change / allowed
            fitted = float((target * weighed).sum() / (weighed * weighed).sum().clamp(min=1e-30))
            for scale in (1.0, fitted):  # 1 where that does: a fit to rounded numbers is never quite 1
                excess = float((weighed * scale - target).abs().max())
                if excess <= 1:
                    break
            if excess < best[0]:
                best = excess, written, scale
        if best[1]:
            return best[1], best[2]
    return (), 1.0


def _is_local(call: _Call) -> bool:
    """Whether a part gives the last token the same when it stands alone."""
    if call.given is None or call.given.ndim < 2:
        return False
    alone = first_tensor(call.module(call.given[..., -1:, :]))
    together = _written(call)[-1].float()
    return alone is not None and bool(
        torch.allclose(alone.reshape(-1).float(), together, atol=1e-2 * float(together.abs().max()))
    )


def _middle(later: Sequence[_Call], before: torch.Tensor, middle: torch.Tensor) -> nn.Module | None:
    """The outermost module that takes the stream in after the attention has been added."""
    bound = BOUNDS.get(before.dtype, BOUNDS[torch.bfloat16])
    allowed = bound * float((middle - before).abs().max())
    takers = [
        call
        for call in later
        if call.given is not None and call.given.numel() == middle.numel()
        if float((call.given.reshape(middle.shape) - middle).abs().max()) <= allowed
    ]
    return min(takers, key=lambda call: call.depth).module if takers else None


def _writer(call: _Call, calls: list[_Call]) -> Writer:
    """A part with the linear map that makes it, where one does."""
    written = _written(call)
    norms: list[tuple[nn.Module | None, torch.Tensor]] = [(None, written)]
    norms += [
        (one.module, one.given.reshape(written.shape))
        for one in calls
        if one.returned is not None and torch.equal(one.returned, written)
        if one.given is not None and one.given.numel() == written.numel() and not is_matrix(one.module)
    ]
    for norm, result in norms:
        for one in calls:
            if is_matrix(one.module) and one.returned is not None and torch.equal(one.returned, result):
                assert one.given is not None  # what goes into a matrix is kept
                projection = projection_of(one.module, one.given, one.returned)
                if projection is not None:
                    return Writer(call.module, projection, norm)
    return Writer(call.module, None, None)


def projection_of(module: nn.Module, given: torch.Tensor, returned: torch.Tensor) -> Projection | None:
    """The linear map of a module, None where its weight times its input (and its bias) is not what it returned.

    Args:
        module: Any module.
        given: [..., in] what it was called with.
        returned: [..., out] what came of it.
    """
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if not isinstance(weight, torch.Tensor) or not is_matrix(module) or not weight.is_floating_point():
        return None
    if weight.is_meta:  # it waits on a disk
        return None
    rows, rest = given.reshape(-1, given.shape[-1]).float(), returned.reshape(-1, returned.shape[-1]).float()
    bound = BOUNDS.get(given.dtype, BOUNDS[torch.bfloat16]) * float(rest.abs().max())
    rest = rest if bias is None else rest - bias.float()
    for transposed in (False, True):
        matrix = weight.T if transposed else weight  # [out, in]
        if matrix.shape == (rest.shape[1], rows.shape[1]) and (rows @ matrix.float().T - rest).abs().max() <= bound:
            return Projection(module, transposed)
    return None


def is_matrix(module: nn.Module) -> bool:
    """Whether it has two-dimensional weights."""
    return getattr(getattr(module, "weight", None), "ndim", 0) == 2


def _written(call: _Call) -> torch.Tensor:
    assert call.returned is not None  # a candidate, or made from one
    return call.returned
