"""Patching: parts of a clean run put into a changed run, one after the other, to see which of them carry the answer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import numpy as np
import torch

from model_runtime.attribution import number_of
from model_runtime.cause_records import PatchGrid
from model_runtime.contributions import head_count
from model_runtime.edits import Changes, Edit, Site, watch
from model_runtime.engine import Engine
from model_runtime.errors import FeatureUnavailable, OutOfRange
from model_runtime.part_records import Question
from model_runtime.recording import Recording
from model_runtime.records import Booleans

PARTS = ("stream", "attention", "MLP", "heads", "layer heads")

Grid = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Runs:
    """The two runs that are compared.

    Attributes:
        question: Which difference of logits is watched, at the newest position.
        clean: The recording that parts are taken from.
        changed: The recording that they are put into, of as many tokens and under the same interventions.
        changes: What both run under.
    """

    question: Question
    clean: Recording
    changed: Recording
    changes: Changes

    @property
    def differs(self) -> Booleans:
        """[token] where the two texts hold different tokens."""
        return np.not_equal(self.clean.ids, self.changed.ids)

    @property
    def first(self) -> int:
        """The first position where they differ; their length where they do not."""
        return int(np.append(self.differs, True).argmax())


@dataclass(frozen=True)
class Cell:
    """One patch.

    Attributes:
        place: (row, column) in the grid.
        site: Where it is made.
        begin: The first position that is put in place.
        end: The one after the last.
        channels: Which part of each vector, None for the whole.
    """

    place: tuple[int, int]
    site: Site
    begin: int
    end: int
    channels: slice | None = None


def patches(
    engine: Engine, lock: AbstractContextManager[object], runs: Runs, part: str, layer: int, token: int | None
) -> Iterator[PatchGrid]:
    """Makes every patch of a grid, several runs side by side.

    A patch changes nothing before its first position, so the changed run goes on from there. What lies wholly before
    the first difference of the two texts is the same in both, and is not run.

    Args:
        engine: The model.
        lock: The model's; held only while the model runs, so that others can ask in between.
        runs: The two runs.
        part: One of `PARTS`.
        layer: The block whose heads are meant by "layer heads".
        token: The only token at which "layer heads" are patched, None for all.

    Yields:
        What is known so far; the last is whole.

    Raises:
        OutOfRange: There is no such block.
        FeatureUnavailable: No block of the model has such a part that can be told apart.
    """
    with lock:
        shape, cells = _cells(engine, runs, part, layer, token)
        clean, changed = (_answer(engine, runs.question, run) for run in (runs.clean, runs.changed))
        values = _clean_values(engine, runs, {cell.site for cell in cells})
    difference: Grid = np.full(shape, np.nan)
    same = [cell for cell in cells if cell.end <= runs.first]
    for cell in same:
        difference[cell.place] = changed
    done = len(same)
    for batch in _batches(engine, runs, [cell for cell in cells if cell.end > runs.first]):
        if batch:
            with lock:
                difference[tuple(np.array([cell.place for cell in batch]).T)] = _patched(engine, runs, values, batch)
        done += len(batch)
        span = clean - changed
        yield PatchGrid(
            question=runs.question,
            part=part,
            layer=layer,
            differs=runs.differs,
            difference=difference.astype(np.float32),
            clean=clean,
            changed=changed,
            recovered=((difference - changed) / (span or np.nan)).astype(np.float32),
            done=done,
            total=len(cells),
        )


def _cells(engine: Engine, runs: Runs, part: str, layer: int, token: int | None) -> tuple[tuple[int, int], list[Cell]]:
    """The grid's shape and every patch in it."""
    tokens, blocks = len(runs.clean.ids), len(engine.anatomy.layers)
    if part == "layer heads":
        if not 0 <= layer < blocks:
            raise OutOfRange(f"Layer {layer} does not exist; choose one of 0 to {blocks - 1} for its heads.")
        slices = _slices(engine, layer)
        columns = range(tokens) if token is None else [token]
        cells = [
            Cell((head, column), Site("heads", layer), column, column + 1, channels)
            for column in columns
            for head, channels in enumerate(slices)
        ]
        shape = len(slices), tokens
    elif part == "heads":
        slices_of = [_slices(engine, block) for block in range(blocks)]
        cells = [
            Cell((block, head), Site("heads", block), 0, tokens, channels)
            for block, slices in enumerate(slices_of)
            for head, channels in enumerate(slices)
        ]
        shape = blocks, max(map(len, slices_of))
    else:
        sites = [Site(part, row) for row in range(blocks + (part == "stream"))]
        cells = [
            Cell((site.layer, column), site, column, column + 1)
            for column in range(tokens)
            for site in sites
            if engine.points.has(site)
        ]
        shape = len(sites), tokens
    if not cells:
        what = "heads" if "heads" in part else part
        where = f" of L{layer}" if part == "layer heads" else ""
        raise FeatureUnavailable(f"The {what}{where} cannot be told apart in this model. Patch the stream instead.")
    return shape, cells


def _slices(engine: Engine, layer: int) -> list[slice]:
    """Each head's place in what goes into a block's attention projection; none where heads cannot be told apart."""
    count = head_count(engine, layer) if engine.points.has(Site("heads", layer)) else 0
    if count == 0:
        return []
    writers = engine.writers[layer]
    assert writers is not None  # a block with such a site has them
    assert writers.attention is not None
    assert writers.attention.projection is not None
    width, rest = divmod(writers.attention.projection.matrix().shape[1], count)
    return [] if rest else [slice(head * width, (head + 1) * width) for head in range(count)]


def _answer(engine: Engine, question: Question, run: Recording) -> float:
    return float(number_of(question, engine.logits(run, question.position)[None])[0])


def _clean_values(engine: Engine, runs: Runs, sites: set[Site]) -> dict[Site, torch.Tensor]:
    """Site -> [token, width] what passed it in the clean run; streams were kept, for the others it runs once more."""
    length = len(runs.clean.ids)
    values = {site: runs.clean.streams(site.layer, 0, length) for site in sites if site.kind == "stream"}
    seen: dict[Site, list[torch.Tensor]] = {site: [] for site in sites if site.kind != "stream"}
    if seen:
        with ExitStack() as hooks:
            for site, parts in seen.items():
                hooks.callback(watch(engine.points, site, _keeping(parts)).remove)
            engine.newest_logits([runs.clean.ids], runs.changes)
    return values | {site: torch.cat(parts) for site, parts in seen.items()}


def _keeping(parts: list[torch.Tensor]) -> Callable[[torch.Tensor], None]:
    def keep(given: torch.Tensor) -> None:
        # A copy: some families add to it in place.
        parts.append(given.reshape(-1, given.shape[-1]).clone())

    return keep


def _batches(engine: Engine, runs: Runs, cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Cells that run side by side: those with the same first position, so many that the memory holds them.

    At least one batch comes, which is empty where there is nothing to run.
    """
    rows = engine.side_by_side(len(runs.changed.ids))
    beginnings = sorted({max(cell.begin, runs.first) for cell in cells})
    if not beginnings:
        yield []
    for begin in beginnings:
        together = [cell for cell in cells if max(cell.begin, runs.first) == begin]
        yield from (together[start : start + rows] for start in range(0, len(together), rows))


def _patched(
    engine: Engine, runs: Runs, values: dict[Site, torch.Tensor], batch: Sequence[Cell]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """[row] the difference of logits after each patch of a batch."""
    edits = [
        Edit(cell.site, value[cell.begin : cell.end], cell.begin, cell.end, row, channels=cell.channels)
        for row, cell in enumerate(batch)
        for value in [values[cell.site][:, cell.channels or slice(None)]]
    ]
    base = runs.changed.cut(max(batch[0].begin, runs.first))
    changes = Changes(runs.changes.switches, (*runs.changes.edits, *edits))
    logits = engine.newest_logits([runs.changed.ids] * len(batch), changes, base)
    answers: np.ndarray[tuple[int], np.dtype[np.float64]] = number_of(runs.question, logits).cpu().numpy()
    return answers
