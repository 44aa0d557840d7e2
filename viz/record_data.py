"""Records as data that one can keep: JSON with axes and meanings, and CSV with one row a cell.

What a field means and which axes it has is read from the record's own documentation, so it is written in one place.
"""

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_runtime.errors import InputError
from viz.labels import visible
from viz.sentences import say

FORMAT: Final = "tokenscope-data"
VERSION: Final = 1
MOST_CELLS: Final = 2_000_000  # some 20 MB of JSON
# A spreadsheet takes a text that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_AXES: Final = 4  # the most that a record's array has
_FIELD: Final = re.compile(r"^(\w+): (.*)$")
_BRACKET: Final = re.compile(r"^\[([^\]]+)\]\s*")
# What is exported: name -> (how it was asked, the record).
Answers = Mapping[str, tuple[str, Any]]


def to_json(answers: Answers, about: Mapping[str, Any]) -> str:
    """Writes records as JSON. NaN becomes null; every float32 is written so that it reads back as the same float32.

    Args:
        answers: By name, each with the call that gave it.
        about: Facts of the text and model.

    Raises:
        InputError: They have too many cells for such a file.
    """
    check_size(answers)
    records = {name: {"call": call, **_described(record)} for name, (call, record) in answers.items()}
    content = {"format": FORMAT, "version": VERSION, "about": _plain(dict(about)), "records": records}
    return json.dumps(content, indent=1, allow_nan=False)


def to_csv(answers: Answers, *, mark: bool = True) -> bytes:
    """Writes records as CSV, one row a cell: the record, the field, up to four axes with their indices, the value.

    Args:
        answers: As for `to_json`.
        mark: Whether the file begins with a byte order mark, without which some spreadsheets misread UTF-8.

    Raises:
        InputError: They have too many cells for such a file.
    """
    check_size(answers)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(
        ["record", "field", *(f"{part}_{axis}" for axis in range(_AXES) for part in ("axis", "index")), "value"]
    )
    for name, (_, record) in answers.items():
        for path, axes, values in _flat(name, record):
            _write(writer, path, axes, values)
    return text.getvalue().encode("utf-8-sig" if mark else "utf-8")


def check_size(answers: Answers) -> None:
    """Refuses what would become too large a file.

    Raises:
        InputError: It would.
    """
    cells = sum(_cells(record) for _, record in answers.values())
    if cells > MOST_CELLS:
        raise InputError(
            say(
                "What this tab shows has {cells} numbers; a data file holds at most {most}. Choose a smaller window, or"
                " save the recording instead.",
                cells=f"{cells:,}",
                most=f"{MOST_CELLS:,}",
            )
        )


@cache
def field_notes(kind: type) -> Mapping[str, tuple[tuple[str, ...], str]]:
    """What a record's documentation says of its fields: name -> (axes, meaning)."""
    notes: dict[str, tuple[tuple[str, ...], str]] = {}
    for each in reversed(kind.__mro__):
        name, words = "", ""
        for line in (each.__doc__ or "").partition("Attributes:")[2].splitlines():
            found = _FIELD.match(line.strip()) if line.startswith("        ") and line[8:9] != " " else None
            if found:
                name, words = found.groups()
            elif name:
                words = f"{words} {line.strip()}".strip()
            if name:
                axes = _BRACKET.match(words)
                names = tuple(part.strip() for part in axes[1].split(",")) if axes else ()
                notes[name] = (names, words[axes.end() :] if axes else words)
    return notes


def safe_cell(text: str) -> str:
    """A text for a cell of a spreadsheet: every character is seen, and none makes it a formula."""
    seen = "".join(letter if letter == " " else visible(letter) for letter in text)
    return f"'{seen}" if text.startswith(_FORMULA) or seen.startswith(_FORMULA) else seen


def _described(record: Any) -> dict[str, Any]:
    if not is_dataclass(record):
        return {"type": type(record).__name__, "fields": {"value": _field(record, ((), ""))}}
    notes = field_notes(record.__class__)
    named = {
        field.name: _field(getattr(record, field.name), notes.get(field.name, ((), ""))) for field in fields(record)
    }
    return {"type": type(record).__name__, "fields": named}


def _field(value: Any, note: tuple[tuple[str, ...], str]) -> dict[str, Any]:
    axes, meaning = note
    if is_dataclass(value):
        return {"meaning": meaning, **_described(value)}
    told: dict[str, Any] = {"meaning": meaning} if meaning else {}
    if isinstance(value, np.ndarray):
        told |= {"axes": list(_axes(axes, value)), "shape": list(value.shape), "dtype": str(value.dtype)}
        known = value[np.isfinite(value)] if value.dtype.kind == "f" else value
        if value.dtype.kind in "fiu" and known.size:
            told["range"] = [_number(known.min()), _number(known.max())]
    return {**told, "values": _plain(value)}


def _axes(named: tuple[str, ...], value: NDArray[Any]) -> tuple[str, ...]:
    return named if len(named) == value.ndim else tuple(f"axis {axis}" for axis in range(value.ndim))


def _plain(value: Any) -> Any:
    """Anything that a record holds as what JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return _described(value)
    if isinstance(value, np.ndarray):
        return [_plain(row) for row in value]
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list | range):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return (
        value if value is None or (isinstance(value, str | bool) and not isinstance(value, np.str_)) else _number(value)
    )


def _number(value: Any) -> Any:
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, float | np.floating):
        shortest = float(str(value))  # of a float32 its own digits, not those of the float64 that it becomes
        return shortest if math.isfinite(shortest) else None
    return bool(value) if isinstance(value, np.bool_) else int(value)


def _cells(value: Any) -> int:
    if is_dataclass(value):
        return sum(_cells(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Mapping):
        return sum(map(_cells, value.values()))
    return int(value.size) if isinstance(value, np.ndarray) else len(value) if isinstance(value, tuple | list) else 1


def _flat(name: str, record: Any, prefix: str = "") -> list[tuple[tuple[str, str], tuple[str, ...], Any]]:
    """Every field of a record, and of the records in it: (record, field), axes, values."""
    if not is_dataclass(record):
        return [((name, "value"), (), record)]
    rows: list[tuple[tuple[str, str], tuple[str, ...], Any]] = []
    for field in fields(record):
        value, path = getattr(record, field.name), f"{prefix}{field.name}"
        axes = field_notes(record.__class__).get(field.name, ((), ""))[0]
        if is_dataclass(value):
            rows += _flat(name, value, f"{path}.")
        elif isinstance(value, Mapping):
            rows += [((name, f"{path}.{key}"), axes, each) for key, each in value.items()]
        elif isinstance(value, tuple) and any(map(is_dataclass, value)):
            for index, each in enumerate(value):
                rows += _flat(name, each, f"{path}.{index}.")
        else:
            rows.append(((name, path), axes, value))
    return rows


def _write(writer: Any, path: tuple[str, str], axes: tuple[str, ...], value: Any) -> None:
    start = [safe_cell(part) for part in path]
    if isinstance(value, tuple | list | range):
        axis = axes[0] if len(axes) == 1 else "index"
        for index, each in enumerate(value):
            writer.writerow([*start, axis, index, *[""] * (2 * _AXES - 2), _cell(each)])
    elif isinstance(value, np.ndarray):
        names = _axes(axes, value)
        for place in np.ndindex(value.shape):
            marked = [part for axis, index in zip(names, place, strict=True) for part in (axis, index)]
            writer.writerow([*start, *marked, *[""] * (2 * (_AXES - value.ndim)), _cell(value[place])])
    else:
        writer.writerow([*start, *[""] * (2 * _AXES), _cell(value)])


def _cell(value: Any) -> str:
    if isinstance(value, np.generic | int | float) and not isinstance(value, np.str_):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return "" if value is None else safe_cell(str(value))
