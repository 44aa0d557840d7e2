"""The one seam between Tokenscope and transformers.

An attention function named "probe" is registered with transformers' own `AttentionInterface`. It computes the output
with the fused kernel, as the stock model does, and while a tape runs it keeps the new tokens' queries; the keys already
sit in the cache. Hooks on the decoder layers keep the residual stream. Whatever a picture needs is computed later from
what was kept, so the memory grows with the text and not with its square.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from model_runtime.tape import NOTHING_OFF, AttentionCall, Switches, Tape
from model_runtime.visibility import Mask, Met, packed, starts_of, with_choice
from model_runtime.weights import Formula, attention_output

# A name with "sdpa", "flash" or "flex" in it would trip substring checks inside transformers.
NAME = "probe"
# What some families pass to their attention that changes the weights and that this runtime does not know.
FOREIGN = frozenset(("position_bias", "block_indices", "sinks"))


class Recorder:
    """Records what the layers of one model compute while a tape runs.

    Attributes:
        formulas: Per layer, how its weights follow from queries and keys; None before its first call.
        unreadable: Per layer that cannot be read, why.
        choosing: The layers whose tokens see no unbroken run of keys, whatever the text.
        in_place: Whether the family adds to a stream after it was passed on; None before a thorough pass.
        follower: What is entered while a tape runs: where attention does not come to this module's own function,
            something that brings it here.
    """

    def __init__(self, layers: nn.ModuleList) -> None:
        self.formulas: list[Formula | None] = [None] * len(layers)
        self.unreadable: dict[int, str] = {}
        self.choosing: set[int] = set()
        self.follower: AbstractContextManager[object] = nullcontext()
        self.in_place: bool | None = None
        self.tape: Tape | None = None
        for index, layer in enumerate(layers):
            for module in layer.modules():
                _owners[module] = (ref(self), index)
        layers[0].register_forward_pre_hook(self._entered, with_kwargs=True)
        for layer in layers:
            layer.register_forward_hook(self._left)

    @property
    def attends(self) -> bool:
        """Whether any layer was seen to compute attention."""
        return any(formula is not None for formula in self.formulas)

    def forget(self) -> None:
        """Forgets how the layers' weights follow, before they are read in another way."""
        self.formulas = [None] * len(self.formulas)
        self.unreadable.clear()
        self.choosing.clear()

    @contextmanager
    def recording(
        self, *, switches: Switches = NOTHING_OFF, thorough: bool = False, disturbed: bool = False
    ) -> Iterator[Tape]:
        """Runs a tape. One at a time; the caller holds the model's lock."""
        blank: list[torch.Tensor | None] = [None] * len(self.formulas)
        queries, keys, values, starts, seen, outputs = (list(blank) for _ in range(6))
        self.tape = Tape([], queries, keys, values, starts, seen, outputs, switches, thorough, disturbed)
        try:
            with self.follower:
                yield self.tape
            self._read_masks(self.tape)
            if thorough:
                same = all(torch.equal(first, copy) for first, copy in self.tape.passed)
                self.in_place = bool(self.in_place) or not same
        finally:
            self.tape = None

    # Forward hooks replace what a module passes on by whatever they return, so these return None.

    def _entered(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.tape is not None:
            stream = args[0] if args else kwargs["hidden_states"]
            self.tape.rows = stream.shape[0]
            self._passes(self.tape, stream)

    def _left(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if self.tape is not None:
            stream = output[0] if isinstance(output, tuple | list) else output
            self._passes(self.tape, stream)

    def _passes(self, tape: Tape, stream: torch.Tensor) -> None:
        """Keeps a stream. A copy where the family adds to it in place later on, which a thorough pass finds out."""
        first = stream[0]
        if tape.thorough:
            copy = first.clone()
            tape.passed.append((first, copy))
            tape.streams.append(copy)
        else:
            tape.streams.append(first if self.in_place is False and tape.rows == 1 else first.clone())

    def follow(self, layer: int, module: nn.Module, scale: float) -> None:
        """From now on keeps what a layer's attention adds to the stream.

        Args:
            layer: Block index.
            module: Whose first output it is.
            scale: What the block multiplies that output with.
        """

        def written(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            tape, added = self.tape, first_tensor(output)
            if tape is not None and added is not None:
                # A copy, as of the streams.
                added = added.reshape(-1, *tape.streams[-1].shape)[0]
                tape.attended[layer] = added.clone() if scale == 1 else added * scale

        module.register_forward_hook(written)

    def attended(self, layer: int, call: AttentionCall, output: torch.Tensor) -> None:
        """Keeps what one attention call of a layer computed, then switches heads off in its output."""
        tape = self.tape
        if tape is None:
            return
        if tape.disturbed:
            output[layer, :, layer % output.shape[2]] += output[layer].abs().max()
        if tape.queries[layer] is not None:
            self.unreadable[layer] = "the layer computes attention more than once"
        if call.foreign:
            self.unreadable[layer] = f"the model passes {call.foreign[0]!r} to it, which is not reproduced here"
        self.formulas[layer] = call.formula
        # A copy: a view into a fused projection would keep the whole projection alive.
        tape.queries[layer] = call.query[0].clone(memory_format=torch.contiguous_format)
        tape.keys[layer], tape.values[layer] = call.key[0], call.value[0]
        tape.masks[layer] = Mask(call.mask, call.causal, call.chosen, call.query.shape[2], call.key.shape[2])
        if tape.thorough:
            tape.outputs[layer] = output[0].clone()
        for switch in tape.switches.get(layer, ()):
            rows = slice(None) if switch.row is None else switch.row
            # The output belongs to this call alone, so writing to it changes what the model goes on with and no more.
            output[rows, ..., switch.head, :] = 0 if switch.output is None else switch.output.to(output.dtype)

    def _read_masks(self, tape: Tape) -> None:
        """Keeps which keys the new tokens see. After the pass and not in each layer, as a GPU is waited for."""
        met: Met = {}
        for layer, mask in tape.masks.items():
            if not mask.chosen and layer not in self.choosing:
                tape.starts[layer] = starts_of(mask, met)
            if tape.starts[layer] is None:
                self.choosing.add(layer)
                tape.seen[layer] = packed(mask.visible, mask.columns)
                if tape.seen[layer] is None:
                    self.unreadable[layer] = "its mask hides keys in the middle of the text, or others from each head"


def first_tensor(output: Any) -> torch.Tensor | None:
    """What a module returned, or the first of it."""
    first = output[0] if isinstance(output, tuple | list) and output else output
    return first if isinstance(first, torch.Tensor) else None


# Any module inside a decoder layer -> its recorder and layer. Not a ContextVar: Gradio resumes a generator in a fresh
# context on another thread at every step, where a ContextVar would be lost.
_owners: "WeakKeyDictionary[nn.Module, tuple[ref[Recorder], int]]" = WeakKeyDictionary()


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
    chosen = kwargs.pop("indices", None)
    attention_mask = with_choice(attention_mask, chosen, key.shape[2])
    owner = _owners.get(module)
    recorder = owner[0]() if owner is not None else None  # none outside the decoder layers: in a vision tower, say
    known = None if owner is None or recorder is None else recorder.formulas[owner[1]]  # a layer's is always the same
    given = kwargs.get("is_causal")
    is_causal = bool(getattr(module, "is_causal", True) if given is None else given)
    call = AttentionCall(
        query,
        key,
        value,
        attention_mask,
        causal=is_causal,
        formula=known
        or Formula(
            heads=query.shape[1],
            key_value_heads=key.shape[1],
            head_width=query.shape[3],
            scaling=query.shape[3] ** -0.5 if scaling is None else float(scaling),
            softcap=softcap,
            sinks=s_aux,
            window=kwargs.get("sliding_window"),
        ),
        foreign=() if FOREIGN.isdisjoint(kwargs) else tuple(name for name in FOREIGN if kwargs.get(name) is not None),
        chosen=chosen is not None,
    )
    if softcap is None and s_aux is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    else:  # PyTorch's fused kernel knows neither: transformers raises on a softcap there and drops a sink silently
        output = attention_output(query, key, value, attention_mask, is_causal, call.formula)
    if owner is not None and recorder is not None:
        if output.requires_grad:
            output = output.clone()  # the kernel needs its own for the gradient, and a head may be switched off in it
        recorder.attended(owner[1], call, output)
    return output, None


AttentionInterface.register(NAME, _attention)
# Without its own mask function every mask would arrive as None, and windows and padding would be dropped silently.
AttentionMaskInterface.register(NAME, sdpa_mask)
