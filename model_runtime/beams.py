"""Beam search as transformers' `generate` does it, with every candidate that came near, and greedy decoding beside it.

The search itself is rebuilt, as `generate` keeps only what it returns: the tree needs the candidates that were dropped.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch

from model_runtime.choosing_records import BeamTree, Fate
from model_runtime.edits import Changes
from model_runtime.engine import Engine
from model_runtime.recording import Recording
from model_runtime.vocabulary import Vocabulary


@dataclass(frozen=True)
class BeamSettings:
    """How to search.

    Attributes:
        width: Beams that are kept.
        steps: Tokens that may be written.
        length_penalty: The power of the number of tokens that a total is divided by.
        end_ids: Tokens that end a text.
    """

    width: int
    steps: int
    length_penalty: float
    end_ids: tuple[int, ...]

    @property
    def candidates(self) -> int:
        """How many continuations are looked at: enough that as many beams go on even where the best ones all end."""
        return max(2, 1 + len(self.end_ids)) * self.width


@dataclass(frozen=True)
class Node:
    """One token of the tree."""

    parent: int
    step: int
    token: int
    log_probability: float
    total: float
    fate: Fate


@dataclass
class Search:
    """How far a search is.

    Attributes:
        nodes: The tree.
        live: Nodes of the beams that go on, the best first; -1 is the text itself.
        results: (score, node) of the results, the best first.
        greedy: The nodes of what greedy decoding writes.
        done: Steps that are done.
        finished: Whether it is over.
    """

    nodes: list[Node] = field(default_factory=list)
    live: list[int] = field(default_factory=lambda: [-1])
    results: list[tuple[float, int]] = field(default_factory=list)
    greedy: list[int] = field(default_factory=list)
    done: int = 0
    finished: bool = False

    def total(self, node: int) -> float:
        """The sum of log-probabilities up to a node."""
        return 0.0 if node < 0 else self.nodes[node].total

    def written(self, node: int) -> tuple[int, ...]:
        """The tokens up to a node."""
        tokens: list[int] = []
        while node >= 0:
            tokens.append(self.nodes[node].token)
            node = self.nodes[node].parent
        return tuple(reversed(tokens))


def beam_search(
    engine: Engine,
    lock: AbstractContextManager[object],
    recording: Recording,
    changes: Changes,
    vocabulary: Vocabulary,
    settings: BeamSettings,
) -> Iterator[BeamTree]:
    """Searches; the beams run side by side.

    Args:
        engine: The model.
        lock: The model's; held only while the model runs, so that others can ask in between.
        recording: Of the text to go on from.
        changes: What it runs under.
        vocabulary: For the texts.
        settings: How to search.

    Yields:
        The tree after each step; the last is whole.
    """
    search = Search()
    base = recording if recording.cuttable else None
    while not search.finished:
        rows = list(search.live)
        tip = search.greedy[-1] if search.greedy else -1
        goes_on = tip < 0 or search.nodes[tip].token not in settings.end_ids
        if goes_on and tip not in rows:
            rows.append(tip)
        with lock:
            if search.done == 0:
                logits = engine.logits(recording, len(recording.ids) - 1)[None]
            else:
                texts = [(*recording.ids, *search.written(node)) for node in rows]
                logits = engine.newest_logits(texts, changes, base)
            scores = logits.cpu().log_softmax(-1)  # [row, vocabulary]
        first = len(search.nodes)
        _advance(search, scores[: len(search.live)], settings)
        if goes_on:
            _follow(search, tip, first, scores[rows.index(tip)])
        yield _tree(search, vocabulary, settings)


def _advance(search: Search, scores: torch.Tensor, settings: BeamSettings) -> None:
    """One step of the search: the best continuations of all beams are kept, end or are dropped.

    Args:
        search: Is written to.
        scores: [beam, vocabulary] log-probabilities of the next token.
        settings: How to search.
    """
    width, last = settings.width, search.done + 1 == settings.steps
    totals = scores + torch.tensor([search.total(node) for node in search.live])[:, None]
    best = totals.flatten().topk(min(settings.candidates, totals.numel()))
    live: list[int] = []
    for place, (total, index) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
        row, token = divmod(index, scores.shape[1])
        ends = token in settings.end_ids
        fate: Fate = "dropped"
        if ends and place < width:
            fate = "ended"
        elif not ends and len(live) < width:
            fate = "kept"
        if last and place >= width:
            fate = "dropped"
        if fate == "dropped" and place >= 2 * width:
            continue  # too far behind to be drawn
        node = len(search.nodes)
        search.nodes.append(Node(search.live[row], search.done, token, float(scores[row, token]), float(total), fate))
        if fate == "kept":
            live.append(node)
        if fate == "ended" or (fate == "kept" and last):
            search.results.append((total / (search.done + 1) ** settings.length_penalty, node))
    search.results = sorted(search.results, key=lambda result: -result[0])[:width]
    search.live = live
    search.done += 1
    search.finished = last or not _can_improve(search, settings)


def _can_improve(search: Search, settings: BeamSettings) -> bool:
    """Whether a beam may still become better than the worst result, judged at its present length as `generate` does."""
    if len(search.results) < settings.width:
        return True
    hope: float = max(search.total(node) for node in search.live) / search.done**settings.length_penalty
    return hope > search.results[-1][0]


def _follow(search: Search, tip: int, first: int, scores: torch.Tensor) -> None:
    """One step of greedy decoding: its node where the search has it, else one of its own.

    Args:
        search: Is written to.
        tip: The last node of the greedy way.
        first: The first node of this step.
        scores: [vocabulary] log-probabilities after it.
    """
    token = int(np.argmax(scores.numpy()))  # NumPy's argmax takes the first of equals: the lowest id
    for node in range(first, len(search.nodes)):
        if search.nodes[node].parent == tip and search.nodes[node].token == token:
            search.greedy.append(node)
            return
    score = float(scores[token])
    search.greedy.append(len(search.nodes))
    search.nodes.append(Node(tip, search.done - 1, token, score, search.total(tip) + score, "greedy"))


def _tree(search: Search, vocabulary: Vocabulary, settings: BeamSettings) -> BeamTree:
    nodes = search.nodes
    return BeamTree(
        width=settings.width,
        steps=settings.steps,
        length_penalty=settings.length_penalty,
        parent=np.array([node.parent for node in nodes], np.int64),
        step=np.array([node.step for node in nodes], np.int64),
        ids=np.array([node.token for node in nodes], np.int64),
        text=tuple(vocabulary.text(node.token) for node in nodes),
        log_probability=np.array([node.log_probability for node in nodes], np.float32),
        total=np.array([node.total for node in nodes], np.float32),
        fate=tuple(node.fate for node in nodes),
        ends=np.array([node for _, node in search.results], np.int64),
        score=np.array([score for score, _ in search.results], np.float32),
        greedy=np.array(search.greedy, np.int64),
        done=search.done,
        finished=search.finished,
    )
