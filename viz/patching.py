"""Patching: two texts side by side, and what each patch brings back of the answer, as payloads."""

from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

import numpy as np

from model_runtime.cause_records import PatchGrid
from model_runtime.records import Distribution, Integers
from viz.head_mosaic import grid_payload
from viz.labels import visible
from viz.payload import pack
from viz.sentences import say
from viz.terms import part_name

PatchPart = Literal["stream", "attention", "MLP", "heads", "layer heads"]
PATCH_PARTS: Final[tuple[PatchPart, ...]] = get_args(PatchPart)
LISTED: Final = 16
LEAST: Final = 0.005  # recovered: what is less reads 0.00
SHOWN_ANSWERS: Final = 5


def aligned_payload(clean: Sequence[str], changed: Sequence[str]) -> dict[str, Any]:
    """Returns both texts token by token.

    Args:
        clean: [token] visible labels of the clean text.
        changed: [token] those of the changed one, as many.

    Returns:
        `tokens`, the clean labels, and `differs`, [position, changed label] wherever the two differ.
    """
    pairs = enumerate(zip(clean, changed, strict=True))
    return {"tokens": list(clean), "differs": [[place, other] for place, (one, other) in pairs if one != other]}


def answers_payload(clean: Distribution, changed: Distribution, pair: tuple[int, int]) -> dict[str, Any]:
    """Returns what both texts are followed by, [id, label, raw probability] of the most probable tokens.

    Args:
        clean: After the clean text.
        changed: After the changed one.
        pair: The ids whose logits are compared: the clean text's answer and the changed one's.
    """
    return {"clean": _answers(clean), "changed": _answers(changed), "pair": list(pair), "shown": SHOWN_ANSWERS}


def answer_pair(clean: Distribution, changed: Distribution) -> tuple[int, int]:
    """Returns the most probable token of each; where both are one token, the changed text's next best."""
    first = int(clean.ids[0])
    return first, next(int(token) for token in changed.ids if token != first)


def patch_payload(grid: PatchGrid, columns: Sequence[str], key_value_head: Integers | None) -> dict[str, Any]:
    """Turns a grid of patches, however far it is, into the picture and the ranked list of `PatchingView`.

    Args:
        grid: The grid.
        columns: [column] what each column is called; for "heads" nothing is read from it.
        key_value_head: [layer, head] the key/value head that each reads, for a grid of all heads; else None.

    Returns:
        `recovered` and `difference` as in the record, and `order`, the cells that recover most first, whichever
        way; those that recover next to nothing are left out.
    """
    rows, width = grid.difference.shape
    known = np.argwhere(np.abs(grid.recovered) >= LEAST)
    size = -np.abs(grid.recovered[known[:, 0], known[:, 1]])
    order = known[np.argsort(size, kind="stable")][:LISTED]
    none = np.zeros((rows, width), np.bool_)
    question = grid.question
    return {
        "part": grid.part,
        "layer": grid.layer,
        "rows": rows,
        "columns": width,
        "row_names": row_names(grid.part, rows),
        "column_names": list(columns),
        "heads": None if key_value_head is None else grid_payload(key_value_head, none),
        "recovered": pack(grid.recovered),
        "difference": pack(grid.difference),
        "clean": grid.clean,
        "changed": grid.changed,
        "label": visible(question.text),
        "against": visible(question.against_text),
        "order": order.tolist(),
        "done": grid.done,
        "total": grid.total,
    }


def column_names(clean: Sequence[str], changed: Sequence[str]) -> list[str]:
    """Returns what each token's column is called: both tokens where they differ, such as "·Japan→·France"."""
    return [one if one == other else f"{one}→{other}" for one, other in zip(clean, changed, strict=True)]


def row_names(part: str, rows: int) -> list[str]:
    """Returns what each row of a grid of patches is called."""
    if part == "stream":
        after = (say("{stream} after block {block}", stream=stream, block=stream - 1) for stream in range(1, rows))
        return [say("{stream} embedding", stream=0), *after]
    if part == "heads":
        return [f"L{layer}" for layer in range(rows)]
    if part == "layer heads":
        return [f"H{head}" for head in range(rows)]
    return [part_name(part, layer) for layer in range(rows)]


def _answers(distribution: Distribution) -> list[list[Any]]:
    rows = zip(distribution.ids, distribution.text, distribution.raw, strict=True)
    return [[int(token), visible(text), float(raw)] for token, text, raw in rows]
