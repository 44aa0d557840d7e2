"""What stock transformers computes, in eager float32, under hooks of this file's own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel

from model_runtime.anatomy import dissect

Array = NDArray[np.float32]
Ids = tuple[int, ...]
Head = tuple[int, int]  # layer, head

# What the output projection of an attention is called.
PROJECTIONS = ("o_proj", "c_proj", "dense", "out_proj", "Wo", "out_lin", "attention.wo")
# Stock eager returns the weights before the sink and scales the output by what the sink leaves.
BEFORE_SINK = ("granite_swa", "granitemoe_swa")
# Transformers lists what leaves each block, and not what enters the first.
AFTER_BLOCKS = ("falcon_mamba", "mamba", "mamba2", "rwkv")


@dataclass(frozen=True)
class Run:
    """One uncached pass.

    Attributes:
        logits: [token, vocabulary].
        streams: [stream, token, width].
        attention: Per layer that has any, [head, query, key].
    """

    logits: Array
    streams: Array
    attention: tuple[Array, ...]


class Stock:
    """A stock model that is asked by hooks; they are gone after every question."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        self.layers = dissect(model).layers

    def run(self, ids: Ids) -> Run:
        """Logits, streams and weights as transformers itself hands them out.

        The last of its hidden states is after the final norm, so that stream is what leaves the last layer. Families
        with a running state list what leaves each block, so that what enters the first is missing.
        """
        first, last = self._seen(self.layers[0], before=True), self._seen(self.layers[-1])
        with first as entering, last as leaving, torch.no_grad():
            output = self.model(torch.tensor([ids]), use_cache=False, output_attentions=True, output_hidden_states=True)
        given = output.hidden_states[:-1]
        after = self.model.config.model_type in AFTER_BLOCKS
        streams = [entering[0], *given] if after else [*given, leaving[0]]
        rows = getattr(output, "attentions", None) or ()
        return Run(
            output.logits[0].numpy(),
            np.stack([stream[0].numpy() for stream in streams]),
            # MiniMax lists its linear attention, too, by blocks of its text.
            tuple(row[0].numpy() for row in rows if row is not None and row.shape[-1] == len(ids)),
        )

    def logits(self, ids: Ids) -> Array:
        """[token, vocabulary]."""
        with torch.no_grad():
            logits: Array = self.model(torch.tensor([ids]), use_cache=False).logits[0].numpy()
        return logits

    def read(self, ids: Ids, streams: Array) -> Array:
        """[stream, token, vocabulary] what the model's own end makes of each stream, put in place of the last."""
        rows = []
        for stream in streams:
            with changed_after(self.layers[-1], lambda given, stream=stream: torch.tensor(stream).expand_as(given)):
                rows.append(self.logits(ids))
        return np.stack(rows)

    def without(self, ids: Ids, heads: Mapping[Head, int]) -> Array:
        """[token, vocabulary] with the slices of heads zeroed in what goes into their output projections.

        Args:
            ids: The text.
            heads: (layer, head) to be zeroed -> how many heads that layer has.
        """
        with self._each(heads, lambda head, count: changed_before(self.projection(head[0]), zeroing(head[1], count))):
            return self.logits(ids)

    def projection(self, layer: int) -> nn.Module:
        """The output projection of a layer's own attention, by its name."""
        for name, module in self.layers[layer].named_modules():
            if (
                name.endswith(PROJECTIONS)
                and any(part in name for part in ("att", "mixer", "temporal"))
                and "cross" not in name
            ):
                return module
        raise AttributeError(f"no output projection in {type(self.layers[layer]).__name__}")

    def sinks(self, ids: Ids, weights: tuple[Array, ...]) -> list[Array]:
        """Per layer [head, query], what a sink takes: what is missing from weights times values in the output."""
        shares = []
        for layer, rows in enumerate(weights):
            projection = self.projection(layer)
            values_of = self.layers[layer].get_submodule("self_attn.v_proj")
            with self._seen(values_of) as values, self._seen(projection, before=True) as outputs:
                self.logits(ids)
            heads = rows.shape[0]
            width = projection.weight.shape[1] // heads
            value = values[0][0].unflatten(-1, (-1, width)).transpose(0, 1).double().numpy()
            whole = rows @ value.repeat(heads // len(value), axis=0)  # [head, query, width]
            left = outputs[0][0].unflatten(-1, (heads, width)).transpose(0, 1).double().numpy()
            shares.append(1 - (left * whole).sum(-1) / (whole * whole).sum(-1))
        return shares

    def patched(self, clean: Ids, changed: Ids, layer: int, token: int) -> Array:
        """[vocabulary] after the changed text, with stream `layer` at one token taken from the clean one."""
        at_start = layer == 0
        module = self.layers[0 if at_start else layer - 1]
        with self._seen(module, before=at_start) as kept:
            self.logits(clean)

        def put(given: torch.Tensor) -> torch.Tensor:
            given = given.clone()
            given[:, token] = kept[0][:, token]
            return given

        with changed_before(module, put) if at_start else changed_after(module, put):
            return self.logits(changed)[-1]

    @contextmanager
    def _seen(self, module: nn.Module, *, before: bool = False) -> Iterator[list[torch.Tensor]]:
        """Lists what goes into a module, or what comes out of it."""
        seen: list[torch.Tensor] = []

        def keep(given: torch.Tensor) -> torch.Tensor:
            seen.append(given.detach().clone())  # some families add to it in place
            return given

        with changed_before(module, keep) if before else changed_after(module, keep):
            yield seen

    @contextmanager
    def _each(self, heads: Mapping[Head, int], hook: Callable) -> Iterator[None]:
        """Inside, a hook for every head."""
        from contextlib import ExitStack

        with ExitStack() as stack:
            for head, count in heads.items():
                stack.enter_context(hook(head, count))
            yield


def zeroing(head: int, count: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Zeroes one of so many heads that lie side by side."""

    def zeroed(given: torch.Tensor) -> torch.Tensor:
        given = given.clone()
        given.unflatten(-1, (count, -1))[..., head, :] = 0
        return given

    return zeroed


@contextmanager
def changed_before(module: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Inside, what goes into a module is changed."""

    def entered(module, args, kwargs):
        if args:
            return (change(args[0]), *args[1:]), kwargs
        name = "hidden_states" if "hidden_states" in kwargs else next(iter(kwargs))
        return args, {**kwargs, name: change(kwargs[name])}

    hook = module.register_forward_pre_hook(entered, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def changed_after(module: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Inside, the first of what a module returns is changed."""

    def left(module, args, output):
        if isinstance(output, tuple | list):
            return type(output)((change(output[0]), *output[1:]))
        return change(output)

    hook = module.register_forward_hook(left)
    try:
        yield
    finally:
        hook.remove()
