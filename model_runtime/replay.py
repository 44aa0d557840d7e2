"""One position run again, for what is not kept while stepping: what went into each part's last map, what came out."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from model_runtime.edits import Changes
from model_runtime.engine import Engine
from model_runtime.output_map import OutputMap
from model_runtime.recorder import first_tensor
from model_runtime.recording import Recording
from model_runtime.writers import Writer


@dataclass(frozen=True)
class PartReplay:
    """One part of one block at one position; vectors in the model's own precision.

    Attributes:
        writer: The part.
        written: [width] what it added to the stream.
        given: [in] what went into its projection, None where it has none.
        projected: [width] what went into the norm behind the projection, None where there is none.
    """

    writer: Writer
    written: torch.Tensor
    given: torch.Tensor | None
    projected: torch.Tensor | None


@dataclass(frozen=True)
class Replay:
    """One position of a text, run again.

    Attributes:
        position: Which.
        streams: [stream, width].
        attention: Per block, None where it has none or is not split.
        mlp: Likewise.
        head: [vocabulary] float32: what the output embedding returned.
        logits: [vocabulary] float32: what the model made of it.
    """

    position: int
    streams: torch.Tensor
    attention: tuple[PartReplay | None, ...]
    mlp: tuple[PartReplay | None, ...]
    head: torch.Tensor
    logits: torch.Tensor


def replay(engine: Engine, recording: Recording, position: int, output: OutputMap, changes: Changes) -> Replay:
    """Runs the model on one token again, on what was kept of those before it; on all of them where that cannot be.

    Args:
        engine: The model.
        recording: Of a text with at least this position.
        position: What is read up to.
        output: The way to the logits.
        changes: What the recording's interventions do.
    """
    base = recording.cut(position) if engine.cached and position else None
    begin = 0 if base is None or base.cache is None else position
    cache = None if base is None else base.cache  # a branch, which is this run's own
    ids = torch.tensor([recording.ids[begin : position + 1]], device=engine.model.device)
    seen = _Seen()
    with ExitStack() as hooks, engine.changed(changes, begin) as tape:
        hooks.callback(output.head.register_forward_hook(seen.returned(output.head)).remove)
        for writer in _writers(engine):
            for hook in _watched(writer, seen):
                hooks.callback(hook.remove)
        logits = engine.model(ids, past_key_values=cache, use_cache=cache is not None).logits[0, -1].float()
        return Replay(
            position,
            torch.stack([stream[-1].to(tape.streams[0].device) for stream in tape.streams]),
            tuple(None if one is None else seen.part(one.attention, one.scale) for one in engine.writers),
            tuple(None if one is None else seen.part(one.mlp, one.scale) for one in engine.writers),
            seen.outputs[output.head].float(),
            logits,
        )


@dataclass
class _Seen:
    """The last token's vectors: what went into modules and what came out."""

    inputs: dict[nn.Module, torch.Tensor] = field(default_factory=dict)
    outputs: dict[nn.Module, torch.Tensor] = field(default_factory=dict)

    def given(self, module: nn.Module) -> Callable[..., None]:
        def entered(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = next(one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor))
            self.inputs[module] = given.reshape(-1, given.shape[-1])[-1].clone()

        return entered

    def returned(self, module: nn.Module) -> Callable[..., None]:
        def left(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            result = first_tensor(output)
            assert result is not None  # it returned a tensor when it was found
            self.outputs[module] = result.reshape(-1, result.shape[-1])[-1].clone()

        return left

    def part(self, writer: Writer | None, scale: float) -> PartReplay | None:
        if writer is None:
            return None
        written = self.outputs[writer.module]
        return PartReplay(
            writer,
            written if scale == 1 else written * scale,
            None if writer.projection is None else self.inputs[writer.projection.module],
            None if writer.norm is None else self.inputs[writer.norm],
        )


def _writers(engine: Engine) -> Iterator[Writer]:
    for parts in engine.writers:
        for writer in () if parts is None else (parts.attention, parts.mlp):
            if writer is not None:
                yield writer


def _watched(writer: Writer, seen: _Seen) -> Iterator[Any]:
    yield writer.module.register_forward_hook(seen.returned(writer.module))
    for module in (writer.projection.module if writer.projection else None, writer.norm):
        if module is not None:
            yield module.register_forward_pre_hook(seen.given(module), with_kwargs=True)
