"""Two texts in one context: what the second one's predictions owe to the first, by positions and by sight."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from model_runtime.engine import Engine
from model_runtime.errors import FeatureUnavailable
from model_runtime.position_records import PackedRun
from model_runtime.rotation import takes_positions

TOP = 5


def separable(engine: Engine) -> bool:
    """Whether every block mixes tokens under a mask, so that a text can be kept from seeing another."""
    formulas = engine.recorder.formulas
    hybrid = any(formula is None for formula in formulas) and any(formula is not None for formula in formulas)
    return not hybrid and all("attention_mask" in _parameters(layer) for layer in engine.anatomy.layers)


def _parameters(module: nn.Module) -> Any:
    return inspect.signature(module.forward).parameters


def logits_of(engine: Engine, ids: tuple[int, ...], begins: int, restarted: bool, separate: bool) -> torch.Tensor:
    """[token, vocabulary] float32 logits of the tokens from `begins` on. The caller holds the lock.

    Args:
        engine: The model; its recorder keeps nothing of this.
        ids: Both texts.
        begins: Where the second begins.
        restarted: Whether its positions begin at 0.
        separate: Whether it cannot see the first.
    """
    with engine.running():
        device = engine.model.device
        positions = torch.arange(len(ids), device=device)
        if restarted:
            positions[begins:] -= begins
        # A mask of ones says that nothing is padding; without one, transformers would take restarted positions for
        # packed texts and separate them by itself.
        options = {"attention_mask": torch.ones(1, len(ids), dtype=torch.long, device=device)}
        if takes_positions(engine):
            options["position_ids"] = positions[None]
        with _separated(engine, begins if separate else 0):
            output = engine.model(torch.tensor([ids], device=device), use_cache=False, **options)
        logits: torch.Tensor = output.logits[0, begins:].float()
    return logits


@contextmanager
def _separated(engine: Engine, begins: int) -> Iterator[None]:
    """Inside, tokens from a position on do not see those before it, in any block."""
    hooks = [layer.register_forward_pre_hook(_hider(begins), with_kwargs=True) for layer in engine.anatomy.layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _hider(begins: int) -> Any:
    def hide(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if begins == 0:
            return None
        bound = inspect.signature(module.forward).bind_partial(*args, **kwargs)
        given = bound.arguments.get("attention_mask")
        stream = args[0] if args else kwargs["hidden_states"]
        count = stream.shape[1]
        seen = torch.ones(count, count, dtype=torch.bool, device=stream.device).tril()
        seen[begins:, :begins] = False
        bound.arguments["attention_mask"] = _joined(given, seen[None, None], count)
        return bound.args, bound.kwargs

    return hide


def _joined(given: Any, seen: torch.Tensor, count: int) -> torch.Tensor:
    """The model's own mask with more hidden.

    Raises:
        FeatureUnavailable: The mask is of a kind that is not known here.
    """
    if given is None:
        return seen
    if not isinstance(given, torch.Tensor) or given.dim() != 4 or given.shape[-2:] != (count, count):
        raise FeatureUnavailable("This model's blocks get their masks in a form that cannot be changed here.")
    if given.dtype == torch.bool:
        return given & seen
    return given.masked_fill(~seen, torch.finfo(given.dtype).min)


def compared(run: torch.Tensor, alone: torch.Tensor, way: tuple[bool, bool], texts: Any) -> PackedRun:
    """One packed run beside the text alone.

    Args:
        run: [token, vocabulary] its logits.
        alone: Likewise, of the text alone.
        way: Whether positions restarted, and whether the first text was hidden.
        texts: From ids to texts.
    """
    difference = (run - alone).abs().amax(-1)
    variation = (run.softmax(-1) - alone.softmax(-1)).abs().sum(-1) / 2
    ids, probability = first_choices(run)
    return PackedRun(
        restarted=way[0],
        separate=way[1],
        possible=True,
        difference=difference.cpu().numpy(),
        variation=variation.clamp(0, 1).cpu().numpy(),
        changed=int((run.argmax(-1) != alone.argmax(-1)).sum()),
        top_ids=ids,
        top_text=texts(ids),
        top_probability=probability,
    )


def impossible(tokens: int, way: tuple[bool, bool]) -> PackedRun:
    """A way in which this model cannot be run."""
    blank = np.full(tokens, np.nan, np.float32)
    nothing = np.zeros(0, np.float32)
    return PackedRun(*way, False, blank, blank.copy(), 0, np.zeros(0, np.int64), (), nothing)


def first_choices(logits: torch.Tensor) -> tuple[Any, Any]:
    """The ids and probabilities of the most probable tokens after the last one."""
    probability = logits[-1].softmax(-1)
    best, ids = probability.topk(min(TOP, len(probability)))
    return ids.cpu().numpy(), best.cpu().numpy()
