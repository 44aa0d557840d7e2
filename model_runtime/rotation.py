"""How a model turns its queries and keys by their position, read from its own tables and proved on its own vectors."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from torch import nn

from model_runtime.engine import Engine
from model_runtime.selfcheck import BOUNDS

TOKENS = 12
SHIFT = 7
ALIBI_NAMES = ("alibi", "position_bias")


@dataclass(frozen=True)
class Rotation:
    """How one block turns its vectors.

    Attributes:
        tables: The module call that makes them.
        layout: "halves" or "neighbours".
        first: The first dimension of a head that is turned.
        width: How many are turned.
        reversed: Whether it turns the other way round.
    """

    tables: "TableCall"
    layout: str
    first: int
    width: int
    reversed: bool = False

    def pairs(self) -> torch.Tensor:
        """[pair, 2] the dimensions that are turned together."""
        half = torch.arange(self.width // 2)
        if self.layout == "halves":
            return torch.stack([half, half + self.width // 2], dim=-1) + self.first
        return torch.stack([2 * half, 2 * half + 1], dim=-1) + self.first

    def table(self, positions: torch.Tensor) -> torch.Tensor:
        """[position, pair] complex64: what each pair is multiplied with."""
        table = self.tables(positions)
        return table.conj().resolve_conj() if self.reversed else table

    def turned(self, vectors: torch.Tensor, positions: torch.Tensor, *, back: bool = False) -> torch.Tensor:
        """Vectors [..., position, width] turned by their positions, or turned back."""
        pairs, table = self.pairs().to(vectors.device), self.table(positions)
        values = torch.complex(*vectors.float()[..., pairs].unbind(-1))
        values = values / table if back else values * table
        result = vectors.float().clone()
        result[..., pairs[:, 0]], result[..., pairs[:, 1]] = values.real, values.imag
        return result


@dataclass(frozen=True)
class TableCall:
    """A call of a model's own rotary module, repeated for any positions in float32.

    Attributes:
        module: The module.
        args: What it was called with.
        kwargs: Likewise by name.
    """

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __call__(self, positions: torch.Tensor) -> torch.Tensor:
        """[position, pair] complex64: cosine and sine times the length factor."""

        def given(value: Any) -> Any:
            if not isinstance(value, torch.Tensor):
                return value
            return value[:, :1].float() if value.is_floating_point() else positions[None].to(value.device)

        output = self.module(*map(given, self.args), **{name: given(value) for name, value in self.kwargs.items()})
        return as_complex(output)


def as_complex(output: Any) -> torch.Tensor:
    """[position, pair] of a rotary module's output: cosines and sines, each said once or twice, or complex already."""
    if isinstance(output, torch.Tensor):
        return output.reshape(-1, output.shape[-1]).to(torch.complex64)
    cosine, sine = (part.reshape(-1, part.shape[-1]).float() for part in output)
    half = cosine.shape[-1] // 2
    if cosine.shape[-1] % 2 == 0:
        if torch.equal(cosine[:, :half], cosine[:, half:]) and torch.equal(sine[:, :half], sine[:, half:]):
            cosine, sine = cosine[:, :half], sine[:, :half]
        elif torch.equal(cosine[:, 0::2], cosine[:, 1::2]) and torch.equal(sine[:, 0::2], sine[:, 1::2]):
            cosine, sine = cosine[:, 0::2], sine[:, 0::2]
    return torch.complex(cosine, sine)


@dataclass
class Seen:
    """What a run showed of positions; lists run over the blocks.

    Attributes:
        tables: What turned each block's vectors, None where nothing was passed.
        bias: What was added to its scores by distance, None likewise.
        added: (module, what it gave) of embeddings other than the tokens'.
        queries: Per block [head, token, width], None where none was recorded.
        keys: Likewise.
        entered: [token, width] stream 0.
    """

    tables: list[TableCall | None]
    bias: list[torch.Tensor | None]
    added: list[tuple[nn.Embedding, torch.Tensor]] = field(default_factory=list)
    queries: list[torch.Tensor | None] = field(default_factory=list)
    keys: list[torch.Tensor | None] = field(default_factory=list)
    entered: torch.Tensor | None = None


def takes_positions(engine: Engine) -> bool:
    """Whether the model can be told its tokens' positions."""
    return "position_ids" in inspect.signature(engine.model.forward).parameters


def observe(engine: Engine, ids: torch.Tensor, begin: int) -> Seen:
    """Runs a text that begins at a position and keeps what the blocks were given. Enter within `engine.running()`.

    Args:
        engine: The model.
        ids: [token].
        begin: The first token's position; other than 0 only where the model takes positions.
    """
    count = len(engine.anatomy.layers)
    seen = Seen([None] * count, [None] * count)
    positions = torch.arange(begin, begin + len(ids), device=ids.device)[None]
    options = {"attention_mask": torch.ones_like(positions)}  # nothing is padding, whatever the ids
    if takes_positions(engine):
        options["position_ids"] = positions
    with _watching(engine, seen), engine.recorder.recording() as tape:
        engine.model(ids[None], use_cache=False, **options)
    seen.queries, seen.keys = list(tape.queries), list(tape.keys)
    seen.entered = tape.streams[0].float()
    return seen


@contextmanager
def _watching(engine: Engine, seen: Seen) -> Iterator[None]:
    """Hooks that fill what was seen, gone afterwards."""
    inside = {module for layer in engine.anatomy.layers for module in layer.modules()}
    tokens = engine.model.get_input_embeddings()
    calls: list[tuple[Any, TableCall]] = []
    handles = []

    def called(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if isinstance(module, nn.Embedding):
            if module is not tokens:
                seen.added.append((module, output.detach().reshape(-1, output.shape[-1])))
        else:
            calls.append((output, TableCall(module, args, kwargs)))

    def entered(layer: int) -> Any:
        def look(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = inspect.signature(module.forward).bind_partial(*args, **kwargs).arguments
            given = {**given, **given.pop("kwargs", {})}
            turning = given.get("position_embeddings")
            first = turning[0] if isinstance(turning, tuple | list) else turning
            for output, call in calls:
                made = output[0] if isinstance(output, tuple | list) else output
                if first is not None and made is first:
                    seen.tables[layer] = call
            for name in ALIBI_NAMES:
                if isinstance(given.get(name), torch.Tensor):
                    seen.bias[layer] = given[name].detach().float()

        return look

    for module in engine.model.modules():
        if module not in inside and not list(module.children()):
            handles.append(module.register_forward_hook(called, with_kwargs=True))
    for index, layer in enumerate(engine.anatomy.layers):
        handles.append(layer.register_forward_pre_hook(entered(index), with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def rotations(engine: Engine, plain: Seen, moved: Seen) -> tuple[list[Rotation | None], float]:
    """How each block turns its vectors, found and proved by moving a text.

    In a model that knows only distances a moved text leaves the same vectors but for their turns. So the moved text's
    queries and keys, turned back by their positions, have to be the unmoved one's turned back by theirs; the layout for
    which they are is the block's.

    Returns:
        Per block its rotation, None where it does not turn or cannot be told; and the largest remaining difference as a
        share of the largest value, NaN where no block turns.
    """
    found: list[Rotation | None] = []
    worst = float("nan")
    for layer, call in enumerate(plain.tables):
        fitting = None if call is None else _fitting(call, layer, plain, moved)
        if fitting is None or fitting[1] > BOUNDS[engine.model.dtype]:
            found.append(None)
            continue
        found.append(fitting[0])
        worst = fitting[1] if worst != worst else max(worst, fitting[1])
    return found, worst


def _fitting(call: TableCall, layer: int, plain: Seen, moved: Seen) -> tuple[Rotation, float] | None:
    """The layout that explains a block's two runs best, and how well; None where it does not turn at all."""
    runs = [(plain.queries[layer], moved.queries[layer]), (plain.keys[layer], moved.keys[layer])]
    pairs = [(one, other) for one, other in runs if one is not None and other is not None]
    if not pairs or all(torch.equal(one, other) for one, other in pairs):
        return None
    device, head = pairs[0][0].device, pairs[0][0].shape[-1]
    here = torch.arange(TOKENS, device=device)
    width = 2 * call(here).shape[-1]
    best = None
    for layout, first, reverse in product(("halves", "neighbours"), sorted({0, head - width}), (False, True)):
        if first < 0:
            continue
        rotation = Rotation(call, layout, first, width, reverse)
        error = max(_error(rotation, one, other, here) for one, other in pairs)
        if best is None or error < best[1]:
            best = rotation, error
    return best


def _error(rotation: Rotation, one: torch.Tensor, other: torch.Tensor, here: torch.Tensor) -> float:
    back = rotation.turned(one, here, back=True)
    difference = rotation.turned(other, here + SHIFT, back=True) - back
    return float(difference.abs().max() / back.abs().max())
