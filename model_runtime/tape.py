"""What the recorder keeps of one forward pass, and what it is told to change in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from model_runtime.visibility import Mask
from model_runtime.weights import Formula


@dataclass(frozen=True)
class Switch:
    """One head switched off.

    Attributes:
        head: Query head index.
        output: [value width] what takes the place of its output at every position, None for zero.
        row: The row of the batch that it is for, None for all.
    """

    head: int
    output: torch.Tensor | None = None
    row: int | None = None


# Layer -> the heads that are off in it.
Switches = Mapping[int, tuple[Switch, ...]]
NOTHING_OFF: Switches = {}


@dataclass
class Tape:
    """What one forward pass over one text left behind; lists run over the layers.

    Attributes:
        streams: n+1 tensors [token, width]: what enters block 0, then what leaves each block.
        queries: [head, token, head width] of the new tokens, None where a layer called no attention.
        keys: [key/value head, all tokens, head width], the very tensors of the cache.
        values: [key/value head, all tokens, value width], likewise.
        starts: [token] the first key that each new token sees; it sees all from there to itself.
        seen: [token, byte] the keys that each new token sees, eight to a byte, where they are no such run.
        outputs: With `thorough`: the attention output [token, head, value width] before any head is switched off.
        switches: The heads that are switched off.
        thorough: Whether to keep the outputs too.
        disturbed: With a batch: row i has one head of layer i disturbed, for the self-check.
        attended: Layer -> [token, width] what its attention added to the stream, where the recorder follows it.
        masks: What hides keys in each layer; `starts` and `seen` are read from it after the pass.
        rows: How many texts run side by side; the first is recorded.
        passed: With `thorough`: each stream as it was passed on, and a copy made at once.
    """

    streams: list[torch.Tensor]
    queries: list[torch.Tensor | None]
    keys: list[torch.Tensor | None]
    values: list[torch.Tensor | None]
    starts: list[torch.Tensor | None]
    seen: list[torch.Tensor | None]
    outputs: list[torch.Tensor | None]
    switches: Switches
    thorough: bool = False
    disturbed: bool = False
    attended: dict[int, torch.Tensor] = field(default_factory=dict)
    masks: dict[int, Mask] = field(default_factory=dict)
    rows: int = 1
    passed: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)


class AttentionCall(NamedTuple):
    """One call of the attention function.

    Attributes:
        query: [batch, head, new token, head width].
        key: [batch, key/value head, token, head width].
        value: [batch, key/value head, token, value width].
        mask: [batch, head or 1, new token, token], True where visible, or None.
        causal: Whether a missing mask means that later tokens are hidden.
        formula: How the weights follow.
        foreign: Further arguments that change the weights in ways which are not reproduced here.
        chosen: Whether the model chose the keys for these tokens.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | None
    causal: bool
    formula: Formula
    foreign: tuple[str, ...]
    chosen: bool = False
