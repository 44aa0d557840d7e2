"""The way from the final residual stream to the logits, as a chain of maps that are linear once they are held.

Found by value from one short pass: from the stream that leaves the last block, through whatever norms and projections
follow, to the output embedding, and on to the logits by a constant or a softcap.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from model_runtime.engine import Engine
from model_runtime.frozen import Frozen, freeze, plain
from model_runtime.recorder import first_tensor
from model_runtime.selfcheck import BOUNDS

# What the config of a family may call the bound of its softcap.
SOFTCAP_NAMES = ("final_logit_softcapping", "logits_soft_cap")
SEVERAL = 4  # positions that a constant has to be the same at
ONE = 2e-3  # how near to 1 a constant is 1: no model is known that multiplies by so little, and 16 bits round


@dataclass(frozen=True)
class OutputMap:
    """From the final stream to the logits.

    Attributes:
        chain: The modules before the output embedding, each linear once it is held at a point.
        head: The output embedding.
        before: What is multiplied with before it.
        after: What its output is multiplied with.
        softcap: The bound c of c * tanh(logit / c), None where there is none.
    """

    chain: tuple[nn.Module, ...]
    head: nn.Module
    before: float
    after: float
    softcap: float | None

    def held(self, stream: torch.Tensor) -> "HeldOutput":
        """The map held at one final stream [width].

        Raises:
            ValueError: A module is not linear there.
        """
        maps: list[Frozen] = []
        point = stream
        for module in self.chain:
            frozen = freeze(module, point)
            if frozen is None:
                raise ValueError(f"{type(module).__name__} is not a norm at this point")
            maps.append(frozen)
            result = first_tensor(module(point[None, None]))
            assert result is not None  # it was frozen, so it returned a tensor
            point = result[0, 0]
        return HeldOutput(self, tuple(maps))

    @property
    def rows(self) -> torch.Tensor:
        """[vocabulary, width] the output embedding, as it is stored."""
        weight = self.head.weight
        assert isinstance(weight, torch.Tensor)  # it was seen when the map was found
        return weight.detach()

    @property
    def bias(self) -> torch.Tensor | None:
        """[vocabulary] what the output embedding adds, None where nothing."""
        bias = self.head.bias
        return bias.detach() if isinstance(bias, torch.Tensor) else None

    @cached_property
    def mean_row(self) -> torch.Tensor:
        """[width] float64: the mean of all rows."""
        return plain(self.rows.sum(0, dtype=torch.float32)) / len(self.rows)


@dataclass(frozen=True)
class HeldOutput:
    """The map from the final stream to logits, held at one point, where it is linear.

    Attributes:
        output: The map.
        maps: Its chain, held.
    """

    output: OutputMap
    maps: tuple[Frozen, ...]

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """[..., width] the directions in the final stream that read what combined rows of the embedding read."""
        directions = rows * (self.output.before * self.output.after)
        for one in reversed(self.maps):
            directions = one.back(directions)
        return directions

    def constant(self, rows: torch.Tensor) -> torch.Tensor:
        """[...] what the norms' biases add behind them, read by combined rows of the embedding."""
        vector: torch.Tensor | None = None
        for one in self.maps:
            vector = one.bias if vector is None else one.forth(vector) + one.bias
        if vector is None:
            return torch.zeros(rows.shape[:-1], dtype=torch.float64)
        result: torch.Tensor = rows @ vector * (self.output.before * self.output.after)
        return result

    def logits(self, vectors: torch.Tensor) -> torch.Tensor:
        """[row, vocabulary] float32: what parts [row, width] of the final stream add to every logit."""
        for one in self.maps:
            vectors = one.forth(vectors)
        rows = self.output.rows
        vectors = (vectors * (self.output.before * self.output.after)).to(rows.device, torch.float32).to(rows.dtype)
        return (vectors @ rows.T).float()


@dataclass
class _Call:
    module: nn.Module
    depth: int
    given: torch.Tensor
    returned: torch.Tensor


def find_output_map(engine: Engine, ids: torch.Tensor) -> OutputMap | str:
    """The way from the final stream to the logits, or why it cannot be split.

    Args:
        engine: The model with its recorder installed.
        ids: [1, token] any tokens.
    """
    head = engine.model.get_output_embeddings()
    if not isinstance(head, nn.Module) or getattr(getattr(head, "weight", None), "ndim", 0) != 2:
        return "It has no output embedding of one matrix"
    with torch.inference_mode(), engine.recorder.recording() as tape:
        calls, logits = _calls_behind(engine, ids)
    last = next((call for call in reversed(calls) if call.module is head), None)
    if last is None:
        return "Its output embedding does not run as a module"
    with torch.inference_mode():
        chain = _chain(calls, tape.streams[-1], last)
        if chain is None:
            return "Other things than norms and linear maps stand between its last layer and its output embedding"
        named = [getattr(engine.anatomy.config, name, None) for name in SOFTCAP_NAMES]
        end = _end(last.returned, logits, next((cap for cap in named if cap), None))
    if end is None:
        return "Its logits are not the output embedding's results times a constant"
    return OutputMap(chain[0], head, chain[1], *end)


def _calls_behind(engine: Engine, ids: torch.Tensor) -> tuple[list[_Call], torch.Tensor]:
    """Every call of a module behind the last layer, the outermost first, and the logits [token, vocabulary]."""
    calls: list[_Call] = []
    inside = set(engine.anatomy.layers.modules())
    layers_left = False

    def left(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        nonlocal layers_left
        layers_left = True

    def entered(depth: int) -> Any:
        def note(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            given, returned = first_tensor(args), first_tensor(output)
            if layers_left and given is not None and returned is not None:
                calls.append(_Call(module, depth, given[0].clone(), returned[0].clone()))

        return note

    with ExitStack() as hooks:
        hooks.callback(engine.anatomy.layers[-1].register_forward_hook(left).remove)
        for name, module in engine.model.named_modules():
            if module not in inside:
                hooks.callback(module.register_forward_hook(entered(name.count("."))).remove)
        logits: torch.Tensor = engine.model(ids, use_cache=False).logits[0]
    return sorted(calls, key=lambda call: call.depth), logits.float()


def _chain(calls: list[_Call], stream: torch.Tensor, head: _Call) -> tuple[tuple[nn.Module, ...], float] | None:
    """The modules from the stream to the output embedding, and the constant before it."""
    chain: list[nn.Module] = []
    point = stream
    for _ in calls:
        ratio = _ratio(point, head.given)
        if ratio is not None:
            return tuple(chain), ratio
        following = (call for call in calls if call.module is not head.module and torch.equal(call.given, point))
        call = next((call for call in following if freeze(call.module, point[-1]) is not None), None)
        if call is None:
            return None
        chain.append(call.module)
        point = call.returned
    return None


def _end(head: torch.Tensor, logits: torch.Tensor, cap: float | None) -> tuple[float, float | None] | None:
    """What follows the output embedding: a constant, or a softcap."""
    ratio = _ratio(head, logits)
    if ratio is not None:
        return ratio, None
    if cap and _ratio((torch.tanh(head.float() / cap) * cap).to(head.dtype), logits) == 1:
        return 1.0, float(cap)
    return None


def _ratio(found: torch.Tensor, expected: torch.Tensor) -> float | None:
    """The constant between two tensors [token, ...], None where there is none."""
    if found.shape != expected.shape:
        return None
    bound = BOUNDS.get(found.dtype, BOUNDS[torch.bfloat16])
    one, other = found[-SEVERAL:].double(), expected[-SEVERAL:].double()
    ratio = float((one * other).sum() / (one * one).sum().clamp(min=1e-300))
    if not (one * ratio - other).abs().max() <= bound * other.abs().max():
        return None
    return 1.0 if abs(ratio - 1) < min(bound, ONE) else ratio
