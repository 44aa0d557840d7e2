"""The one seam between Tokenscope and transformers.

An attention function named "probe" is registered with transformers' own `AttentionInterface`. It computes the output
with the fused kernel, as the stock model does, and while a tape runs it keeps the new tokens' queries; the keys already
sit in the cache. Hooks on the decoder layers keep the residual stream. Whatever a picture needs is computed later from
what was kept, so the memory grows with the text and not with its square.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

# A name with "sdpa", "flash" or "flex" in it would trip substring checks inside transformers.
NAME = "probe"


@dataclass(frozen=True)
class Formula:
    """What turns a layer's queries and keys into weights.

    Attributes:
        scaling: The factor on the scores.
        softcap: The bound c of c * tanh(score / c), None where there is none.
        sinks: [head] the logit of each head's attention sink, None where there is none.
        window: The sliding window that the layer passed on, in tokens, if any.
    """

    scaling: float
    softcap: float | None
    sinks: torch.Tensor | None
    window: int | None


@dataclass
class Tape:
    """What one forward pass over one text left behind; lists run over the layers.

    Attributes:
        streams: n+1 tensors [token, width]: what enters block 0, then what leaves each block.
        queries: [head, token, head width] of the new tokens, None where a layer called no attention.
        keys: [key/value head, all tokens, head width], the very tensors of the cache.
        starts: [token] the first key that each new token sees; it sees all from there to itself.
        outputs: With `thorough`: (values, attention output), for the self-check.
        thorough: Whether to keep the outputs too.
        disturbed: With a batch: row i has one head of layer i disturbed, for the self-check.
    """

    streams: list[torch.Tensor]
    queries: list[torch.Tensor | None]
    keys: list[torch.Tensor | None]
    starts: list[torch.Tensor | None]
    outputs: list[tuple[torch.Tensor, torch.Tensor] | None]
    thorough: bool = False
    disturbed: bool = False
    seen_masks: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)


class Recorder:
    """Records what the layers of one model compute while a tape runs.

    Attributes:
        formulas: Per layer, how its weights follow from queries and keys; None before its first call.
        unreadable: Per layer that cannot be read, why.
    """

    def __init__(self, layers: nn.ModuleList) -> None:
        self.formulas: list[Formula | None] = [None] * len(layers)
        self.unreadable: dict[int, str] = {}
        self.tape: Tape | None = None
        for index, layer in enumerate(layers):
            for module in layer.modules():
                _owners[module] = (ref(self), index)
        layers[0].register_forward_pre_hook(self._entered, with_kwargs=True)
        for layer in layers:
            layer.register_forward_hook(self._left)

    @contextmanager
    def recording(self, *, thorough: bool = False, disturbed: bool = False) -> Iterator[Tape]:
        """Runs a tape. One at a time; the caller holds the model's lock."""
        count = len(self.formulas)
        self.tape = Tape([], [None] * count, [None] * count, [None] * count, [None] * count, thorough, disturbed)
        try:
            yield self.tape
        finally:
            self.tape = None

    # Forward hooks replace what a module passes on by whatever they return, so these return None.

    def _entered(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.tape is not None:
            stream = args[0] if args else kwargs["hidden_states"]
            self.tape.streams.append(stream[0].clone())

    def _left(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if self.tape is not None:
            stream = output[0] if isinstance(output, tuple | list) else output
            # A copy: some families add to a stream in place later on.
            self.tape.streams.append(stream[0].clone())

    def attended(self, layer: int, call: "AttentionCall", output: torch.Tensor) -> None:
        """Keeps what one attention call of a layer computed, and disturbs its output where a check wants that."""
        tape = self.tape
        if tape is None:
            return
        if tape.disturbed:
            output[layer, :, layer % output.shape[2]] += output[layer].abs().max()
        if tape.queries[layer] is not None:
            self.unreadable[layer] = "the layer computes attention more than once"
        if call.obstacle is not None:
            self.unreadable[layer] = call.obstacle
        self.formulas[layer] = call.formula
        # A copy: a view into a fused projection would keep the whole projection alive.
        tape.queries[layer] = call.query[0].clone(memory_format=torch.contiguous_format)
        tape.keys[layer] = call.key[0]
        starts = _starts(tape, call)
        if starts is None:
            self.unreadable[layer] = "its mask hides keys in the middle of the text"
        tape.starts[layer] = starts
        if tape.thorough:
            tape.outputs[layer] = (call.value[0], output[0].clone())


@dataclass(frozen=True)
class AttentionCall:
    """One call of the attention function.

    Attributes:
        query: [batch, head, new token, head width].
        key: [batch, key/value head, token, head width].
        value: [batch, key/value head, token, value width].
        mask: [batch, head or 1, new token, token], True where visible, or None.
        causal: Whether a missing mask means that later tokens are hidden.
        formula: How the weights follow.
        obstacle: Why the weights cannot be computed from this, None where they can.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | None
    causal: bool
    formula: Formula
    obstacle: str | None


# Any module inside a decoder layer -> its recorder and layer. Not a ContextVar: Gradio resumes a generator in a fresh
# context on another thread at every step, where a ContextVar would be lost.
_owners: "WeakKeyDictionary[nn.Module, tuple[ref[Recorder], int]]" = WeakKeyDictionary()


def softmax_with_sink(scores: torch.Tensor, sinks: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax over keys beside an attention sink.

    Args:
        scores: [head, query, key] float32, the lowest number where hidden.
        sinks: [head] the sinks' logits, or None.

    Returns:
        The weights [head, query, key] and the sinks' shares [head, query]; together they sum to one.
    """
    if sinks is None:
        return scores.softmax(-1), scores.new_zeros(scores.shape[:-1])
    column = sinks.float().reshape(-1, 1, 1).expand(*scores.shape[:-1], 1)
    full = torch.cat([scores, column], -1).softmax(-1)
    return full[..., :-1], full[..., -1]


def scores_of(query: torch.Tensor, key: torch.Tensor, formula: Formula, visible: torch.Tensor) -> torch.Tensor:
    """The scores that the softmax is taken of.

    Args:
        query: [head, query, head width].
        key: [head, key, head width].
        formula: The layer's.
        visible: Boolean, broadcastable to [head, query, key].

    Returns:
        [head, query, key] float32, the lowest float32 where not visible.
    """
    scores = query.float() @ key.float().transpose(-1, -2) * formula.scaling
    if formula.softcap is not None:
        scores = torch.tanh(scores / formula.softcap) * formula.softcap
    # The lowest number and not minus infinity: a row that sees nothing must not become NaN.
    return scores.masked_fill(~visible, torch.finfo(torch.float32).min)


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The attention function that transformers calls; arguments and result as its interface fixes them."""
    given = kwargs.get("is_causal")
    is_causal = bool(getattr(module, "is_causal", True) if given is None else given)
    call = AttentionCall(
        query,
        key,
        value,
        attention_mask,
        causal=is_causal,
        formula=Formula(
            query.shape[-1] ** -0.5 if scaling is None else float(scaling), softcap, s_aux, kwargs.get("sliding_window")
        ),
        obstacle=next(
            (
                f"the model passes {name!r} to its attention, which this runtime does not reproduce"
                for name in ("position_bias", "indices", "block_indices", "sinks")
                if kwargs.get(name) is not None
            ),
            None,
        ),
    )
    if softcap is None and s_aux is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    else:  # PyTorch's fused kernel knows neither: transformers raises on a softcap there and drops a sink silently
        output = _explicit(call)
    owner = _owners.get(module)
    recorder = owner[0]() if owner is not None else None  # none outside the decoder layers: in a vision tower, say
    if owner is not None and recorder is not None:
        recorder.attended(owner[1], call, output)
    return output, None


def _explicit(call: AttentionCall) -> torch.Tensor:
    """The attention output [batch, token, head, value width] in plain operations."""
    groups = call.query.shape[1] // call.key.shape[1]
    rows, columns = call.query.shape[2], call.key.shape[2]
    outputs = []
    for item in range(call.query.shape[0]):
        if call.mask is not None:
            visible = call.mask[min(item, call.mask.shape[0] - 1)]
        else:
            visible = torch.ones(rows, columns, dtype=torch.bool, device=call.query.device)
            visible = visible.tril(columns - rows) if call.causal else visible
        key = call.key[item].repeat_interleave(groups, dim=0)
        value = call.value[item].repeat_interleave(groups, dim=0)
        weights, _ = softmax_with_sink(
            scores_of(call.query[item], key, call.formula, visible), call.formula.sinks
        )  # [head, query, key]
        outputs.append((weights.to(value.dtype) @ value).transpose(0, 1))
    return torch.stack(outputs).contiguous()


def _starts(tape: Tape, call: AttentionCall) -> torch.Tensor | None:
    """The first visible key of each new token, None where what it sees is no unbroken run that ends at itself.

    Every mask of a causal model is such a run (plain, sliding or chunked); the layers of one kind share one mask.
    """
    rows, columns = call.query.shape[2], call.key.shape[2]
    if call.mask is None:
        return torch.zeros(rows, dtype=torch.long) if call.causal or rows == 1 else None
    if id(call.mask) in tape.seen_masks:
        return tape.seen_masks[id(call.mask)][1]
    if call.mask.dtype != torch.bool or call.mask.shape[1] != 1:
        return None
    mask = call.mask[0, 0]  # [new token, token]
    starts = mask.int().argmax(-1)
    expected = visible_keys(starts, columns - rows, columns)
    if not torch.equal(expected, mask[:, :columns]):
        return None
    kept = starts.cpu()
    tape.seen_masks[id(call.mask)] = (call.mask, kept)  # the mask itself is kept so that its id stays its own
    return kept


def visible_keys(starts: torch.Tensor, first: int, columns: int) -> torch.Tensor:
    """Which keys each query sees.

    Args:
        starts: [query] the first visible key.
        first: The position of the first query.
        columns: Number of keys.

    Returns:
        Boolean [query, key].
    """
    keys = torch.arange(columns, device=starts.device)
    positions = torch.arange(first, first + starts.shape[0], device=starts.device)
    return (keys >= starts[:, None]) & (keys <= positions[:, None])


AttentionInterface.register(NAME, _attention)
# Without its own mask function every mask would arrive as None, and windows and padding would be dropped silently.
AttentionMaskInterface.register(NAME, sdpa_mask)
