"""Proves, when a model is loaded, that what its parts are said to write is what its stream is made of.

The parts were found on one random text; everything is proved on another.
"""

from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from model_runtime.engine import Engine
from model_runtime.records import Proof
from model_runtime.selfcheck import BOUNDS, FAILURES, TOKENS

MIDDLE = "the midpoint is what the MLP reads"


def proof_ids(engine: Engine) -> torch.Tensor:
    """[1, token] other random ids than those that the parts were found on."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, engine.unembedding.vocabulary, (1, TOKENS), generator=generator)
    return ids.to(engine.model.device)


def has_midpoints(engine: Engine) -> bool:
    """Whether every block adds its attention first and reads the sum afterwards."""
    return all(parts is not None and parts.sequential for parts in engine.writers)


def prove_middle(engine: Engine) -> Proof:
    """Compares stream plus attention with what enters the first module that was seen to read it.

    Args:
        engine: The model, its writers found and its middle kept.
    """
    bound = BOUNDS.get(engine.model.dtype, BOUNDS[torch.bfloat16])
    detail = "each stream plus what its block's attention added, against what enters the block's second half"
    try:
        with torch.inference_mode():
            error = _middle_error(engine)
    except FAILURES as failure:
        return Proof(MIDDLE, "middle", False, float("nan"), bound, f"{detail}: {type(failure).__name__}: {failure}")
    return Proof(MIDDLE, "middle", error <= bound, error, bound, detail)


def _middle_error(engine: Engine) -> float:
    """The largest difference as a share of the largest value that the attention added."""
    taken: dict[int, torch.Tensor] = {}

    def entering(layer: int) -> Any:
        def entered(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            taken[layer] = next(one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor)).clone()

        return entered

    with ExitStack() as hooks, engine.recorder.recording() as tape:
        for layer, parts in enumerate(engine.writers):
            if parts is not None and parts.middle is not None:
                hooks.callback(parts.middle.register_forward_pre_hook(entering(layer), with_kwargs=True).remove)
        engine.model(proof_ids(engine), use_cache=False)
    errors = [0.0]
    for layer, given in taken.items():
        added = tape.attended[layer]
        difference = given.reshape(added.shape).float() - (tape.streams[layer] + added).float()
        errors.append(float(difference.abs().max() / added.float().abs().max().clamp(min=1e-30)))
    return max(errors)
