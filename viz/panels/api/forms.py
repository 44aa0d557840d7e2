"""Records as plain JSON, in one form that docs/api.md describes.

A field that runs along axes becomes `{"axes", "unit", "shape", "values"}`, its values nested lists. NaN and infinities
become null, bytes hexadecimal text, records and mappings objects.
"""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from model_runtime.errors import InputError
from model_runtime.head_measures import MEASURES
from model_runtime.head_records import HeadTable
from model_runtime.lens_records import LensGrid, LensReading
from model_runtime.part_records import Contributions
from model_runtime.records import AttentionMap, Distribution, FilterStage, TokenTable

Record = TypeVar("Record")

#: The most numbers and texts of one answer: some 4 MB of JSON.
MOST: Final = 200_000

_MEASURE_UNITS: Final = {measure.name: measure.unit for measure in MEASURES}

_READING: Final = {
    "ids": "stream token: id",
    "probability": "stream token: share",
    "top_ids": "stream token choice: id",
    "top_probability": "stream token choice: share",
    "target_rank": "stream token: rank",
    "target_probability": "stream token: share",
    "entropy": "stream token: nats",
    "divergence": "stream token: nats",
}
# For each record: the fields that run along axes, as "axis axis: unit".
_AXES: Final[dict[type, dict[str, str]]] = {
    TokenTable: {
        "ids": "token: id",
        "text": "token: text",
        "bytes": "token: hexadecimal",
        "surprisal": "token: nats",
        "rank": "token: rank",
        "entropy": "token: nats",
        "special": "token: yes or no",
    },
    Distribution: {
        "ids": "choice: id",
        "text": "choice: text",
        "raw": "choice: share",
        "final": "choice: share",
        "logits": "choice: logit",
    },
    FilterStage: {"probability": "choice: share", "removed": "choice: yes or no"},
    AttentionMap: {
        "weights": "query key: share",
        "visible": "query key: yes or no",
        "sink": "query: share",
        "hidden": "query: share",
    },
    HeadTable: {
        "label": "layer head: text",
        "measures": "layer head: ",
        "decided_on": "layer head: share",
        "key_value_head": "layer head: index",
        "windows": "layer: tokens",
        "ablated": "layer head: yes or no",
    },
    LensReading: _READING,
    LensGrid: {**_READING, "target_ids": "token: id", "first_lead": "token: stream", "settled": "token: stream"},
    Contributions: {
        "names": "part: text",
        "kinds": "part: text",
        "layers": "part: index",
        "values": "part: logit",
        "heads": "layer head: logit",
        "output_bias": "layer: logit",
    },
}


def plain(value: Any) -> Any:
    """Turns a record, or what one holds, into what JSON can say.

    Raises:
        TypeError: There is an array whose axes are not known here.
    """
    if is_dataclass(value) and not isinstance(value, type):
        known = _AXES.get(type(value), {})
        return {one.name: _field(getattr(value, one.name), known.get(one.name), one.name) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"the API has no form for {type(value).__name__}")


def array(values: NDArray[Any] | tuple[Any, ...], axes: str, unit: str) -> dict[str, Any]:
    """Gives what runs along axes its form; `axes` are their names with spaces between them."""
    names = axes.split()
    if isinstance(values, tuple):
        shape, nested = [len(values)], plain(values)
    else:
        shape = list(values.shape)
        nested = values.tolist()
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            nested = plain(nested)
    if len(shape) != len(names):
        raise TypeError(f"an array of shape {shape} has no axes {axes!r}")
    return {"axes": names, "unit": unit, "shape": shape, "values": nested}


def _field(value: Any, form: str | None, name: str) -> Any:
    if form is None or value is None:
        return plain(value)
    axes, unit = form.split(": ")
    if isinstance(value, Mapping):
        return {str(key): array(one, axes, unit or _MEASURE_UNITS[key]) for key, one in value.items()}
    return array(value, axes, unit)


def cut(record: Record, axis: str, begin: int, end: int) -> Record:
    """Returns the record with the cells from begin to end - 1 of one of its axes."""
    changed: dict[str, Any] = {}
    for name, form in _AXES[type(record)].items():
        axes = form.split(": ")[0].split()
        if axis in axes:
            value = getattr(record, name)
            where = (*[slice(None)] * axes.index(axis), slice(begin, end))
            changed[name] = value[begin:end] if isinstance(value, tuple) else value[where]
    if isinstance(record, LensGrid):
        changed["middle"] = None if record.middle is None else cut(record.middle, axis, begin, end)
    return replace(record, **changed)  # type: ignore[type-var]  # the records of `_AXES` are dataclasses


def require_size(numbers: int, narrow: str) -> None:
    """Refuses an answer that would be too large.

    Args:
        numbers: How many numbers and texts it would hold.
        narrow: What to ask for instead, as a sentence.

    Raises:
        InputError: It would be too large.
    """
    if numbers > MOST:
        raise InputError(f"This would be {numbers:,} numbers; one answer holds up to {MOST:,}. {narrow}")
