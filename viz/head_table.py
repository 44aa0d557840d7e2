"""Every head in one table: its label, its measures, what it shares and whether it is switched off."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model_runtime.head_records import HeadLabel, HeadMeasure, HeadTable
from model_runtime.records import Floats, Integers
from viz.payload import pack
from viz.terms import term


def head_table_payload(
    table: HeadTable, measures: Sequence[HeadMeasure], labels: Sequence[HeadLabel], selected: tuple[int, int]
) -> dict[str, Any]:
    """Turns the table into the payload of `HeadTableView`.

    Args:
        table: What the heads do.
        measures: What its measures mean; they are shown in this order, those that the table does not hold left out.
        labels: What its labels mean.
        selected: The selected layer and head.

    Returns:
        Arrays are [layer, head], a cell that is no head being -1 or NaN. `top` is the value of a measure's full bar.
    """
    return {
        "layers": table.label.shape[0],
        "heads": table.label.shape[1],
        "selected": list(selected),
        "label": pack(label_indices(table, labels)),
        "labels": [
            {"name": term(each.name), "condition": term(each.condition), "meaning": term(each.meaning)}
            for each in labels
        ],
        "measures": [_measure(each, table.measures[each.name]) for each in measures if each.name in table.measures],
        "key_value": pack(table.key_value_head),
        "ablated": pack(table.ablated),
        "windows": list(table.windows),
    }


def label_indices(table: HeadTable, labels: Sequence[HeadLabel]) -> Integers:
    """[layer, head] each head's label as its place in `labels`; -1 where there is no head."""
    places = {label.name: index for index, label in enumerate(labels)}
    return np.array([[places.get(str(name), -1) for name in row] for row in table.label], np.int64)


def _measure(measure: HeadMeasure, values: Floats) -> dict[str, Any]:
    known = values[np.isfinite(values)]
    top = 1.0 if measure.unit == "share" else float(known.max(initial=0.0)) or 1.0
    return {
        "name": measure.name,
        "unit": measure.unit,
        "meaning": term(measure.meaning),
        "top": top,
        "values": pack(values.astype(np.float32)),
    }
