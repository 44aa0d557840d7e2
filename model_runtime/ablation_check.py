"""Proves, when a model is loaded, that switching a head off here is what the literature means by it.

The literature zeroes a head's slice of what goes into the output projection. Here the attention function's own output
is edited. The two are the same unless something between them mixes heads, as BitNet's norm does.
"""

from typing import Any

import torch
from torch import nn

from model_runtime.engine import Engine
from model_runtime.records import Proof
from model_runtime.selfcheck import BOUNDS, FAILURES
from model_runtime.tape import Switch

NAME = "a switched-off head is its zeroed slice"
MOVED = 1e-3  # of the largest value; a disturbed head moves what follows it by about as much as it holds
DETAIL = "one head of every layer switched off, against zeroing its slice of the output projection's input"


def prove_ablation(engine: Engine, ids: torch.Tensor) -> Proof:
    """Switches one head off in each layer, each in its own row of a batch, in both ways.

    Args:
        engine: The model with its recorder installed, its attention proved.
        ids: [1, token].
    """
    bound = BOUNDS.get(engine.model.dtype, BOUNDS[torch.bfloat16])
    try:
        with torch.inference_mode():
            error = _error(engine, ids)
    except FAILURES as failure:
        return Proof(NAME, "ablation", False, float("nan"), bound, f"{DETAIL}: {type(failure).__name__}: {failure}")
    if error <= bound:
        return Proof(NAME, "ablation", True, error, bound, DETAIL)
    reason = "something between the attention and the output projection mixes the heads, so none can be taken out alone"
    return Proof(NAME, "ablation", False, error, bound, reason)


def _error(engine: Engine, ids: torch.Tensor) -> float:
    """The largest difference of logits between the two ways, as a share of the largest change that ablation makes."""
    projections = _projections(engine, ids)
    rows = ids.expand(len(projections) + 1, -1)  # the last row stays whole
    heads = {layer: layer % count for layer, (_, count, _) in projections.items()}
    switches = {layer: (Switch(heads[layer], None, row),) for row, layer in enumerate(projections)}
    with engine.recorder.recording(switches=switches):
        here = engine.model(rows, use_cache=False).logits.float()
    hooks = [
        projection.register_forward_pre_hook(_zeroing(row, slice(heads[layer] * width, (heads[layer] + 1) * width)))
        for row, (layer, (projection, _, width)) in enumerate(projections.items())
    ]
    try:
        there = engine.model(rows, use_cache=False).logits.float()
    finally:
        for hook in hooks:
            hook.remove()
    changed = (here[:-1] - here[-1:]).abs().amax((1, 2))
    different = (here[:-1] - there[:-1]).abs().amax((1, 2))
    if not changed.min() > 0:
        raise ValueError(f"switching a head of L{list(projections)[int(changed.argmin())]} off changes nothing")
    return float((different / changed).max())


def _projections(engine: Engine, ids: torch.Tensor) -> dict[int, tuple[nn.Module, int, int]]:
    """Layer -> its output projection with the number and width of its heads.

    It is the first module with a matrix of weights in a layer whose input moves when one of its heads is disturbed; a
    gate that is computed from the stream in between does not.
    """
    found: dict[int, tuple[nn.Module, int, int]] = {}
    rows = ids.expand(len(engine.anatomy.layers) + 1, -1)  # the last row stays whole

    def looking(layer: int, module: nn.Module) -> Any:
        def entered(_: nn.Module, args: tuple[Any, ...]) -> None:
            output = tape.outputs[layer]
            if layer in found or output is None or not args or not _moved(args[0].reshape(len(rows), -1), layer):
                return
            heads, width = output.shape[1:]
            if args[0].shape[-1] != heads * width:
                raise ValueError(f"what follows the attention of L{layer} does not take its heads side by side")
            found[layer] = (module, heads, width)

        return entered

    hooks = [
        module.register_forward_pre_hook(looking(layer, module))
        for layer, block in enumerate(engine.anatomy.layers)
        for module in block.modules()
        if getattr(getattr(module, "weight", None), "ndim", 0) == 2
    ]
    try:
        with engine.recorder.recording(thorough=True, disturbed=True) as tape:
            engine.model(rows, use_cache=False)
            missing = [layer for layer, query in enumerate(tape.queries) if query is not None and layer not in found]
    finally:
        for hook in hooks:
            hook.remove()
    if missing or not found:
        raise ValueError(f"no output projection was found in L{missing[0] if missing else 0}")
    return found


def _moved(rows: torch.Tensor, row: int) -> bool:
    """Whether a row [row, value] differs from the last by more than rounding."""
    return bool((rows[row] - rows[-1]).abs().max() > MOVED * rows[-1].abs().max())


def _zeroing(row: int, part: slice) -> Any:
    def entered(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        given = args[0].clone()
        given[row, ..., part] = 0
        return (given, *args[1:])

    return entered
