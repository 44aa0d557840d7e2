"""The model's own way from the end of its last layer to logits, with any stream put in its place.

The model itself runs, with an empty list of layers and the input of the first module after them replaced. Whatever the
family does there (norms, projections, scales, softcaps) is done by its own code, so nothing has to be known about it.
A family that cannot run without layers runs with all of them, for nothing.
"""

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from model_runtime.anatomy import Anatomy
from model_runtime.errors import ModelUnsupported

# Rows times vocabulary that one pass may hold: 128 MB of float32.
LOGITS_AT_ONCE = 2**25


class Unembedding:
    """Turns residual streams into logits. The caller holds the model's lock."""

    def __init__(self, model: PreTrainedModel, anatomy: Anatomy, context: int) -> None:
        """Watches one short pass to find the module that takes the final stream.

        Raises:
            ModelUnsupported: No module takes it.
        """
        self._model, self._anatomy = model, anatomy
        self._entry, self.vocabulary = _watch(model, anatomy)
        self._between = nn.ModuleList() if _runs_without_layers(model, anatomy) else anatomy.layers
        self.rows = max(1, min(512, context, LOGITS_AT_ONCE // self.vocabulary))

    def __call__(self, streams: torch.Tensor) -> torch.Tensor:
        """The logits of streams [row, width], as float32 [row, vocabulary]; at most `rows` rows."""
        given = streams[None]

        def put(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
            if args:
                return (given, *args[1:]), kwargs
            return args, {**kwargs, next(iter(kwargs)): given}

        parent, name, layers = self._anatomy.parent, self._anatomy.name, self._anatomy.layers
        hook = self._entry.register_forward_pre_hook(put, with_kwargs=True)
        setattr(parent, name, self._between)
        try:
            ids = torch.zeros(1, streams.shape[0], dtype=torch.long, device=self._model.device)
            logits: torch.Tensor = self._model(ids, use_cache=False).logits[0]
        finally:
            setattr(parent, name, layers)
            hook.remove()
        return logits.float()


def _runs_without_layers(model: PreTrainedModel, anatomy: Anatomy) -> bool:
    """Whether the model takes an empty list of layers; one that looks at its first layer has to keep them all."""
    setattr(anatomy.parent, anatomy.name, nn.ModuleList())
    try:
        model(torch.zeros(1, 2, dtype=torch.long, device=model.device), use_cache=False)
    except IndexError:
        return False
    finally:
        setattr(anatomy.parent, anatomy.name, anatomy.layers)
    return True


def _watch(model: PreTrainedModel, anatomy: Anatomy) -> tuple[nn.Module, int]:
    """The first module that runs after the last layer, and the size of the vocabulary."""
    found: list[nn.Module] = []
    done = False

    def left(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        nonlocal done
        done = True

    def entered(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = args[0] if args else next(iter(kwargs.values()), None)
        # Both tokens, and not the first alone, as a pooler takes it that stands beside the head.
        if done and not (isinstance(given, torch.Tensor) and given.dim() == 2 and given.shape[0] == 1):
            found.append(module)

    inside = set(anatomy.layers.modules())
    hooks = [anatomy.layers[-1].register_forward_hook(left)]
    hooks += [
        module.register_forward_pre_hook(entered, with_kwargs=True)
        for module in model.modules()
        if module not in inside
    ]
    try:
        ids = torch.zeros(1, 2, dtype=torch.long, device=model.device)
        vocabulary = int(model(ids, use_cache=False).logits.shape[-1])
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise ModelUnsupported("Nothing of this model runs after its last layer, so it cannot be read. Choose another.")
    return found[0], vocabulary
