"""The MLP of a block: its activation and its gate, found in the model's own numbers."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch.nn import functional

from model_runtime.block_flow import Flow, Run
from model_runtime.engine import Engine
from model_runtime.structure_records import BlockStep, Feedforward
from model_runtime.writers import BOUNDS, is_matrix

Activation = Callable[[torch.Tensor], torch.Tensor]
ACTIVATIONS: Final[dict[str, Activation]] = {
    "SiLU": functional.silu,
    "GELU": functional.gelu,
    "GELU (tanh)": lambda values: functional.gelu(values, approximate="tanh"),
    "ReLU": functional.relu,
    "squared ReLU": lambda values: functional.relu(values).square(),
    "quick GELU": lambda values: values * torch.sigmoid(1.702 * values),
}
# What configs call them.
NAMED: Final = {
    **dict.fromkeys(("silu", "swish"), "SiLU"),
    "gelu": "GELU",
    **dict.fromkeys(("gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate"), "GELU (tanh)"),
    "relu": "ReLU",
    **dict.fromkeys(("relu2", "relu_squared"), "squared ReLU"),
    "quick_gelu": "quick GELU",
}
CONFIG_ACTIVATION: Final = ("hidden_activation", "hidden_act", "activation_function", "hidden_act_fn", "afn")
CONFIG_EXPERTS: Final = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")


def feedforward_of(engine: Engine, layer: int, run: Run, flow: Flow) -> Feedforward | None:
    """What is known of a block's MLP, None where it has none. The caller holds the model's lock.

    Args:
        engine: The model.
        layer: Block index.
        run: A pass through the block.
        flow: What the block does.
    """
    writers, config = engine.writers[layer], engine.anatomy.config
    step = next((step for step in flow.steps if step.kind == "MLP"), None)
    if step is None:
        return None
    named = _config_activation(config)
    writer = None if writers is None else writers.mlp
    projection = None if writer is None else writer.projection
    down = next((call for call in run.calls if projection is not None and call.module is projection.module), None)
    if down is None or down.given is None:
        # A part that is known to write without a projection of its own is a mixture of experts, where there are any.
        experts = _experts(config) if writer is not None else 0
        return Feedforward(named, seen=False, gated=None, width=None, experts=experts)
    neurons = down.given.reshape(-1, down.given.shape[-1]).float()
    bound = BOUNDS.get(down.given.dtype, BOUNDS[torch.bfloat16])
    found = dict(_makers(neurons, _projected(run, step, neurons.shape[1]), bound))
    if not found:
        return Feedforward(named, seen=False, gated=None, width=neurons.shape[1], experts=0)
    name = named if named in found else next(iter(found))
    return Feedforward(name, seen=True, gated=found[name], width=neurons.shape[1], experts=0)


def _projected(run: Run, step: BlockStep, width: int) -> list[torch.Tensor]:
    """[token, neuron] what the MLP's first maps gave; a map of twice the width gives two."""
    found = []
    for call in run.calls:
        inside = any(call.name == name or call.name.startswith(f"{name}.") for name in step.names)
        if not inside or not is_matrix(call.module) or call.returned is None:
            continue
        values = call.returned.reshape(-1, call.returned.shape[-1]).float()
        if values.shape[1] == width:
            found.append(values)
        elif values.shape[1] == 2 * width:
            found += values.chunk(2, dim=1)
    return found


def _makers(neurons: torch.Tensor, projected: list[torch.Tensor], bound: float) -> Iterator[tuple[str, bool]]:
    """The activations that make the neurons from what was projected, each with whether it gates; the nearest first."""
    fits: list[tuple[float, str, bool]] = []
    for name, activation in ACTIVATIONS.items():
        for values in projected:
            activated = activation(values)
            others = [other for other in projected if other is not values]
            fits.append((_error(activated, neurons), name, False))
            fits += [(_error(activated * other, neurons), name, True) for other in others]
    for error, name, gated in sorted(fits):
        if error <= bound:
            yield name, gated


def _error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30))


def _config_activation(config: Any) -> str:
    """What the config names, "" where it names none."""
    named = next((getattr(config, name) for name in CONFIG_ACTIVATION if getattr(config, name, None)), "")
    return NAMED.get(named, named) if isinstance(named, str) else ""


def _experts(config: Any) -> int:
    """How many experts the config names."""
    counts = (getattr(config, name, None) for name in CONFIG_EXPERTS)
    return next((count for count in counts if isinstance(count, int)), 0)
