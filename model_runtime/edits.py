"""Changing what flows through a model while it runs: one mechanism for steering and for patching.

Hooks are there only while something is changed, and stand before the recorder's own, so that what is recorded is what
the model went on with.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from model_runtime.errors import FeatureUnavailable
from model_runtime.tape import NOTHING_OFF, Switches
from model_runtime.writers import Writers


@dataclass(frozen=True, order=True)
class Site:
    """A point in a model where vectors pass, one a token.

    Attributes:
        kind: "stream", the residual stream; "attention" or "MLP", what that part of a block returns, before the block
            scales it; "heads", what goes into the attention's projection, the heads side by side.
        layer: Stream or block index.
    """

    kind: str
    layer: int


@dataclass(frozen=True)
class Edit:
    """One change to what passes a site.

    Attributes:
        site: Where.
        value: [width] for every position alike, or [token, width] from `begin` on.
        begin: The first position that is changed, counted from the beginning of the text.
        end: The position after the last one that is changed, None for all later ones.
        row: The row of the batch that it is for, None for all.
        add: Whether the value is added to what passes; otherwise it takes its place.
        channels: Which part of each vector is changed, None for the whole.
    """

    site: Site
    value: torch.Tensor
    begin: int = 0
    end: int | None = None
    row: int | None = None
    add: bool = False
    channels: slice | None = None


@dataclass(frozen=True)
class Changes:
    """All that is changed in a run of the model.

    Attributes:
        switches: The heads that are off.
        edits: What else is changed; edits of one site are made in this order.
    """

    switches: Switches = field(default_factory=lambda: NOTHING_OFF)
    edits: tuple[Edit, ...] = ()


UNCHANGED = Changes()


@dataclass(frozen=True)
class Points:
    """Where a model can be watched and changed.

    Attributes:
        layers: Its blocks.
        writers: Where each block's parts write, None where they cannot be told apart.
    """

    layers: nn.ModuleList
    writers: Sequence[Writers | None]

    def has(self, site: Site) -> bool:
        """Whether the model has such a site; every stream exists."""
        return site.kind == "stream" or self._part(site) is not None

    def module(self, site: Site) -> tuple[nn.Module, bool]:
        """The module at a site, and whether the site is what goes into it; otherwise it is what it returns.

        Raises:
            FeatureUnavailable: The model has no such site.
        """
        if site.kind == "stream":
            return (self.layers[0], True) if site.layer == 0 else (self.layers[site.layer - 1], False)
        module = self._part(site)
        if module is None:
            raise FeatureUnavailable(f"The {site.kind} of L{site.layer} cannot be told apart in this model.")
        return module, site.kind == "heads"

    def _part(self, site: Site) -> nn.Module | None:
        writers = self.writers[site.layer]
        if writers is None:
            return None
        writer = writers.mlp if site.kind == "MLP" else writers.attention
        if writer is None or site.kind != "heads":
            return None if writer is None else writer.module
        return None if writer.projection is None else writer.projection.module


@contextmanager
def editing(points: Points, edits: Iterable[Edit], rows: int, begin: int) -> Iterator[None]:
    """Inside, the edits are made in every pass.

    Args:
        points: Where the model can be changed.
        edits: What to change.
        rows: How many texts run side by side.
        begin: The position of the first token of the pass.
    """
    by_site = groupby(sorted(edits, key=lambda edit: edit.site), key=lambda edit: edit.site)  # sorting keeps the order
    hooks = [watch(points, site, _changing(list(group), rows, begin)) for site, group in by_site]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def watch(points: Points, site: Site, see: Callable[[torch.Tensor], torch.Tensor | None]) -> RemovableHandle:
    """Shows what passes a site to a function; what that returns, if anything, takes its place.

    Raises:
        FeatureUnavailable: The model has no such site.
    """

    def entered(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        changed = see(args[0] if args else kwargs["hidden_states"])
        if changed is None:
            return None
        return ((changed, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": changed})

    def left(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        whole = isinstance(output, torch.Tensor)
        changed = see(output if whole else output[0])
        return changed if whole or changed is None else (changed, *output[1:])

    module, before = points.module(site)
    if before:
        return module.register_forward_pre_hook(entered, with_kwargs=True, prepend=True)
    return module.register_forward_hook(left, prepend=True)


def _changing(edits: list[Edit], rows: int, begin: int) -> Callable[[torch.Tensor], torch.Tensor | None]:
    """Makes the edits of one site in what passes it; None where none of them is about the tokens of the pass."""

    def change(given: torch.Tensor) -> torch.Tensor | None:
        width = given.shape[-1]
        tokens = given.numel() // (rows * width)
        changed: torch.Tensor | None = None
        for edit in edits:
            low = max(edit.begin, begin)
            high = begin + tokens if edit.end is None else min(edit.end, begin + tokens)
            if low >= high:
                continue
            if changed is None:
                changed = given.reshape(rows, tokens, width).clone()
            row, channels = (slice(None) if part is None else part for part in (edit.row, edit.channels))
            place = changed[row, low - begin : high - begin, channels]
            value = edit.value if edit.value.ndim == 1 else edit.value[low - edit.begin : high - edit.begin]
            place.copy_((place + value if edit.add else value.expand_as(place)).to(place.dtype))
        return None if changed is None else changed.reshape(given.shape)

    return change
