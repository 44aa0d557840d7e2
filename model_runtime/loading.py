"""From a name to a model: finds the files, checks that they can be opened and fit, loads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel

from model_runtime.adapters import base_of, check_adapter, merged
from model_runtime.errors import ModelTooLarge, ModelUnsupported
from model_runtime.failures import FAILURES
from model_runtime.hub import fetch
from model_runtime.loading_progress import Progress, Reporter
from model_runtime.memory import memory_need
from model_runtime.memory_records import MemoryNeed
from model_runtime.model import Model
from model_runtime.model_files import ModelFiles, find_files, weight_files
from model_runtime.model_kinds import read_config
from model_runtime.model_names import ModelName, read_name
from model_runtime.placement import Place, device_of, dtype_of, place_for
from model_runtime.quantisation import check_quantisation
from model_runtime.vocabulary import Vocabulary
from model_runtime.weights_reading import read_weights


@dataclass(frozen=True)
class _Plan:
    """What is going to be loaded, before any weight is fetched or read.

    Attributes:
        files: The model's files.
        weights: Those that hold its weights.
        adapter: The files of what goes onto it, None for nothing.
        config: Its config.
        device: Where it is to go, or the first of several.
        dtype: What its weights are to be in.
        quantise: "8bit", "4bit" or "".
    """

    files: ModelFiles
    weights: list[str]
    adapter: ModelFiles | None
    config: Any
    device: torch.device
    dtype: str
    quantise: str

    @property
    def name(self) -> tuple[str, str]:
        """What the model is opened by again, and its commit: a moment carries both."""
        title = f"{self.files.title}:{self.quantise}" if self.quantise else self.files.title
        if self.adapter is not None:
            return f"{self.files.exact} + {self.adapter.exact}", ""
        return title, self.files.commit

    def need(self) -> MemoryNeed:
        return memory_need(
            self.files, self.weights, self.config, device=self.device, dtype=self.dtype, quantise=self.quantise
        )  # fmt: skip


def load(
    name: str, *, device: str, dtype: str, quantise: str = "", adapter: str = "", progress: Progress | None = None
) -> Model:
    """Loads a model; `model_runtime.load_model` says what may be given and raised."""
    report = Reporter(progress)
    report.phase(0.7)
    report("Looking for the model")
    plan = _plan(read_name(name, quantise=quantise, adapter=adapter), device, dtype, report)
    place = place_for(plan.need(), plan.device, device)
    report("Reading the tokenizer")
    tokenizer = _tokenizer(plan.files)
    for files in (plan.files, plan.adapter):
        if files is not None and files.hub is not None:
            fetch(files.hub, weight_files(files), report)
    report.phase(0.9)
    report("Reading the weights", 0.0)
    model = read_weights(
        plan.files, plan.config, place, dtype=plan.dtype, quantise=plan.quantise, report=report
    )  # fmt: skip
    if plan.adapter is not None:
        report("Putting the adapter into the weights")
        model = merged(model, plan.adapter, weight_files(plan.adapter))
    report.phase(1.0)
    report("Checking that what will be shown is what the model computes", 0.0)
    loaded = _checked(model, tokenizer, plan, _notes(plan, place))
    report("Ready", 1.0)
    return loaded


def need_of(name: str, *, device: str, dtype: str, quantise: str, adapter: str) -> MemoryNeed:
    """What a model will take; `model_runtime.estimate` says what may be given and raised."""
    return _plan(read_name(name, quantise=quantise, adapter=adapter), device, dtype, Reporter(None)).need()


def open_tokenizer(name: str) -> Vocabulary:
    """Opens a tokenizer by name; `model_runtime.load_tokenizer` says what may be given and raised."""
    files, _ = _found(read_name(name), Reporter(None))
    tokenizer = _tokenizer(files)
    return Vocabulary(tokenizer, max(tokenizer.get_vocab().values(), default=-1) + 1)


def _plan(name: ModelName, device: str, dtype: str, report: Reporter) -> _Plan:
    where = device_of(device)
    files, adapter = _found(name, report)
    if adapter is not None:
        check_adapter(adapter, name.quantise)
    config = read_config(files)
    check_quantisation(files.title, config, name.quantise, where)
    return _Plan(
        files, weight_files(files), adapter, config, where, dtype_of(dtype, where, config), name.quantise
    )  # fmt: skip


def _found(name: ModelName, report: Reporter) -> tuple[ModelFiles, ModelFiles | None]:
    """The files of a model, and of the adapter where one was asked for or is what the name leads to."""
    files = find_files(name.model, report)
    if name.adapter is not None:
        adapter = find_files(name.adapter, report)
    elif files.is_adapter:
        files, adapter = find_files(base_of(files), report), files
    else:
        return files, None
    if files.is_adapter:
        raise ModelUnsupported(
            f"{files.title} is an adapter itself. Give a whole model, and one adapter to go onto it."
        )
    return files, adapter


def _tokenizer(files: ModelFiles) -> Any:
    if not files.has_tokenizer:
        raise ModelUnsupported(
            f"{files.title} holds no tokenizer (such as tokenizer.json). Copy the tokenizer's files of the model "
            "that it was made from into it."
        )
    where: dict[str, Any] = {"gguf_file": files.gguf} if files.gguf else {}
    try:
        return AutoTokenizer.from_pretrained(files.folder, trust_remote_code=False, **where)
    except FAILURES as error:
        raise ModelUnsupported(
            f"The tokenizer of {files.title} cannot be opened: {error}. Choose another model, or one with a "
            "tokenizer.json."
        ) from error


def _notes(plan: _Plan, place: Place) -> tuple[str, ...]:
    """What a reader of the numbers has to know about how the weights came to be."""
    notes: Sequence[str | None] = (
        f"The weights are those of the GGUF file {plan.files.gguf}, rounded when it was made, and computed with in "
        f"{plan.dtype}." if plan.files.gguf else None,
        f"The adapter {plan.adapter.title} is added to the weights of {plan.files.title}." if plan.adapter else None,
        f"The weights are rounded to {plan.quantise}; what they compute is in 16 bits." if plan.quantise else None,
        "The layers are spread over several devices." if place.shares is not None else None,
    )  # fmt: skip
    return tuple(note for note in notes if note is not None)


def _checked(model: PreTrainedModel, tokenizer: Any, plan: _Plan, notes: tuple[str, ...]) -> Model:
    name, revision = plan.name
    try:
        return Model(model, tokenizer, name=name, revision=revision, notes=notes)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelTooLarge(f"{model.device} has not enough memory to run {name}. Use a smaller model.") from error
    except FAILURES as error:
        raise ModelUnsupported(f"{name} cannot be run step by step: {type(error).__name__}: {error}") from error
