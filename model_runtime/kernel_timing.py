"""One layer's attention by several kernels, from the model's own queries, keys and values: equal but for the costs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from model_runtime.engine import Engine
from model_runtime.layer_weights import formula_of
from model_runtime.mask_records import KernelTime, KernelTiming
from model_runtime.recording import Recording
from model_runtime.stopwatch import timed
from model_runtime.weights import Formula, softmax_with_sink

# A score matrix of more bytes than this is not made: eager attention holds it several times.
MOST_SCORE_BYTES = 2**30
NAMES = ("eager", "SDPA", "FlashAttention")


@dataclass(frozen=True)
class _Inputs:
    """What a layer's attention is computed from.

    Attributes:
        query: [1, head, token, head width].
        key: [1, key/value head, token, head width].
        value: [1, key/value head, token, value width].
        visible: [token, token].
        causal: Whether each query sees every key up to its own.
        formula: The layer's.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    visible: torch.Tensor
    causal: bool
    formula: Formula

    @property
    def score_bytes(self) -> int:
        """Bytes of the scores of all heads."""
        return self.query.shape[1] * self.query.shape[2] ** 2 * self.query.element_size()


def time_kernels(
    engine: Engine, lock: AbstractContextManager[object], recording: Recording, layer: int, rounds: int
) -> Iterator[KernelTiming]:
    """Runs each kernel once a round, in an order that turns; one run of each before is not counted.

    Args:
        engine: The model.
        lock: The model's; held only for one run at a time, so that others can ask in between.
        recording: The text's.
        layer: An attending layer.
        rounds: How often.

    Yields:
        What is known so far; the last is whole.
    """
    with lock, engine.running():
        inputs = _inputs_of(engine, recording, layer)
    device = inputs.query.device
    tried = [_tried(engine, lock, inputs, name) for name in NAMES]
    first = next(one.output for one in tried if one.output is not None)
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    ready = [one for one in tried if one.output is not None]
    for done in range(1, rounds + 1):
        turn = done % len(ready)
        for one in ready[turn:] + ready[:turn]:
            with lock, engine.running():
                seconds[one.name].append(timed(device, partial(_KERNELS[one.name], inputs))[1])
        yield KernelTiming(
            layer=layer,
            tokens=inputs.query.shape[2],
            heads=inputs.formula.heads,
            key_value_heads=inputs.formula.key_value_heads,
            head_width=inputs.formula.head_width,
            kernels=tuple(one.record(first, seconds[one.name]) for one in tried),
            done=done,
            total=rounds,
            measured=device.type == "cuda",
            device=str(device),
            dtype=str(inputs.query.dtype).removeprefix("torch."),
        )


def _inputs_of(engine: Engine, recording: Recording, layer: int) -> _Inputs:
    keys, values = recording.keys[layer], recording.values[layer]
    assert keys is not None  # the layer attends
    assert values is not None
    query = recording.layer_queries(layer)[None]
    # Memory of their own, laid out alike, so that no kernel has to tidy up first.
    key, value = keys[None].contiguous(), values[None].contiguous()
    visible = recording.visible(layer, 0, len(recording.ids))
    causal = torch.equal(visible, torch.ones_like(visible).tril())
    return _Inputs(query, key, value, visible, causal, formula_of(engine, layer))


@dataclass(frozen=True)
class _Tried:
    """A kernel that was run once: its output [token, head, value width], None with the reason where it cannot run."""

    name: str
    output: torch.Tensor | None
    reason: str
    memory: int

    def record(self, first: torch.Tensor, seconds: list[float]) -> KernelTime:
        error = float("nan")
        if self.output is not None:
            error = float((self.output - first).abs().max() / first.abs().max().clamp(min=1e-30))
        return KernelTime(self.name, self.reason, np.array(seconds, np.float32), error, self.memory)


def _tried(engine: Engine, lock: AbstractContextManager[object], inputs: _Inputs, name: str) -> _Tried:
    """Runs a kernel once, for its output and its memory."""
    reason = _refusal(name, inputs)
    if reason:
        return _Tried(name, None, reason, 0)
    device = inputs.query.device
    with lock, engine.running():
        try:
            _KERNELS[name](inputs)
        except RuntimeError as error:
            return _Tried(name, None, f"PyTorch has none for these tensors on {device}: {_sentence(error)}", 0)
        if device.type != "cuda":
            held = name == "eager" or (name == "SDPA" and not _fused(inputs))
            return _Tried(name, _KERNELS[name](inputs)[0].float(), "", inputs.score_bytes if held else 0)
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        output = _KERNELS[name](inputs)
        torch.cuda.synchronize(device)
        memory = torch.cuda.max_memory_allocated(device) - before
        return _Tried(name, output[0].float(), "", memory)


def _refusal(name: str, inputs: _Inputs) -> str:
    """Why a kernel cannot give this layer's attention, "" where it can."""
    if name == "eager":
        size = inputs.score_bytes
        return f"its score matrix alone would take {size / 2**30:.1f} GiB" if size > MOST_SCORE_BYTES else ""
    if inputs.formula.softcap is not None:
        return "the model caps its scores, which PyTorch's kernels do not know"
    if inputs.formula.sinks is not None:
        return "the model has attention sinks, which PyTorch's kernels do not know"
    return ""


def _fused(inputs: _Inputs) -> bool:
    """Whether a CPU's SDPA has a kernel for these that never holds the score matrix: where it has one it takes it."""
    try:
        _flash(inputs)
    except RuntimeError:
        return False
    return True


def _sentence(error: RuntimeError) -> str:
    """The first sentence of an error."""
    return str(error).split(". ")[0].split("\n")[0].rstrip(".")


def _eager(inputs: _Inputs) -> torch.Tensor:
    """[1, token, head, value width] in plain operations, as transformers' eager attention has them."""
    formula = inputs.formula
    groups = formula.heads // formula.key_value_heads
    key, value = (part[0].repeat_interleave(groups, dim=0) for part in (inputs.key, inputs.value))
    scores = inputs.query[0] @ key.transpose(-1, -2) * formula.scaling
    if formula.softcap is not None:
        scores = torch.tanh(scores / formula.softcap) * formula.softcap
    if formula.bias is not None:
        scores = scores + formula.gained(key.shape[1])[:, None].to(scores.dtype)
    scores = scores.masked_fill(~inputs.visible, torch.finfo(scores.dtype).min)
    weights, _ = softmax_with_sink(scores.float(), formula.sinks)
    return (weights.to(value.dtype) @ value).transpose(0, 1).contiguous()[None]


def _sdpa(inputs: _Inputs) -> torch.Tensor:
    """[1, token, head, value width] by the function that transformers calls PyTorch's fused attention with."""
    module = SimpleNamespace(num_key_value_groups=inputs.formula.heads // inputs.formula.key_value_heads)
    mask = None if inputs.causal else inputs.visible[None, None]
    if inputs.formula.bias is not None:
        bias = inputs.formula.gained(inputs.key.shape[2])[None, :, None].to(inputs.query.dtype)
        mask = bias.masked_fill(~inputs.visible, torch.finfo(bias.dtype).min)
    output, _ = sdpa_attention_forward(
        module,  # type: ignore[arg-type]  # it reads one number of it
        inputs.query,
        inputs.key,
        inputs.value,
        mask,
        scaling=inputs.formula.scaling,
        is_causal=True,
    )
    return output


def _flash(inputs: _Inputs) -> torch.Tensor:
    """The same, by PyTorch's FlashAttention kernel or not at all."""
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return _sdpa(inputs)


_KERNELS: dict[str, Callable[[_Inputs], torch.Tensor]] = {"eager": _eager, "SDPA": _sdpa, "FlashAttention": _flash}
