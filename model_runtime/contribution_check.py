"""Proves, when a model is loaded, that what its parts are said to write is what its stream is made of.

The parts were found on one random text; everything is proved on another.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any

import torch
from torch import nn

from model_runtime.contributions import direction_of, head_values, parts_of, pulled, total_of
from model_runtime.edits import UNCHANGED, Changes
from model_runtime.engine import Engine
from model_runtime.frozen import FrozenNorm, freeze, plain
from model_runtime.output_map import OutputMap, find_output_map
from model_runtime.part_records import Question
from model_runtime.records import Proof
from model_runtime.replay import PartReplay, Replay, replay
from model_runtime.selfcheck import BOUNDS, FAILURES, TOKENS
from model_runtime.tape import Switch
from model_runtime.writers import find_writers

DIRECTIONS = 8
NO_MIDDLE = "There is no point between attention and MLP: "


def take_apart(engine: Engine, ids: torch.Tensor, off: dict[str, str]) -> tuple[tuple[Proof, ...], OutputMap | None]:
    """Finds what the parts of a model write and how that becomes logits, and proves it.

    Args:
        engine: The model, what can be read of it settled; its writers and its middle are set here.
        ids: [1, token] random tokens to find things on.
        off: The features that are switched off so far; what cannot be had is added, each with the reason.

    Returns:
        The proofs, and the way from the final stream to the logits, None where it cannot be split.
    """
    features = ("middle", "contributions", "heads", "neurons")
    if "hidden" in off:
        off.update(dict.fromkeys(features, off["hidden"]))
        return (), None
    try:
        engine.writers = find_writers(engine.model, engine.anatomy.layers, engine.recorder, ids)
        output = find_output_map(engine, ids)
    except FAILURES as failure:
        off.update(dict.fromkeys(features, f"The parts could not be looked for: {type(failure).__name__}: {failure}"))
        return (), None
    proofs = list(_middle_proof(engine, off))
    if isinstance(output, str):
        off.update(dict.fromkeys(features[1:], output))
        return tuple(proofs), None
    proofs += _part_proofs(engine, output)
    off.update(
        {proof.feature: f"The check “{proof.name}” failed: {proof.detail}" for proof in proofs if not proof.passed}
    )
    return tuple(proofs), output


def _proof_ids(engine: Engine) -> torch.Tensor:
    """[token] other random ids than those that the parts were found on."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, engine.unembedding.vocabulary, (TOKENS,), generator=generator)


def _proof(engine: Engine, name: str, feature: str, detail: str, measure: Callable[[], float]) -> Proof:
    bound = BOUNDS.get(engine.model.dtype, BOUNDS[torch.bfloat16])
    try:
        with torch.inference_mode():
            error = measure()
    except FAILURES as failure:
        return Proof(name, feature, False, float("nan"), bound, f"{detail}: {type(failure).__name__}: {failure}")
    return Proof(name, feature, error <= bound, error, bound, detail)


def _middle_proof(engine: Engine, off: dict[str, str]) -> tuple[Proof, ...]:
    """Keeps the middle where every block has one, and proves it; says in `off` where not."""
    if None in engine.writers:
        off["middle"] = NO_MIDDLE + "a block does not split into the two"
        return ()
    if not all(parts is not None and parts.sequential for parts in engine.writers):
        off["middle"] = NO_MIDDLE + "both read the same stream"
        return ()
    engine.keep_middle()
    name, detail = "the midpoint is what the MLP reads", "stream plus attention, against what enters the MLP's side"
    proof = _proof(engine, name, "middle", detail, lambda: _middle_error(engine))
    engine.middle = proof.passed
    return (proof,)


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
        engine.model(_proof_ids(engine).to(engine.model.device)[None], use_cache=False)
    errors = [0.0]
    for layer, given in taken.items():
        added = tape.attended[layer]
        difference = given.reshape(added.shape).float() - (tape.streams[layer] + added).float()
        errors.append(float(difference.abs().max() / added.float().abs().max().clamp(min=1e-30)))
    return max(errors)


def _part_proofs(engine: Engine, output: OutputMap) -> list[Proof]:
    """What parts, heads and neurons sum to, on the last token of a text that nothing was found on."""
    heads = {layer: layer % one.heads for layer, one in enumerate(engine.recorder.formulas) if one is not None}
    off = Changes({layer: (Switch(head),) for layer, head in heads.items()})

    @cache
    def again(*, without: bool = False) -> Replay:
        changes = off if without else UNCHANGED
        recording = engine.record(tuple(_proof_ids(engine).tolist()), None, changes=changes)
        return replay(engine, recording, TOKENS - 1, output, changes)

    proofs = [
        _proof(engine, "parts make the final stream", "contributions", "embedding and all parts against stream n",
               lambda: _stream_error(engine, again())),
        _proof(engine, "parts make the logit", "contributions", "their split values against the model's own logit",
               lambda: _logit_error(engine, output, again())),
    ]  # fmt: skip
    if any(parts is not None and parts.attention and parts.attention.projection for parts in engine.writers):
        detail = "the heads and the biases behind them against what the attention wrote, read by random directions"
        proofs.append(
            _proof(
                engine,
                "heads make the attention",
                "heads",
                detail,
                lambda: _head_error(engine, again(), again(without=True)),
            )
        )
    if any(parts is not None and parts.mlp and parts.mlp.projection for parts in engine.writers):
        detail = "the neurons and the biases behind them against what the MLP wrote, read by random directions"
        proofs.append(
            _proof(
                engine, "neurons make the MLP", "neurons", detail, lambda: max(_projection_errors(engine, again().mlp))
            )
        )
    return proofs


def _stream_error(engine: Engine, again: Replay) -> float:
    """How far the parts are from the final stream, as a share of its largest value."""
    total = sum((part.vector for part in parts_of(engine, again, {})), torch.zeros(1, dtype=torch.float64))
    return _share(total - plain(again.streams[-1]), plain(again.streams[-1]))


def _logit_error(engine: Engine, output: OutputMap, again: Replay) -> float:
    """How far the split is from the model's own logits, as a share of the largest."""
    held = output.held(again.streams[-1])
    errors, totals = [], []
    for target in (int(again.head.argmax()), int(again.head.argmin()), *_proof_ids(engine).tolist()):
        direction = direction_of(held, Question(again.position, target, ""))
        value = sum(float(part.vector @ direction.stream) for part in parts_of(engine, again, {}))
        totals.append(total_of(direction, again))
        errors.append(abs(value + direction.constant() - totals[-1]))
    return max(errors) / max(max(abs(total) for total in totals), 1e-30)


def _head_error(engine: Engine, again: Replay, off: Replay) -> float:
    """How far the heads are from their attention, or what a head that is switched off still adds, as a share."""
    errors = _projection_errors(engine, again.attention)
    direction = _directions(again.streams.shape[1])[0]
    for layer, values in enumerate(head_values(engine, off, direction)):
        formula = engine.recorder.formulas[layer]
        if values is not None and formula is not None:
            errors.append(float(abs(values[layer % formula.heads]) / abs(values).max()))
    return max(errors)


def _projection_errors(engine: Engine, replayed: Sequence[PartReplay | None]) -> list[float]:
    """How far what goes into each projection is, read before it and with the biases, from what comes out at the end."""
    errors = []
    for part, parts in zip(replayed, engine.writers, strict=True):
        if part is None or parts is None or part.writer.projection is None or part.given is None:
            continue
        directions = _directions(len(part.written))
        readings = pulled(part, parts.scale, directions)
        if readings is None:
            raise ValueError("the norm behind a projection is no norm at this point")
        bias = getattr(part.writer.projection.module, "bias", None)
        rest = torch.zeros_like(directions[0]) if bias is None else plain(bias)
        if part.writer.norm is not None and part.projected is not None:
            frozen = freeze(part.writer.norm, part.projected)
            assert isinstance(frozen, FrozenNorm)  # the directions went through it
            rest = frozen.forth(rest) + frozen.bias
        expected = directions @ plain(part.written)
        errors.append(_share(readings @ plain(part.given) + directions @ rest * parts.scale - expected, expected))
    return errors


def _directions(width: int) -> torch.Tensor:
    """[direction, width] random directions."""
    return torch.randn(DIRECTIONS, width, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def _share(difference: torch.Tensor, of: torch.Tensor) -> float:
    return float(difference.abs().max() / of.abs().max().clamp(min=1e-30))
