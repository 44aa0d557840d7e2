"""Proves, when a model is loaded, that a layer run again alone computes what it did, so that it need not be kept."""

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from model_runtime.edits import Changes
from model_runtime.engine import Engine
from model_runtime.keeping import Keeping, sizes_of
from model_runtime.layer_replay import Forms, LayerReplay
from model_runtime.recording import Recording
from model_runtime.records import Proof
from model_runtime.selfcheck import BOUNDS, FAILURES, TOKENS
from model_runtime.tape import Switch

NAME = "a layer run again is the same"
DETAIL = "queries and what attention added, of each layer run alone on its kept input, against the whole model's"
LATE = TOKENS // 2  # a run may begin in the middle of a text


def prove_replay(engine: Engine, readable: bool) -> Proof | None:
    """Runs every layer again, with one head off in each; where that is exact, long texts may be reduced.

    Args:
        engine: The model with its recorder installed and its parts found.
        readable: Whether the streams, which a layer is run on, were proved.

    Returns:
        The proof; None where nothing could be run again, or nothing would be saved by it.
    """
    if not readable:
        return None
    bound = BOUNDS.get(engine.model.dtype, BOUNDS[torch.bfloat16])
    try:
        with torch.inference_mode():
            full, forms = _full(engine)
            sizes = sizes_of(full)
            if sizes.parts == 0:
                return None
            again = LayerReplay(engine, forms, _switches(engine))
            errors = [_error(full, again, layer) for layer in range(len(forms))]
    except FAILURES as failure:
        return Proof(NAME, "replay", False, float("nan"), bound, f"{DETAIL}: {type(failure).__name__}: {failure}")
    passed = max(errors) <= bound
    if passed:
        engine.keeping = Keeping(sizes=sizes)
        engine.again = partial(LayerReplay, engine, forms)
    reason = DETAIL if passed else f"L{errors.index(max(errors))} run alone differs, so long texts are kept whole"
    return Proof(NAME, "replay", passed, max(errors), bound, reason)


def _switches(engine: Engine) -> dict[int, tuple[Switch, ...]]:
    """One head off in each layer, so that what is proved holds under ablation too."""
    formulas = enumerate(engine.recorder.formulas)
    return {layer: (Switch(layer % one.heads),) for layer, one in formulas if one is not None}


def _full(engine: Engine) -> tuple[Recording, Forms]:
    """A recording of which everything is kept, and what the layers return."""
    forms: list[int | None] = []

    def left(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        forms.append(len(output) if isinstance(output, tuple | list) else None)

    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(0, engine.unembedding.vocabulary, (TOKENS,), generator=generator)
    hooks = [layer.register_forward_hook(left) for layer in engine.anatomy.layers]
    try:
        recording = engine.record(tuple(ids.tolist()), None, changes=Changes(_switches(engine)))
    finally:
        for hook in hooks:
            hook.remove()
    return recording, tuple(forms[: len(engine.anatomy.layers)])


def _error(full: Recording, again: LayerReplay, layer: int) -> float:
    """The largest difference of a layer's parts as a share of their largest value, over the text and its end."""
    reduced = replace(full, chunks=tuple(chunk.reduced() for chunk in full.chunks), again=again)
    errors = [0.0]
    for begin in (0, LATE):
        if full.chunks[0].queries[layer] is not None:
            errors.append(_difference(reduced.layer_queries(layer, begin), full.layer_queries(layer, begin)))
        if full.chunks[0].attended is not None:
            errors.append(_difference(reduced.attended(layer, begin, TOKENS), full.attended(layer, begin, TOKENS)))
    return max(errors)


def _difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    largest = expected.float().abs().max().clamp(min=1e-30)
    return float((found.float() - expected.float()).abs().max() / largest)
