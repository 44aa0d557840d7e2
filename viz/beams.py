"""Beam search as a tree: where each candidate stands, what became of it, and the results beside greedy decoding."""

from typing import Any

import numpy as np

from model_runtime.choosing_records import FATES, BeamTree
from viz.labels import visible
from viz.payload import pack


def beams_payload(tree: BeamTree) -> dict[str, Any]:
    """Turns a search, however far it is, into the tree and the table of `BeamsView`.

    Returns:
        The record's numbers; `line`, [node] on which line of the drawing a node stands, a parent on the line of its
        best child, so that the best way runs straight; `results` and `greedy`: (last node, total, tokens, score) each.
    """
    greedy = int(tree.greedy[-1])
    length = len(tree.greedy)
    return {
        "width": tree.width,
        "steps": tree.steps,
        "length_penalty": tree.length_penalty,
        "parent": tree.parent.tolist(),
        "step": tree.step.tolist(),
        "ids": tree.ids.tolist(),
        "labels": [visible(text) for text in tree.text],
        "log_probability": pack(tree.log_probability),
        "total": pack(tree.total),
        "fate": [FATES.index(fate) for fate in tree.fate],
        "fates": list(FATES),
        "line": lines(tree).tolist(),
        "results": [
            [int(end), float(tree.total[end]), int(tree.step[end]) + 1, float(score)]
            for end, score in zip(tree.ends, tree.score, strict=True)
        ],
        "greedy_way": tree.greedy.tolist(),
        "greedy": [greedy, float(tree.total[greedy]), length, float(tree.total[greedy]) / length**tree.length_penalty],
        "done": tree.done,
        "finished": tree.finished,
    }


def lines(tree: BeamTree) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """[node] the lines of a drawing on which no two branches cross: each leaf has one of its own."""
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(tree.parent.tolist()):
        children.setdefault(parent, []).append(node)
    # The way that comes furthest stands first, so that what goes on runs straight and what was dropped hangs below it.
    reach = np.array(tree.step)
    for node in reversed(range(len(reach))):
        if tree.parent[node] >= 0:
            reach[tree.parent[node]] = max(reach[tree.parent[node]], reach[node])
    best = np.array(tree.total, np.float64)
    for node in reversed(range(len(best))):
        if node in children:
            best[node] = max(best[child] for child in children[node] if reach[child] == reach[node])
    found = np.zeros(len(tree.parent), np.int64)
    following = 0
    waiting = _ordered(children.get(-1, []), reach, best)
    while waiting:
        node = waiting.pop()
        found[node] = following
        below = _ordered(children.get(node, []), reach, best)
        if not below:
            following += 1
        waiting += below
    return found


def _ordered(nodes: list[int], reach: Any, best: Any) -> list[int]:
    """Nodes such that the one to be drawn first comes off the end of the list."""
    return sorted(nodes, key=lambda node: (reach[node], best[node]))
