"""How a model tells positions apart: what is seen when a text is run, and run again elsewhere."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from model_runtime.attention import head_formula
from model_runtime.engine import Engine
from model_runtime.errors import FeatureUnavailable
from model_runtime.position_records import LearnedPositions, PositionScheme, RotaryHead
from model_runtime.recording import Recording
from model_runtime.records import ModelCard
from model_runtime.rotation import SHIFT, TOKENS, Rotation, Seen, observe, rotations, takes_positions
from model_runtime.selfcheck import BOUNDS, FAILURES

MOVES = (0, 1, 10, 100, 1_000, 10_000)
MOST_OFFSET = 8  # how far into a table of positions a family may begin


@dataclass(frozen=True)
class Positions:
    """What was found out about a model, kept with it.

    Attributes:
        scheme: In words and numbers.
        rotations: Per block, how it turns its vectors; None where it does not.
        table: [position, width] the vectors that are added, None where none are.
    """

    scheme: PositionScheme
    rotations: tuple[Rotation | None, ...]
    table: torch.Tensor | None


def read_positions(engine: Engine, card: ModelCard) -> Positions:
    """Runs a short text, twice where the model can be told positions, and draws the conclusion."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, card.vocabulary_size, (TOKENS,), generator=generator).to(engine.model.device)
    blank: tuple[Rotation | None, ...] = (None,) * card.layers
    with engine.running():
        try:
            plain = observe(engine, ids, 0)
            moved = observe(engine, ids, SHIFT) if takes_positions(engine) and any(plain.tables) else None
        except FAILURES as failure:
            told = f"This model could not be run to look for them: {type(failure).__name__}."
            return Positions(_scheme("none", told, card), blank, None)
        slopes = _slopes(engine, plain)
        if slopes is not None:
            return Positions(_scheme("bias", _BIAS, card, slopes=slopes), blank, None)
        if moved is not None:
            found, error = rotations(engine, plain, moved)
            return Positions(_rotary_scheme(plain, found, error, card), tuple(found), None)
        table = _table(engine, ids, plain)
    if table is not None:
        return Positions(_scheme("learned", _LEARNED, card), blank, table)
    return Positions(_scheme("none", _NONE, card), blank, None)


_BIAS = "A penalty that grows with distance is added to the scores (ALiBi); queries and keys know nothing of positions."
_LEARNED = "A learned vector for each position is added to the token's own before the first block, and nowhere else."
_NONE = (
    "No tables, vectors or penalties for positions were seen outside the blocks. "
    "What the blocks may do by themselves cannot be shown here."
)


def _scheme(
    kind: str,
    told: str,
    card: ModelCard,
    rotated: tuple[bool, ...] = (),
    error: float = float("nan"),
    slopes: torch.Tensor | None = None,
) -> PositionScheme:
    return PositionScheme(
        kind=kind,
        told=told,
        rotated=rotated or (False,) * card.layers,
        slopes=np.zeros(0, np.float32) if slopes is None else slopes.cpu().numpy(),
        shift=SHIFT,
        error=error,
        context=card.context,
    )


def _rotary_scheme(plain: Seen, found: list[Rotation | None], error: float, card: ModelCard) -> PositionScheme:
    rotated = tuple(one is not None for one in found)
    if any(rotated):
        some = "Every block turns" if all(rotated) else f"{sum(rotated)} of {len(rotated)} blocks turn"
        return _scheme("rotary", f"{some} its queries and keys by their position.", card, rotated, error)
    if all(query is None for query in plain.queries):
        told = (
            "Its blocks are given tables that turn queries and keys, but these vectors cannot be read in this family."
        )
    else:
        told = "Its blocks are given tables that turn queries and keys, but how they do it could not be reproduced."
    return _scheme("rotary", told, card)


def _slopes(engine: Engine, plain: Seen) -> torch.Tensor | None:
    """[head] what a score gains with each later key, None where there is no such bias."""
    used = (formula.bias for formula in engine.recorder.formulas if formula is not None)
    # What the scores were seen to gain, else what a block was given: some families scale that before they add it.
    bias = next((one for one in (*used, *plain.bias) if one is not None), None)
    if bias is None:
        return None
    rows = bias.reshape(-1, bias.shape[-1]).float()  # [head, key]
    return (rows[:, -1] - rows[:, 0]) / (rows.shape[1] - 1)


def _table(engine: Engine, ids: torch.Tensor, plain: Seen) -> torch.Tensor | None:
    """[position, width] the vectors that are added to the tokens', None where none are seen to be."""
    tokens = engine.model.get_input_embeddings()(ids).float()
    assert plain.entered is not None  # the run got that far
    for module, given in plain.added:
        weight = module.weight.detach()
        if given.shape != tokens.shape or weight.shape[1] != tokens.shape[1]:
            continue
        error = (tokens + given.float() - plain.entered).abs().max() / plain.entered.abs().max()
        if error > BOUNDS[engine.model.dtype]:
            continue
        for offset in range(MOST_OFFSET):
            if torch.equal(weight[offset : offset + len(ids)], given.to(weight.dtype)):
                return weight[offset:].float()
    return None


def rotary_head(
    engine: Engine,
    recording: Recording,
    positions: Positions,
    which: tuple[int, int],
    pair: tuple[int, int],
    reach: int,
) -> RotaryHead:
    """One head's query and key, before they are turned and as the score falls with distance.

    Args:
        engine: The model.
        recording: The text's.
        positions: What is known of the model.
        which: Block and head.
        pair: The positions of the query and the key.
        reach: How many distances.

    Raises:
        OutOfRange: There is no such head.
        FeatureUnavailable: The block does not turn its vectors.
    """
    layer, head = which
    formula = head_formula(engine, layer, head)
    rotation = positions.rotations[layer]
    if rotation is None:
        raise FeatureUnavailable(_why_not(positions.scheme, layer))
    shared, keys = formula.key_value_head(head), recording.keys[layer]
    assert keys is not None  # the layer attends
    with engine.running():
        turned = torch.stack([recording.queries(layer, head)[pair[0]], keys[shared, pair[1]]]).float()
        places = torch.tensor(pair, device=turned.device)
        plain = rotation.turned(turned, places, back=True)
        dials = _dials(rotation, plain, reach, formula.scaling)
        shifts = [move for move in MOVES if pair[0] + move < positions.scheme.context]
        moved = [_score(rotation, plain, places + move) * formula.scaling for move in shifts]
    scores = dials.parts.sum(0) + dials.rest
    return RotaryHead(
        layer=layer,
        head=head,
        key_value_head=shared,
        position=pair[0],
        key_position=pair[1],
        layout=rotation.layout,
        pairs=dials.dimensions.cpu().numpy(),
        frequency=dials.frequency.cpu().numpy(),
        length=dials.length,
        query=plain[0].cpu().numpy(),
        key=plain[1].cpu().numpy(),
        query_turned=turned[0].cpu().numpy(),
        key_turned=turned[1].cpu().numpy(),
        scores=scores.cpu().numpy(),
        parts=dials.parts.cpu().numpy(),
        rest=dials.rest,
        recorded=float((turned[0] * turned[1]).sum() * formula.scaling),
        shifts=np.array(shifts, np.int64),
        moved=np.array(moved, np.float32),
        peak=max(float(scores.abs().max()), *map(abs, moved)),
    )


@dataclass(frozen=True)
class _Dials:
    """The pairs of dimensions that turn together, the fastest first.

    Attributes:
        dimensions: [pair, 2].
        frequency: [pair] radians a token.
        length: What turning multiplies a vector's length with.
        parts: [pair, distance] what each pair adds to the score.
        rest: What the dimensions that do not turn add, at any distance.
    """

    dimensions: torch.Tensor
    frequency: torch.Tensor
    length: float
    parts: torch.Tensor
    rest: float


def _dials(rotation: Rotation, plain: torch.Tensor, reach: int, scaling: float) -> _Dials:
    """Turns a query and a key [2, width] to all distances below `reach`."""
    table = rotation.table(torch.arange(max(reach, 2), device=plain.device))
    frequency = (table[1] / table[0]).angle()
    order = (-frequency.abs()).argsort(stable=True)
    dimensions = rotation.pairs().to(plain.device)[order]
    query, key = torch.complex(*plain[:, dimensions].unbind(-1))  # [pair] each
    # The query stands at the end of the reach, and the key 0, 1, 2 ... before it.
    both = (query * table[reach - 1, order])[None] * (key * table[:reach, order].flip(0)).conj()
    flat = torch.ones(len(plain[0]), dtype=torch.bool, device=plain.device)
    flat[dimensions.flatten()] = False
    rest = float((plain[0] * plain[1])[flat].sum() * scaling)
    return _Dials(dimensions, frequency[order], float(table[0].abs().mean()), both.real.T * scaling, rest)


def _score(rotation: Rotation, plain: torch.Tensor, places: torch.Tensor) -> float:
    """The product of a query and a key [2, width] turned to two places."""
    query, key = rotation.turned(plain, places)
    return float((query * key).sum())


def _why_not(scheme: PositionScheme, layer: int) -> str:
    if scheme.kind == "rotary" and any(scheme.rotated):
        return f"L{layer} does not turn its queries and keys; choose a block that does."
    return f"This model does not turn its queries and keys. {scheme.told}"


def learned(engine: Engine, recording: Recording, positions: Positions, most: int) -> LearnedPositions:
    """The vectors that are added, and what they add to a text.

    Raises:
        FeatureUnavailable: None are.
    """
    table = positions.table
    if table is None:
        raise FeatureUnavailable(f"This model adds no vectors for positions. {positions.scheme.told}")
    count = len(recording.ids)
    with engine.running():
        table = table[: positions.scheme.context]
        sampled = torch.linspace(0, len(table) - 1, min(most, len(table)), dtype=torch.float64).round().long()
        chosen = table[sampled.to(table.device)]
        ids = torch.tensor(recording.ids, device=engine.model.device)
        embedding: nn.Module = engine.model.get_input_embeddings()
        tokens, added = embedding(ids).float(), table[:count]
        entered = recording.streams(0, 0, count).float()
        error = float((tokens + added - entered).abs().max() / entered.abs().max())
        unit = chosen / chosen.norm(dim=-1, keepdim=True)  # NaN where a vector is zero and has no direction
        return LearnedPositions(
            norm=table.norm(dim=-1).cpu().numpy(),
            sampled=sampled.numpy(),
            cosine=(unit @ unit.T).clamp(-1, 1).cpu().numpy(),
            token_norm=tokens.norm(dim=-1).cpu().numpy(),
            added_norm=added.norm(dim=-1).cpu().numpy(),
            error=error,
        )
