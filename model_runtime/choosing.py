"""How one token is chosen, looked at closely: the distribution filter by filter, and many draws from it."""

import math

import numpy as np
import torch

from model_runtime.choosing_records import ChoiceStep, ChoiceSteps, Doubles, Draws
from model_runtime.decoding import Choice, Stage, picks, uniforms
from model_runtime.moment import Decoding
from model_runtime.records import Floats, Integers
from model_runtime.vocabulary import Vocabulary

LIKELY = 64  # tokens whose counts' covariances are reckoned with
# The filters that run before top-p, which therefore does not see what they removed.
BEFORE_TOP_P = ("repetition_penalty", "temperature", "top_k")


def choice_steps(choice: Choice, vocabulary: Vocabulary, position: int, decoding: Decoding, top: int) -> ChoiceSteps:
    """The distribution filter by filter.

    Args:
        choice: What decoding made of the logits.
        vocabulary: For the texts.
        position: What was read up to.
        decoding: The settings that made the choice.
        top: How many tokens to list of each.
    """
    before, reaching = choice.raw, choice.raw
    steps = [_step(Stage("", float("nan"), choice.logits, choice.logits), before, vocabulary, top)]
    nucleus = None
    for stage in choice.stages:
        steps.append(_step(stage, before, vocabulary, top))
        before = stage.probability
        reaching = before if stage.name in BEFORE_TOP_P else reaching
        nucleus = stage.kept if stage.name == "top_p" else nucleus
    order = ranked(reaching)[: np.count_nonzero(reaching)]
    greedy = int(np.argmax(choice.final))  # the first of equals: the lowest id
    return ChoiceSteps(
        position=position,
        temperature=decoding.temperature,
        top_p=decoding.top_p,
        seed=decoding.seed,
        steps=tuple(steps),
        order=order,
        cumulative=np.cumsum(reaching[order], dtype=np.float64),
        nucleus=len(order) if nucleus is None else nucleus,
        greedy=greedy,
        greedy_share=float(choice.final[greedy]),
        choice=choice.token,
    )


def draws(choice: Choice, vocabulary: Vocabulary, position: int, decoding: Decoding, count: int, top: int) -> Draws:
    """Draws many tokens as one step draws its one.

    Args:
        choice: What decoding made of the logits.
        vocabulary: For the texts.
        position: What was read up to.
        decoding: The settings that made the choice.
        count: How many draws.
        top: How many tokens to list.
    """
    if decoding.temperature == 0:
        probability = np.zeros(choice.final.shape, np.float32)
        probability[choice.token] = 1
    else:
        probability = choice.final
    taken = picks(probability, uniforms(decoding.seed, position + 1, count))
    drawn = np.bincount(taken, minlength=probability.size).astype(np.int64)
    share = probability / probability.sum(dtype=np.float64)
    rows = first(probability, top)
    return Draws(
        position=position,
        seed=decoding.seed,
        taken=taken,
        ids=rows,
        text=tuple(vocabulary.text(int(token)) for token in rows),
        probability=share[rows],
        drawn=drawn[rows],
        other_probability=float(max(0.0, 1 - share[rows].sum())),
        other_drawn=count - int(drawn[rows].sum()),
        possible=int(np.count_nonzero(probability)),
        seen=int(np.count_nonzero(drawn)),
        distance=float(np.abs(drawn / count - share).sum() / 2),
        chance_distance=float(mean_deviation(share, count).sum() / count / 2),
        chance_spread=spread_of_distance(share, count),
    )


def ranked(probability: Floats) -> Integers:
    """[rank] all ids, the most probable first, ties by id."""
    return np.argsort(-probability, kind="stable")


def first(probability: Floats, count: int) -> Integers:
    """[rank] the first ids of `ranked`, without ordering the others."""
    if count >= probability.size:
        return ranked(probability)
    least = np.partition(probability, probability.size - count)[-count]
    likely = np.flatnonzero(probability >= least)  # in the order of ids; more than `count` where several are equal
    return likely[ranked(probability[likely])][:count]


def mean_deviation(share: Doubles, count: int) -> Doubles:
    """How far the number of hits lies from its mean on average, for each chance of a hit.

    De Moivre's formula for the mean absolute deviation of a binomial: with k the first whole number above the mean,
    2 k C(n, k) p^k (1 - p)^(n - k + 1).

    Args:
        share: [token] the chance of a hit, 0 to 1.
        count: How many draws.
    """
    chance = torch.from_numpy(share).clamp(1e-300, 1 - 1e-15)
    hits = torch.floor(count * chance) + 1
    choose = math.lgamma(count + 1) - torch.lgamma(hits + 1) - torch.lgamma(count - hits + 1)
    size = torch.log(hits) + choose + hits * torch.log(chance) + (count - hits + 1) * torch.log1p(-chance)
    result: Doubles = (2 * torch.exp(size)).numpy()
    return result


def spread_of_distance(share: Doubles, count: int) -> float:
    """The standard deviation of the total variation distance between frequencies and chances.

    It is half the sum of the tokens' deviations |hits - mean|. Their variances are exact. Their covariances are those
    of normal variables with the hits' correlations, for the likely tokens: those of rare ones are too small to count.

    Args:
        share: [token] the chance of a hit; sums to one.
        count: How many draws.
    """
    variance = count * share * (1 - share)
    total = float((variance - mean_deviation(share, count) ** 2).clip(0).sum())
    likely = np.sort(share)[::-1][:LIKELY]
    likely = likely[(likely > 0) & (likely < 1)]
    odds, width = np.sqrt(likely / (1 - likely)), np.sqrt(count * likely * (1 - likely))
    related = -np.outer(odds, odds).clip(0, 1)
    shape = np.sqrt(1 - related**2) + related * np.arcsin(related) - 1
    np.fill_diagonal(shape, 0)
    total += float(2 / np.pi * (np.outer(width, width) * shape).sum())
    return math.sqrt(total) / count / 2


def _step(stage: Stage, before: Floats, vocabulary: Vocabulary, top: int) -> ChoiceStep:
    positive = stage.probability[stage.probability > 0].astype(np.float64)
    rows = first(stage.probability, min(top, positive.size))
    return ChoiceStep(
        name=stage.name,
        setting=stage.setting,
        kept=stage.kept,
        removed=int(stage.removed.sum()),
        removed_share=float(before[stage.removed].sum(dtype=np.float64)),
        entropy=max(0.0, float(-(positive * np.log(positive)).sum())),
        ids=rows,
        text=tuple(vocabulary.text(int(token)) for token in rows),
        probability=stage.probability[rows],
    )
