"""Checks one type of model, everything it answers, against stock eager transformers in float32 on the same weights."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoModelForCausalLM

from model_runtime import FeatureUnavailable, ModelUnsupported, Moment
from model_runtime.model import Model
from model_runtime.selfcheck import FAILURES
from tests.coverage.settings import config_of
from tests.coverage.stock import BEFORE_SINK, Array, Head, Ids, Stock
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.families import VOCABULARY, enlarge
from tests.runtime.test_steering import STEERS, steered, steered_stock
from tests.runtime.tokenizers_for_tests import byte_level

BOUND = 1e-5  # of a quantity's largest value
LARGEST = 3_000_000  # parameters of a tiny model

TOKENS, PREFILL, BACK, FORK = 24, 15, 7, 11
IDS = some_ids(TOKENS, VOCABULARY)
OTHER = (*IDS[:FORK], *some_ids(6, VOCABULARY, seed=2))
CLEAN = some_ids(12, VOCABULARY, seed=36)
CHANGED = (*CLEAN[:4], 250, 251, CLEAN[6], 252, *CLEAN[8:])
PAIR = (77, 200)
TARGETS = (5, 77, 160, 319)

# What a type has to answer exactly to count as proven, and what it may lack.
PROOF = ("logits", "stepping", "back", "branching", "streams", "lens", "attention")
FURTHER = ("contributions", "ablation", "patching", "steering")
COLUMNS = (*PROOF, *FURTHER)

# Making a model of a config can also fail for a missing package, or for a config that contradicts itself.
REFUSALS = (*FAILURES, ImportError, StrictDataclassError, ModelUnsupported, AssertionError)


class CannotFailError(ValueError):
    """The tiny model is too plain: wrong answers about it would pass."""


@dataclass(frozen=True)
class Checked:
    """What came of one type.

    Attributes:
        model_type: As its config names it.
        errors: Column -> the largest difference as a share of the quantity's largest value.
        reasons: Column, or "model" where there is none -> why it could not be compared.
        notes: What a reader has to know of how it was compared.
        seconds: What the check took.
    """

    model_type: str
    errors: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def holds(self, column: str) -> bool:
        """Whether a column was compared and is equal."""
        return self.errors.get(column, np.inf) < BOUND

    def lacking(self, columns: tuple[str, ...] = PROOF) -> dict[str, str]:
        """The columns that do not hold, each with the reason."""
        missing = [column for column in columns if not self.holds(column)]
        whole = self.reasons.get("model", "")
        return {
            column: whole or self.reasons.get(column) or f"differs by {self.errors[column]:.1e}" for column in missing
        }


def check(model_type: str) -> Checked:
    """Builds a type's tiny model twice and compares every column."""
    begin = time.perf_counter()
    try:
        oracle = Oracle(model_type)
    except REFUSALS as refusal:
        return Checked(model_type, reasons={"model": _said(refusal)})
    errors, reasons = {}, {}
    for column in COLUMNS:
        question: Callable[[], float] = getattr(oracle, column)
        try:
            errors[column] = question()
        except FeatureUnavailable as unavailable:
            reasons[column] = str(unavailable)
        except REFUSALS as refusal:
            reasons[column] = _said(refusal)
    return Checked(model_type, errors, reasons, tuple(oracle.notes), time.perf_counter() - begin)


def _said(refusal: Exception) -> str:
    return f"{type(refusal).__name__}: {' '.join(str(refusal).split())}"[:300]


class Oracle:
    """One type's model beside its stock twin. Each column is a method that returns the largest difference."""

    def __init__(self, model_type: str) -> None:
        self.model_type, self.notes = model_type, []
        config = config_of(model_type)
        with torch.device("meta"):
            sketch = AutoModelForCausalLM.from_config(deepcopy(config))
        parameters = sum(parameter.numel() for parameter in sketch.parameters())
        if parameters > LARGEST:
            raise ValueError(f"its tiny config makes a model of {parameters:,} parameters")
        model = AutoModelForCausalLM.from_config(deepcopy(config)).eval()
        enlarge(model, 0)
        twin = AutoModelForCausalLM.from_config(deepcopy(config), attn_implementation="eager").eval()
        twin.load_state_dict(model.state_dict())
        self.stock = Stock(twin)
        self.model = Model(model, byte_level(), name=model_type)
        if not self.model._engine.cached:
            self.notes.append("every text runs in one pass: its cached steps are not exact")
        self.expected = self.stock.run(IDS)
        self.moment = moment_of(self.model, IDS)

    def logits(self) -> float:
        """The whole text in one pass."""
        whole = self.stock.logits(IDS)
        if not _spread(whole):
            raise CannotFailError("its logits are flat")
        return _error(self._logits(self.moment), whole)

    def stepping(self) -> float:
        """A prefill, then one cached step a token."""
        self.model._shelf.clear()
        return _error(self._logits(self._walked(IDS[:PREFILL], IDS[PREFILL:])), self.expected.logits)

    def back(self) -> float:
        """Some steps back, and the same steps again from what was cut back alone."""
        self.stepping()
        shelf = self.model._shelf
        earlier = self.model.back(self.moment, BACK)
        error = _error(self._logits(earlier), self.expected.logits[:-BACK])
        cut = self.model._recording(earlier)
        shelf.clear()
        shelf.put(cut)
        return max(error, _error(self._logits(self._walked(earlier.ids, IDS[-BACK:])), self.expected.logits))

    def branching(self) -> float:
        """Another token in the middle; both branches go on, the first after the second was made."""
        self.model._shelf.clear()
        self._walked(IDS[:PREFILL], IDS[PREFILL:-1])
        other = self._walked(OTHER[:FORK], OTHER[FORK:])
        error = _error(self._logits(other), self.stock.logits(OTHER))
        return max(error, _error(self._logits(self._walked(IDS[:-1], IDS[-1:])), self.expected.logits))

    def streams(self) -> float:
        """Each residual stream; the worst of them."""
        expected = self.expected.streams
        found = [self.model.hidden(self.moment, stream) for stream in range(self.model.card().layers + 1)]
        return max(_error(mine, theirs) for mine, theirs in zip(found, expected, strict=True))

    def lens(self) -> float:
        """Every row's logits, and the probabilities that the grid lists."""
        expected = self.stock.read(IDS, self.expected.streams)
        grid = self.model.lens(self.moment, middle=False)
        engine, recording = self.model._engine, self.model._recording(self.moment)
        found = engine.unembed(recording, [(row, False) for row in range(len(expected))], 0, TOKENS).numpy()
        probability = torch.tensor(expected).double().softmax(-1).numpy()
        listed = np.take_along_axis(probability, grid.top_ids, -1)
        best = -np.sort(-probability, -1)[:, :, : grid.top_ids.shape[2]]
        rows = max(_error(mine, theirs) for mine, theirs in zip(found, expected, strict=True))
        return max(rows, _error(grid.top_probability, listed), _error(grid.top_probability, best))

    def attention(self) -> float:
        """Every weight of every head of every layer that has attention."""
        expected = self.expected.attention
        if not expected:
            raise ValueError("stock transformers hands out no attention")
        found, sinks = self._attention()
        if self.model_type in BEFORE_SINK:
            self.notes.append("stock hands out weights before the sink: rows are renormalised, sinks compared apart")
            shares = self.stock.sinks(IDS, expected)
            found = [rows / rows.sum(-1, keepdims=True) for rows in found]
            sink_error = max(_error(mine, theirs) for mine, theirs in zip(sinks, shares, strict=True))
        else:
            sink_error = 0.0
        for weights in expected:
            if not _peaked(weights):
                raise CannotFailError("its attention is flat, or its heads are alike")
        return max(sink_error, *(_error(mine, theirs) for mine, theirs in zip(found, expected, strict=True)))

    def contributions(self) -> float:
        """What the parts add up to, and what the heads with the other parts add up to, against the logit."""
        errors = []
        for position in (6, TOKENS - 1):
            expected = self.expected.logits[position]
            for target in (*TARGETS, int(expected.argmax())):
                found = self.model.contributions(self.moment, position, target)
                values = found.values.astype(np.float64)
                split = ~np.isnan(found.output_bias)
                whole = [at for at, (kind, layer) in enumerate(zip(found.kinds, found.layers, strict=True))
                         if kind != "attention" or not split[layer]]  # fmt: skip
                heads = np.nansum(found.heads.astype(np.float64)) + found.output_bias[split].astype(np.float64).sum()
                for total in (values.sum(), values[whole].sum() + heads):
                    capped = found.softcap * np.tanh(total / found.softcap) if found.softcap else total
                    errors.append(abs(capped - expected[target]) / np.abs(expected).max())
                if found.unsplit or (found.unsplit_heads and self.expected.attention):
                    raise FeatureUnavailable(found.unsplit or found.unsplit_heads)
        return float(max(errors))

    def ablation(self) -> float:
        """One head of every attending layer, and all of those together, switched off."""
        heads = self._heads()
        off = {(layer, layer % count): count for layer, count in heads.items()}
        errors = []
        for group in (*({head: count} for head, count in off.items()), off):
            expected = self.stock.without(IDS, group)
            if not np.abs(expected - self.expected.logits).max() > 1e-3 * np.abs(expected).max():
                raise CannotFailError("switching a head off changes nothing")
            self.model._shelf.clear()
            moment = self._walked(IDS[:PREFILL], IDS[PREFILL:], moment_of(self.model, IDS).without(list(group)))
            errors.append(_error(self._logits(moment), expected))
        return max(errors)

    def patching(self) -> float:
        """The streams of a clean text, token by token, put into a changed one."""
        *_, grid = self.model.patch(moment_of(self.model, CLEAN), moment_of(self.model, CHANGED), "stream", PAIR)
        largest = np.abs(self.stock.logits(CHANGED)).max()
        errors = []
        for layer in range(grid.difference.shape[0]):
            for token in (2, 5, 7, 11):
                logits = self.stock.patched(CLEAN, CHANGED, layer, token)
                errors.append(abs(grid.difference[layer, token] - (logits[PAIR[0]] - logits[PAIR[1]])) / largest)
        return float(max(errors))

    def steering(self) -> float:
        """Vectors added to streams in the middle of a text and from its beginning."""
        expected = steered_stock(self.stock.model, IDS, STEERS).numpy()
        return _error(self._logits(steered(self.model, IDS)), expected)

    def _walked(self, prompt: Ids, taken: Ids, moment: Moment | None = None) -> Moment:
        moment = replace(moment or self.moment, ids=prompt, prompt_length=len(prompt))
        for token in taken:
            self.model.tokens(moment)
            moment = self.model.step(moment, take=token)
        return moment

    def _logits(self, moment: Moment) -> Array:
        """[token, vocabulary]."""
        recording = self.model._recording(moment)
        rows = [self.model._engine.logits(recording, position) for position in range(len(moment.ids))]
        return torch.stack(rows).numpy()

    def _heads(self) -> dict[int, int]:
        """Layer that has attention -> how many heads."""
        self.model._require("ablation")
        self.model.attention(self.moment, *self._first_head())
        formulas = self.model._engine.recorder.formulas
        return {layer: formula.heads for layer, formula in enumerate(formulas) if formula is not None}

    def _first_head(self) -> Head:
        formulas = self.model._engine.recorder.formulas
        return next((layer, 0) for layer, formula in enumerate(formulas) if formula is not None)

    def _attention(self) -> tuple[list[Array], list[Array]]:
        """Per layer that has attention, [head, query, key] weights and [head, query] sink shares."""
        self.model._require("attention")
        formulas = self.model._engine.recorder.formulas
        weights, sinks = [], []
        for layer, formula in enumerate(formulas):
            if formula is not None:
                maps = [self.model.attention(self.moment, layer, head) for head in range(formula.heads)]
                weights.append(np.stack([shown.weights for shown in maps]))
                sinks.append(np.stack([shown.sink for shown in maps]))
        return weights, sinks


def _error(found: Array, expected: Array) -> float:
    if found.shape != expected.shape:
        raise ValueError(f"shapes {found.shape} and {expected.shape}")
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _peaked(weights: Array) -> bool:
    """Whether the heads of a layer look hard at something past the first token, each at something else."""
    far = max(np.abs(rows - weights[0]).max() for rows in weights[1:]) if len(weights) > 1 else 1.0
    return bool(weights[:, 4:, 1:].max() > 0.25 and far > 0.2)


def _spread(logits: Array) -> bool:
    """Whether the distributions are far from flat."""
    top = np.exp(logits.max(-1) - np.logaddexp.reduce(logits, axis=-1))
    return bool(top.mean() > 10 / logits.shape[-1])
