"""From logits to one token: each filter's stage is kept, and the draw depends on nothing but the moment."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.generation.logits_process import (
    LogitsProcessor,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from model_runtime.moment import Decoding
from model_runtime.records import Booleans, Floats, Integers


@dataclass(frozen=True)
class Stage:
    """The whole vocabulary after one filter; its numbers are computed when they are asked for.

    Attributes:
        name: The setting of `Decoding` that asked for it.
        setting: Its value.
        before: [vocabulary] scores that went in, minus infinity where a filter before removed the token.
        after: [vocabulary] scores that came out.
    """

    name: str
    setting: float
    before: torch.Tensor
    after: torch.Tensor

    @cached_property
    def probability(self) -> Floats:
        """[vocabulary] renormalised over what remains."""
        return _softmax(self.after)

    @cached_property
    def removed(self) -> Booleans:
        """[vocabulary] what this very filter removed."""
        removed: Booleans = (torch.isfinite(self.before) & ~torch.isfinite(self.after)).numpy()
        return removed

    @property
    def kept(self) -> int:
        """How many tokens remain."""
        return int(torch.isfinite(self.after).sum())


@dataclass(frozen=True)
class Choice:
    """What decoding made of one row of logits.

    Attributes:
        logits: [vocabulary] float32, before any filter.
        stages: The filters that are on, in the order in which they ran.
        token: The id that is taken.
    """

    logits: torch.Tensor
    stages: tuple[Stage, ...]
    token: int

    @cached_property
    def raw(self) -> Floats:
        """[vocabulary] softmax of the logits before any filter."""
        return _softmax(self.logits)

    @property
    def final(self) -> Floats:
        """[vocabulary] after all filters."""
        return self.stages[-1].probability if self.stages else self.raw


def filters(decoding: Decoding) -> list[tuple[str, float, LogitsProcessor]]:
    """The filters that are on, as (setting, value, transformers' own processor) in `generate`'s order."""
    chain: list[tuple[str, float, LogitsProcessor]] = []
    if decoding.repetition_penalty != 1:
        penalty = float(decoding.repetition_penalty)
        chain.append(("repetition_penalty", penalty, RepetitionPenaltyLogitsProcessor(penalty)))
    if decoding.temperature not in (0, 1):
        temperature = float(decoding.temperature)
        chain.append(("temperature", temperature, TemperatureLogitsWarper(temperature)))
    if decoding.top_k != 0:
        chain.append(("top_k", float(decoding.top_k), TopKLogitsWarper(decoding.top_k)))
    if decoding.top_p != 1:
        chain.append(("top_p", float(decoding.top_p), TopPLogitsWarper(float(decoding.top_p))))
    if decoding.min_p != 0:
        chain.append(("min_p", float(decoding.min_p), MinPLogitsWarper(float(decoding.min_p))))
    return chain


def uniform(seed: int, index: int) -> float:
    """The number in [0, 1) that decides the token at `index`: the same on every device and in any order of asking."""
    return float(uniforms(seed, index, 1)[0])


def uniforms(seed: int, index: int, count: int) -> NDArray[np.float64]:
    """[draw] the first numbers of the row that `uniform` takes one of, for as many draws of the token at `index`."""
    generator = torch.Generator(device="cpu")
    # Mixed by NumPy's seed hash, so that neighbouring seeds and indices do not give related draws.
    generator.manual_seed(int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0] >> np.uint64(1)))
    numbers: NDArray[np.float64] = torch.rand(count, dtype=torch.float64, generator=generator).numpy()
    return numbers


def pick(probability: Floats, draw: float) -> int:
    """The token at which the cumulative probability, in id order and float64, first exceeds the draw."""
    return int(picks(probability, np.array([draw]))[0])


def picks(probability: Floats, draws: NDArray[np.float64]) -> Integers:
    """[draw] the token that `pick` takes for each of many draws."""
    cumulative: NDArray[np.float64] = np.cumsum(probability, dtype=np.float64)
    index = np.searchsorted(cumulative, draws * cumulative[-1], side="right")
    # Rounding can push the product up to the very total; the last token with any probability is meant then.
    taken: Integers = np.minimum(index, np.flatnonzero(probability)[-1])
    return taken


def decide(logits: torch.Tensor, ids: tuple[int, ...], decoding: Decoding) -> Choice:
    """Runs the filters one by one and takes a token.

    Args:
        logits: [vocabulary] the model's own logits.
        ids: The tokens before the new one; the repetition penalty reads them, and their number picks the draw.
        decoding: The settings.
    """
    logits = logits.detach().to("cpu", torch.float32)
    scores = logits[None]  # [1, vocabulary], as the processors take them
    stages = []
    chain = filters(decoding)
    context = torch.tensor([ids], dtype=torch.long) if chain else None
    for name, setting, processor in chain:
        # A clone: the repetition penalty scatters into the tensor that it is given.
        filtered = processor(context, scores.clone())
        stages.append(Stage(name, setting, scores[0], filtered[0]))
        scores = filtered
    if decoding.temperature == 0:
        token = int(np.argmax(scores[0].numpy()))  # NumPy's argmax takes the first of equals: the lowest id
    else:
        final = stages[-1].probability if stages else _softmax(logits)
        token = pick(final, uniform(decoding.seed, len(ids)))
    return Choice(logits, tuple(stages), token)


def _softmax(scores: torch.Tensor) -> Floats:
    result: Floats = torch.softmax(scores, dim=-1).numpy()
    return result
