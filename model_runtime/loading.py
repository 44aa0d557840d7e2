"""From a name to a model: finds the files, checks that they can be opened and fit, loads them."""

from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel

from model_runtime.adapters import merged
from model_runtime.errors import ModelTooLarge, ModelUnsupported
from model_runtime.failures import FAILURES
from model_runtime.hub import fetch
from model_runtime.loading_plan import Plan, fetched, found, plan_of
from model_runtime.loading_progress import Progress, Reporter
from model_runtime.memory_records import MemoryNeed
from model_runtime.model import Model
from model_runtime.model_files import ModelFiles, weight_files
from model_runtime.model_names import read_name
from model_runtime.placement import Place, place_for
from model_runtime.vocabulary import Vocabulary
from model_runtime.weights_reading import read_weights


def load(
    name: str,
    *,
    device: str,
    dtype: str,
    quantise: str = "",
    adapter: str = "",
    progress: Progress | None = None,
    shelf_bytes: int | None = None,
) -> Model:
    """Loads a model; `model_runtime.load_model` says what may be given and raised, `Model` what `shelf_bytes` is."""
    report = Reporter(progress)
    report.phase(0.005)  # the small files, whatever they report of themselves
    report("Looking for the model")
    plan = plan_of(read_name(name, quantise=quantise, adapter=adapter), device, dtype, report)
    place_for(plan.need, plan.device, device)  # before a download that would be for nothing
    report("Reading the tokenizer")
    tokenizer = None if plan.config is None else _tokenizer(plan.files)
    report.phase(0.7)
    plan = fetched(plan, report)
    place = place_for(plan.need, plan.device, device)
    report.phase(0.9)
    report("Reading the weights", 0.0)
    model = _read(plan, place, report)
    report.phase(1.0)
    report("Checking that what will be shown is what the model computes", 0.0)
    loaded = _checked(model, tokenizer or _tokenizer(plan.files), plan, place, shelf_bytes)
    report("Ready", 1.0)
    return loaded


def need_of(name: str, *, device: str, dtype: str, quantise: str, adapter: str) -> MemoryNeed:
    """What a model will take; `model_runtime.estimate` says what may be given and raised."""
    return plan_of(read_name(name, quantise=quantise, adapter=adapter), device, dtype, Reporter(None)).need


def open_tokenizer(name: str) -> Vocabulary:
    """Opens a tokenizer by name; `model_runtime.load_tokenizer` says what may be given and raised."""
    files, _ = found(read_name(name), Reporter(None))
    if files.gguf and files.hub is not None:
        fetch(files.hub, weight_files(files), Reporter(None))
    tokenizer = _tokenizer(files)
    return Vocabulary(tokenizer, max(tokenizer.get_vocab().values(), default=-1) + 1)


def _read(plan: Plan, place: Place, report: Reporter) -> PreTrainedModel:
    model = read_weights(plan.files, plan.config, place, dtype=plan.dtype, quantise=plan.quantise, report=report)
    if plan.adapter is None:
        return model
    report("Putting the adapter into the weights")
    return merged(model, plan.adapter, weight_files(plan.adapter))


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


def _checked(model: PreTrainedModel, tokenizer: Any, plan: Plan, place: Place, shelf_bytes: int | None) -> Model:
    try:
        notes = plan.notes(place)
        return Model(model, tokenizer, name=plan.name, revision=plan.commit, notes=notes, shelf_bytes=shelf_bytes)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelTooLarge(f"{model.device} has not enough memory to run {plan.name}. Use a smaller model.") from error
    except FAILURES as error:
        raise ModelUnsupported(f"{plan.name} cannot be run step by step: {type(error).__name__}: {error}") from error
