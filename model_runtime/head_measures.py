"""What heads do, in numbers: the measures of the literature, and the labels that follow from stated thresholds.

Measures are taken on the model's weights as they are. Labels are not: many heads rest on the first token whenever they
have nothing to do (Xiao et al. 2023 call it the attention sink), and that would hide what they do otherwise. So labels
are decided on shares of the rest: the attention that goes to something, summed over all queries, divided by all
attention that goes neither to the first token nor to the model's own sink, summed over the same queries. A query that
leaves little beside the sink thereby counts for little.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from model_runtime.head_records import HeadLabel, HeadMeasure, Texts
from model_runtime.layer_weights import Rows
from model_runtime.records import Floats

MEASURES = (
    HeadMeasure("entropy", "nats", "How spread out a row is: -sum of w ln w over the keys, mean over the queries."),
    HeadMeasure("distance", "tokens", "How far back it looks: sum of w times tokens back, mean over the queries."),
    HeadMeasure("self", "share", "Weight on the query's own token, mean over the queries."),
    HeadMeasure("previous", "share", "Weight on the token just before, mean over the queries from the second on."),
    HeadMeasure("first", "share", "Weight on the first token of the text, mean over the queries."),
    HeadMeasure("special", "share", "Weight on the tokenizer's special tokens, mean over the queries."),
    HeadMeasure(
        "duplicate",
        "share",
        "Weight on earlier occurrences of the query's own token, mean over the queries that have one.",
    ),
    HeadMeasure(
        "induction",
        "share",
        "Weight on what followed earlier occurrences of the query's own token, mean over the queries that have one.",
    ),
    HeadMeasure(
        "duplicate_random",
        "share",
        "On 64 random tokens said twice: weight from each token of the second copy to itself in the first, mean.",
    ),
    HeadMeasure(
        "induction_random",
        "share",
        "On 64 random tokens said twice: weight from each of the second copy to what followed it in the first, mean.",
    ),
)
LOCAL = 5  # tokens: the query's own and the four before it
FEWEST = 4  # tokens that a text needs for labels of its own: before that even attention looks like a pattern
MOST_SINK = 0.95
NO_PATTERN = "no clear pattern"
LABELS = (
    HeadLabel(
        "induction",
        "induction >= 0.4, on the random run where there is one, else on the text",
        "Finds an earlier occurrence of the present token and looks at what followed it, which lets a model continue "
        "what it has seen before (Olsson et al. 2022).",
    ),
    HeadLabel(
        "duplicate token",
        "duplicate >= 0.4, on the random run where there is one, else on the text",
        "Looks at earlier occurrences of the present token (Wang et al. 2022).",
    ),
    HeadLabel(
        "first token",
        "more than 0.95 of all attention goes to the first token or the model's own sink; or more than half does, and "
        "the rest shows none of the patterns below",
        "Rests on the first token, which it uses as a place to look when there is nothing to do (Xiao et al. 2023).",
    ),
    HeadLabel("previous token", "previous >= 0.5", "Looks at the token just before, whatever it is."),
    HeadLabel("self", "self >= 0.5", "Looks at the present token itself."),
    HeadLabel(
        "special tokens",
        "special >= 0.5",
        "Looks at special tokens, such as the marks of a chat's turns, beyond the first token.",
    ),
    HeadLabel(
        "local",
        "local >= 0.8, and at least 1.5 times what even attention would give",
        "Looks at the last few tokens: the present one and the four before it.",
    ),
    HeadLabel(
        "broad",
        "evenness >= 0.9",
        "Spreads its attention almost evenly over everything it sees, as if to take an average.",
    ),
    HeadLabel(
        NO_PATTERN, "none of the conditions holds, or the text is too short to say", "Does none of these clearly."
    ),
)


@dataclass
class Sums:
    """Sums over the queries of a layer, from which measures follow; tensors [head].

    Attributes:
        tokens: How many tokens the text has.
        raw: name -> the weights as they are, summed.
        rest: The same without the first token; beside the shares "all", "entropy" and its highest possible "even".
        counts: name -> over how many queries a raw sum goes.
        local_if_even: What even attention would give to the last tokens.
    """

    tokens: int
    raw: dict[str, torch.Tensor] = field(default_factory=dict)
    rest: dict[str, torch.Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    local_if_even: float = 0.0


@dataclass(frozen=True)
class Text:
    """The tokens that heads look at.

    Attributes:
        ids: [token].
        special: [token] True for special tokens.
    """

    ids: torch.Tensor
    special: torch.Tensor


def sums_of(rows: Iterable[Rows], text: Text) -> Sums:
    """Adds up a layer's rows."""
    sums = Sums(len(text.ids))
    even: list[torch.Tensor] = []
    for part in rows:
        targets = _targets(part, text)
        masks = torch.stack(list(targets.values())).to(part.weights.dtype)  # [target, query, key]
        total = torch.einsum("hqk,tqk->th", part.weights, masks)  # a matrix product, which passes over the weights once
        on_first = torch.einsum("hq,tq->th", part.weights[..., 0], masks[..., 0])
        _add(sums.raw, dict(zip(targets, total, strict=True)))
        _add(sums.rest, dict(zip(targets, total - on_first, strict=True)))
        spread = torch.special.entr(part.weights)
        _add(sums.raw, {"entropy": spread.sum((1, 2)), "distance": _back(part), "sink": part.sink.sum(1)})
        again = targets["duplicate"].any(-1)
        for name in ("duplicate", "induction"):
            sums.counts[name] = sums.counts.get(name, 0) + int(again.sum())
        left = part.weights[..., 1:].sum(-1)  # [head, query]
        keys = part.visible[:, 1:].sum(-1)  # [query] that are not the first
        _add(sums.rest, {"all": left.sum(1), "all again": (left * again).sum(1)})
        # The renormalised rows' entropies, each times what its row has left.
        _add(sums.rest, {"entropy": spread[..., 1:].sum((1, 2)) - torch.special.entr(left).sum(1)})
        _add(sums.rest, {"even": (left * keys.clamp(min=1).log()).sum(1)})
        even.append((keys.clamp(max=LOCAL) / keys)[keys > 0])
    shares = torch.cat(even)
    sums.local_if_even = float(shares.mean()) if len(shares) else float("nan")
    return sums


def _add(sums: dict[str, torch.Tensor], more: Mapping[str, torch.Tensor]) -> None:
    for name, value in more.items():
        value = value.double().cpu()
        sums[name] = sums[name] + value if name in sums else value


def _back(part: Rows) -> torch.Tensor:
    """[head] weight times tokens back, summed."""
    query, key = _places(part)
    return torch.einsum("hqk,qk->h", part.weights, (query - key).to(part.weights.dtype))


def _places(part: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions [query, 1] and [1, key]."""
    device = part.weights.device
    query = torch.arange(part.begin, part.begin + part.weights.shape[1], device=device)[:, None]
    return query, torch.arange(part.weights.shape[2], device=device)[None]


def _targets(part: Rows, text: Text) -> dict[str, torch.Tensor]:
    """Which keys each measure is about: boolean [query, key]."""
    query, key = _places(part)
    same = (text.ids[query[:, 0]][:, None] == text.ids[None]) & (key < query)
    after = torch.zeros_like(same)
    after[:, 1:] = same[:, :-1]
    return {
        "self": key == query,
        "previous": key == query - 1,
        "first": (key == 0).expand(len(query), -1),
        "special": text.special[None].expand(len(query), -1),
        "local": (key <= query) & (key > query - LOCAL),
        "duplicate": same,
        "induction": after & (key <= query),
    }


def measures_of(sums: Sums) -> dict[str, Floats]:
    """The measures of a layer on its text, name -> [head]."""
    nothing = float("nan")
    counts = {"previous": sums.tokens - 1, **sums.counts}
    names = [measure.name for measure in MEASURES if not measure.name.endswith("_random")]
    return {name: (sums.raw[name] / (counts.get(name, sums.tokens) or nothing)).float().numpy() for name in names}


def shares_of(sums: Sums) -> dict[str, Floats]:
    """What labels are decided on, name -> [head]: shares of the attention beside the sink, and what goes there."""
    rest = sums.rest
    found = {name: rest[name] / rest["all"] for name in ("self", "previous", "special", "local")}
    found |= {name: rest[name] / rest["all again"] for name in ("duplicate", "induction")}
    found |= {"evenness": rest["entropy"] / rest["even"]}
    found |= {"sink": (sums.raw["first"] + sums.raw["sink"]) / sums.tokens}
    found |= {"local gain": found["local"] / sums.local_if_even}
    return {name: value.float().numpy() for name, value in found.items()}


def labels_of(shares: Mapping[str, Floats], tokens: int) -> Texts:
    """The label of each head: the first of `LABELS` whose condition holds.

    Args:
        shares: name -> [layer, head], as `shares_of` gives them; `duplicate` and `induction` from the random run where
            there is one. NaN fulfils no condition.
        tokens: Of the text.
    """
    long = tokens >= FEWEST
    conditions = {
        "induction": shares["induction"] >= 0.4,
        "duplicate token": shares["duplicate"] >= 0.4,
        "first token": long & (shares["sink"] > MOST_SINK),
        "previous token": long & (shares["previous"] >= 0.5),
        "self": long & (shares["self"] >= 0.5),
        "special tokens": long & (shares["special"] >= 0.5),
        "local": long & (shares["local"] >= 0.8) & (shares["local gain"] >= 1.5),
        "broad": long & (shares["evenness"] >= 0.9),
        "first token again": long & (shares["sink"] > 0.5),
    }
    names = [name.removesuffix(" again") for name in conditions]
    return np.select(list(conditions.values()), names, default=NO_PATTERN)
