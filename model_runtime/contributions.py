"""One logit as the sum of what every part of the model wrote into the final stream."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from model_runtime.attribution import number_of
from model_runtime.engine import Engine
from model_runtime.frozen import freeze, plain
from model_runtime.output_map import HeldOutput
from model_runtime.part_records import ATTENTION, BIAS, BLOCK, EMBEDDING, MLP, STEERING, Contributions, Question
from model_runtime.records import Floats
from model_runtime.replay import PartReplay, Replay


@dataclass(frozen=True)
class Part:
    """Something that wrote into the stream.

    Attributes:
        kind: One of those that `part_records` names.
        layer: Block index, the stream index for steering, -1 for the embedding.
        vector: [width] float64 what it wrote.
    """

    kind: str
    layer: int
    vector: torch.Tensor

    @property
    def name(self) -> str:
        """As the record names it."""
        return self.kind if self.layer < 0 else f"{self.kind} {self.layer}"


def parts_of(engine: Engine, replay: Replay, steering: Mapping[int, torch.Tensor]) -> Iterator[Part]:
    """All parts in the order of the computation; their vectors sum to the final stream.

    Args:
        engine: The model.
        replay: The position.
        steering: Stream -> [width] what is added to it there.
    """
    streams = plain(replay.streams)
    added = {stream: plain(vector) for stream, vector in steering.items()}
    yield Part(EMBEDDING, -1, streams[0] - added.get(0, 0))
    if 0 in added:
        yield Part(STEERING, 0, added[0])
    for layer, parts in enumerate(engine.writers):
        if parts is None:
            yield Part(BLOCK, layer, streams[layer + 1] - streams[layer] - added.get(layer + 1, 0))
        for kind, part in ((ATTENTION, replay.attention[layer]), (MLP, replay.mlp[layer])):
            if part is not None:
                yield Part(kind, layer, plain(part.written))
        if layer + 1 in added:
            yield Part(STEERING, layer + 1, added[layer + 1])


@dataclass(frozen=True)
class Direction:
    """One number to be split, as the directions that read it.

    Attributes:
        question: What is asked.
        rows: [width] float64 the combination of the output embedding's rows that makes it.
        held: The way to the logits, held at the position.
        stream: [width] float64 what reads it in the final stream.
    """

    question: Question
    rows: torch.Tensor
    held: HeldOutput
    stream: torch.Tensor

    def of(self, logits: torch.Tensor) -> float:
        """The same combination of a vocabulary's values."""
        return float(number_of(self.question, logits.cpu()[None])[0])

    def constant(self) -> float:
        """What no part wrote: the biases of the final norm and the head."""
        bias = self.held.output.bias
        return float(self.held.constant(self.rows)) + (0.0 if bias is None else self.of(bias) * self.held.output.after)


def total_of(direction: Direction, replay: Replay) -> float:
    """The number itself before any softcap, as the model computed it."""
    output = direction.held.output
    return direction.of(replay.logits) if output.softcap is None else direction.of(replay.head) * output.after


def direction_of(held: HeldOutput, question: Question) -> Direction:
    """What reads the number that a question is about."""
    rows = plain(held.output.rows[question.target])
    if question.against is not None:
        rows = rows - plain(held.output.rows[question.against])
    if question.centred:
        rows = rows - held.output.mean_row
    return Direction(question, rows, held, held.back(rows))


def pulled(part: PartReplay, scale: float, direction: torch.Tensor) -> torch.Tensor | None:
    """[in] the direction before a part's projection that reads what the given one reads in the stream.

    None where there is no such map.
    """
    if part.writer.projection is None:
        return None
    if part.writer.norm is not None and part.projected is not None:
        frozen = freeze(part.writer.norm, part.projected)
        if frozen is None:
            return None
        direction = frozen.back(direction)
    matrix = part.writer.projection.matrix()
    reading = direction.to(torch.float32).to(matrix.device) @ matrix.float()
    return plain(reading) * scale


def head_count(engine: Engine, layer: int) -> int:
    """How many heads a block's attention has, 0 where it has none or they cannot be told apart."""
    formulas = engine.recorder.formulas
    if layer in engine.recorder.unreadable:
        return 0
    formula = formulas[layer]
    if formula is not None:
        return formula.heads
    if any(other is not None for other in formulas):
        return 0  # it mixes tokens in another way
    return int(getattr(engine.anatomy.config, "num_attention_heads", 0) or 0)


def head_values(engine: Engine, replay: Replay, direction: torch.Tensor) -> list[Floats | None]:
    """Per block [head] float64: what each head added to the number that a direction reads, None without heads."""
    found: list[Floats | None] = []
    for layer, part in enumerate(replay.attention):
        count, parts = head_count(engine, layer), engine.writers[layer]
        reading = None if part is None or parts is None or not count else pulled(part, parts.scale, direction)
        if reading is None or part is None or part.given is None or len(reading) % count:
            found.append(None)
            continue
        found.append((reading * plain(part.given)).reshape(count, -1).sum(1).numpy())
    return found


def contributions(
    engine: Engine, replay: Replay, direction: Direction, steering: Mapping[int, torch.Tensor], without_heads: str
) -> Contributions:
    """One logit, split.

    Args:
        engine: The model.
        replay: The position.
        direction: The number.
        steering: Stream -> [width] what is added to it there.
        without_heads: Why no heads may be given, "" where they may.
    """
    parts = list(parts_of(engine, replay, steering))
    values = np.array([float(part.vector @ direction.stream) for part in parts] + [direction.constant()])
    total = total_of(direction, replay)
    heads = [None] * len(engine.writers) if without_heads else head_values(engine, replay, direction.stream)
    count = max((len(one) for one in heads if one is not None), default=0)
    grid = np.full((len(heads), count), np.nan, np.float32)
    rest = np.full(len(heads), np.nan, np.float32)
    attention = {part.layer: value for part, value in zip(parts, values, strict=False) if part.kind == ATTENTION}
    for layer, one in enumerate(heads):
        if one is not None:
            grid[layer, : len(one)] = one
            rest[layer] = attention[layer] - one.sum()
    return Contributions(
        question=direction.question,
        names=(*(part.name for part in parts), BIAS),
        kinds=(*(part.kind for part in parts), BIAS),
        layers=np.array([*(part.layer for part in parts), -1]),
        values=values.astype(np.float32),
        heads=grid,
        output_bias=rest,
        total=total,
        logit=direction.of(replay.logits),
        softcap=direction.held.output.softcap,
        error=float(values.sum() - total),
        unsplit=_unsplit(engine),
        unsplit_heads=without_heads or ("" if count else _no_heads(engine)),
    )


def _unsplit(engine: Engine) -> str:
    """Why blocks are not split."""
    whole = [layer for layer, parts in enumerate(engine.writers) if parts is None]
    if not whole:
        return ""
    which = "the blocks" if len(whole) == len(engine.writers) else ", ".join(f"L{layer}" for layer in whole)
    return (
        f"What attention and MLP return does not add up to what {which} of this model did to the stream (a norm or a "
        "factor acts on the whole), so each block's whole update is shown."
    )


def _no_heads(engine: Engine) -> str:
    """Why there are no heads."""
    if all(parts is None for parts in engine.writers):
        return "The blocks of this model are not split into attention and MLP, so there are no heads either."
    if engine.recorder.unreadable:
        layer, reason = next(iter(engine.recorder.unreadable.items()))
        return f"The heads cannot be told apart: in L{layer}, {reason}."
    return "No single matrix takes the heads side by side into the stream, so they cannot be told apart."
