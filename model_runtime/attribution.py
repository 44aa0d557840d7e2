"""How much each token of a text counted for a prediction: gradient x input, integrated gradients, leaving it out.

The number that is explained is a logit as the model gives it, with any scale and softcap of its own, as a function of
the input embeddings: what the embedding module returns, before positions are added and the model scales it.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from model_runtime.cause_records import Attribution
from model_runtime.edits import Changes
from model_runtime.engine import Engine
from model_runtime.errors import FeatureUnavailable
from model_runtime.part_records import Question
from model_runtime.recording import Recording
from model_runtime.records import Floats
from model_runtime.selfcheck import FAILURES

METHODS = ("gradient", "integrated", "leave-one-out")
MOST_STEPS = 512
EMBEDDINGS_AT_ONCE = 8192  # rows of the embedding that are averaged at once

Scores = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Asked:
    """One question about one text.

    Attributes:
        ids: The text up to and including the question's position.
        question: Which number is explained.
        changes: What the model runs under.
    """

    ids: tuple[int, ...]
    question: Question
    changes: Changes


def number_of(question: Question, logits: torch.Tensor) -> torch.Tensor:
    """[row] float64: the number that is asked about, from logits [row, vocabulary]."""
    number = logits[:, question.target].double()
    if question.against is not None:
        return number - logits[:, question.against].double()
    return number - logits.double().mean(-1) if question.centred else number


class Attributor:
    """Asks one model what its inputs counted for. The lock is the model's, held only while it runs."""

    def __init__(self, engine: Engine, lock: AbstractContextManager[object]) -> None:
        self._engine = engine
        self._lock = lock
        self._mean: torch.Tensor | None = None

    def gradient(self, asked: Asked) -> Iterator[Attribution]:
        """Gradient x input: how the number would change if each embedding grew by its own length, to first order."""
        with self._lock, _plainly():
            points = self._embeddings(asked.ids)[None]
            values, slopes = self._slopes(asked, points)
            zero = self._values(asked, torch.zeros_like(points))
        scores = (slopes * points[0].double()).sum(-1).cpu().numpy()
        yield _record(asked, "gradient", scores, (values[0], zero[0]), "all embeddings zero", (1, 2, 2))

    def integrated(self, asked: Asked, steps: int) -> Iterator[Attribution]:
        """Integrated gradients along the straight way from the vocabulary's mean embedding at every position.

        From "Axiomatic Attribution for Deep Networks" (Sundararajan et al., 2017); the integral by Gauss and Legendre's
        points, which need fewer than evenly spaced ones.
        """
        places, weights = np.polynomial.legendre.leggauss(steps)
        places, weights = (places + 1) / 2, weights / 2
        with self._lock, _plainly():
            text = self._embeddings(asked.ids)
            start = self._mean_embedding().to(text.dtype).expand_as(text)
            value, baseline = self._values(asked, torch.stack([text, start]))
        unknown = np.full(len(asked.ids), np.nan)
        sums = torch.zeros(len(asked.ids), dtype=torch.float64)
        rows = self._engine.side_by_side(len(asked.ids))
        for begin in range(0, steps, rows):
            part = torch.tensor(places[begin : begin + rows], dtype=text.dtype, device=text.device)[:, None, None]
            weight = torch.tensor(weights[begin : begin + rows], device=text.device)
            with self._lock, _plainly():
                _, slopes = self._slopes(asked, start + part * (text - start), weight)
            sums += (slopes * (text - start).double()).sum(-1).cpu()
            done = min(begin + rows, steps)
            scores = sums.numpy().copy() if done == steps else unknown
            ends = value, baseline
            yield _record(
                asked, "integrated", scores, ends, "the vocabulary's mean embedding", (steps, done + 2, steps + 2)
            )

    def leave_one_out(self, asked: Asked, recording: Recording) -> Iterator[Attribution]:
        """The number less what it is without each token, the later ones closing up.

        Steering goes on from the same position, counted in the shortened text.

        Args:
            asked: The question.
            recording: Of the text or a longer one; what stands before the token that is left out is not run again.
        """
        ids, last = asked.ids, len(asked.ids) - 1
        with self._lock:
            value, baseline = (float(self._plain_values(asked, [text])[0]) for text in (ids, ids[last:]))
        scores = np.full(len(ids), np.nan)
        rows = self._engine.side_by_side(len(ids))
        for begin in range(0, last or 1, rows):
            left_out = range(begin, min(begin + rows, last))
            if left_out:
                with self._lock:
                    texts = [ids[:index] + ids[index + 1 :] for index in left_out]
                    without = self._plain_values(asked, texts, recording.cut(begin))
                scores[left_out.start : left_out.stop] = value - without
            runs = (1, left_out.stop + 2, last + 2)
            yield _record(asked, "leave-one-out", scores, (value, baseline), "only the last token", runs)

    def _plain_values(self, asked: Asked, texts: Sequence[tuple[int, ...]], base: Recording | None = None) -> Scores:
        """[row] the number on several texts of one length, which may all go on from a recorded beginning."""
        logits = self._engine.newest_logits(texts, asked.changes, base)
        values: Scores = number_of(asked.question, logits).cpu().numpy()
        return values

    def _embeddings(self, ids: tuple[int, ...]) -> torch.Tensor:
        """[token, width] what the embedding module returns."""
        with self._engine.running():
            embedded: torch.Tensor = self._module()(torch.tensor(ids, device=self._engine.model.device)[None])[0]
        return embedded

    def _mean_embedding(self) -> torch.Tensor:
        """[width] float64: the mean of what the embedding module returns over all ids; computed once."""
        if self._mean is None:
            module = self._module()
            count = module.weight.shape[0]
            with self._engine.running():
                ids = torch.arange(count, device=self._engine.model.device)
                sums = [module(part).double().sum(0) for part in ids.split(EMBEDDINGS_AT_ONCE)]
                self._mean = torch.stack(sums).sum(0) / count
        return self._mean

    def _module(self) -> Any:
        return self._engine.model.get_input_embeddings()

    def _values(self, asked: Asked, points: torch.Tensor) -> tuple[float, ...]:
        """The number at each of some points [row, token, width] of embedding space."""
        with self._engine.running():
            return tuple(number_of(asked.question, self._logits(asked, points)).tolist())

    def _slopes(
        self, asked: Asked, points: torch.Tensor, weight: torch.Tensor | None = None
    ) -> tuple[tuple[float, ...], torch.Tensor]:
        """The number at each point, and its gradients [token, width] summed over the points.

        Args:
            asked: The question.
            points: [row, token, width].
            weight: [row] of each point in the sum, 1 by default.
        """
        with self._engine.running(gradients=True):
            leaf = points.clone().requires_grad_()  # a copy from outside inference mode, which a gradient needs
            values = number_of(asked.question, self._logits(asked, leaf))
            (gradient,) = torch.autograd.grad(values.sum(), leaf)
            if not gradient.isfinite().all():
                raise ValueError("the gradient is not finite")
            weights = torch.ones_like(values) if weight is None else weight
            return tuple(values.tolist()), torch.einsum("r,rtw->tw", weights.detach(), gradient.double())

    def _logits(self, asked: Asked, points: torch.Tensor) -> torch.Tensor:
        """[row, vocabulary] after the last token, with points [row, token, width] in the place of the embeddings."""
        model, rows = self._engine.model, len(points)
        ids = torch.tensor(asked.ids, device=model.device).expand(rows, -1)
        # Where the family can, only the row that is asked about goes through the head.
        options = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
        with _embedded(self._module(), points), self._engine.changed(asked.changes, rows=rows):
            logits: torch.Tensor = model(ids, use_cache=False, **options).logits[:, -1]
        return logits


@contextmanager
def _embedded(module: nn.Module, points: torch.Tensor) -> Iterator[None]:
    """Inside, an embedding module returns these points, whatever ids it is given."""
    calls = 0

    def returned(module: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if output.shape != points.shape:
            raise ValueError(f"the embeddings have the shape {tuple(output.shape)}, and not one vector a token")
        return points

    hook = module.register_forward_hook(returned)
    try:
        yield
    finally:
        hook.remove()
    if calls != 1:
        raise ValueError(f"the embedding is called {calls} times")


@contextmanager
def _plainly() -> Iterator[None]:
    """Says in plain words when a family's code cannot be followed back."""
    try:
        yield
    except FAILURES as failure:
        raise FeatureUnavailable(
            "The prediction of this model cannot be followed back to its embeddings "
            f"({type(failure).__name__}: {failure}). Use leave-one-out, which only runs the model."
        ) from failure


def _record(
    asked: Asked, method: str, scores: Scores, ends: tuple[float, float], baseline: str, runs: tuple[int, int, int]
) -> Attribution:
    """The answer so far; `ends` are the number on the text and on the baseline, `runs` is (steps, done, all)."""
    total = float(np.nansum(scores)) if np.isfinite(scores).any() else float("nan")
    shown: Floats = scores.astype(np.float32)
    value, baseline_value = ends
    return Attribution(
        question=asked.question,
        method=method,
        score=shown,
        value=value,
        baseline_value=baseline_value,
        baseline=baseline,
        total=total,
        error=total - (value - baseline_value),
        steps=runs[0],
        done=runs[1],
        runs=runs[2],
    )
