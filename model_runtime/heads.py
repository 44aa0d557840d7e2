"""What every head does: measures and labels over all heads of a model."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch

from model_runtime.engine import Engine
from model_runtime.head_measures import MEASURES, Text, labels_of, measures_of, shares_of, sums_of
from model_runtime.head_records import HeadTable
from model_runtime.layer_weights import all_rows, attending, formula_of, window_of
from model_runtime.moment import Moment
from model_runtime.progress import tell
from model_runtime.recording import Recording
from model_runtime.records import Booleans, Floats, Integers
from model_runtime.vocabulary import Vocabulary

REPEATED = 64  # tokens of one copy in the random run

Grids = dict[str, Floats]  # name -> [layer, head]


def repeated_ids(vocabulary: Vocabulary, context: int) -> tuple[int, ...] | None:
    """The random run: 64 different non-special ids (seed 0), twice. None where the model cannot hold it."""
    known = vocabulary.plain_ids
    if context < 2 * REPEATED or len(known) < REPEATED:
        return None
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(0))[:REPEATED]
    return tuple(known[index] for index in order.tolist()) * 2


def measured(engine: Engine, recording: Recording, vocabulary: Vocabulary) -> tuple[Grids, Grids]:
    """The measures and the shares that labels are decided on, of one text; one layer's weights are held at a time."""
    device = engine.model.device
    special = [token in vocabulary.special_ids for token in recording.ids]
    text = Text(torch.tensor(recording.ids, device=device), torch.tensor(special, device=device))
    measures: Grids = {}
    shares: Grids = {}
    with engine.running():
        for layer in attending(engine, recording):
            tell("Measuring all heads", layer, len(recording.keys))
            sums = sums_of(all_rows(engine, recording, layer), text)
            for grids, found in ((measures, measures_of(sums)), (shares, shares_of(sums))):
                for name, values in found.items():
                    grid = grids.setdefault(name, np.full(shape_of(engine), np.nan, np.float32))
                    grid[layer, : len(values)] = values
    return measures, shares


def head_table(
    engine: Engine,
    recording: Recording,
    vocabulary: Vocabulary,
    random: tuple[Grids, Grids] | None,
    moment: Moment,
) -> HeadTable:
    """The table of a text.

    Args:
        engine: The model.
        recording: The text's.
        vocabulary: For the special tokens.
        random: What `measured` gave for the random run, None where there is none.
        moment: For the heads that it switches off.
    """
    measures, shares = measured(engine, recording, vocabulary)
    nowhere = np.full(shape_of(engine), np.nan, np.float32)
    for name in ("duplicate", "induction"):
        measures[f"{name}_random"] = nowhere.copy() if random is None else random[0][name]
        if random is not None:
            shares[name] = random[1][name]
    label = labels_of(shares, len(recording.ids))
    shared = key_value_heads(engine, recording)
    label[shared < 0] = ""
    return HeadTable(
        label=label,
        measures=_frozen({measure.name: measures[measure.name] for measure in MEASURES}),
        decided_on=_frozen(shares),
        key_value_head=shared,
        windows=tuple(window_of(engine, layer) for layer in range(len(engine.anatomy.layers))),
        ablated=ablated(engine, moment),
    )


def _frozen(grids: Grids) -> Mapping[str, Floats]:
    return MappingProxyType({name: grid.copy() for name, grid in grids.items()})


def shape_of(engine: Engine) -> tuple[int, int]:
    """(layers, the most heads of any)."""
    formulas = engine.recorder.formulas
    return len(formulas), max((formula.heads for formula in formulas if formula is not None), default=0)


def key_value_heads(engine: Engine, recording: Recording) -> Integers:
    """[layer, head] the key/value head that each head reads, -1 where there is no head that can be read."""
    shared = np.full(shape_of(engine), -1, np.int64)
    for layer in attending(engine, recording):
        formula = formula_of(engine, layer)
        shared[layer, : formula.heads] = np.arange(formula.heads) // (formula.heads // formula.key_value_heads)
    return shared


def ablated(engine: Engine, moment: Moment) -> Booleans:
    """[layer, head] which heads a moment switches off."""
    found = np.zeros(shape_of(engine), np.bool_)
    for one in moment.ablations:
        found[one.layer, one.head] = True
    return found
