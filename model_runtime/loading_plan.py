"""What is going to be loaded: settled, checked and weighed before any weight is fetched or read."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from model_runtime.adapters import base_of, check_adapter
from model_runtime.errors import ModelUnsupported
from model_runtime.hub import fetch
from model_runtime.loading_progress import Reporter
from model_runtime.memory import memory_need
from model_runtime.memory_records import MemoryNeed
from model_runtime.model_files import ModelFiles, find_files, weight_files
from model_runtime.model_kinds import read_config
from model_runtime.model_names import ModelName
from model_runtime.placement import Place, device_of, dtype_of
from model_runtime.quantisation import check_quantisation


@dataclass(frozen=True)
class Plan:
    """What is going to be loaded.

    Attributes:
        files: The model's files.
        weights: Those that hold its weights.
        adapter: The files of what goes onto it, None for nothing.
        config: Its config, None while it lies in a GGUF file that is not fetched yet.
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
    def name(self) -> str:
        """What the model is opened by again, but for the commit."""
        if self.adapter is not None:
            return f"{self.files.exact} + {self.adapter.exact}"
        return f"{self.files.title}:{self.quantise}" if self.quantise else self.files.title

    @property
    def commit(self) -> str:
        """The commit that belongs to the name; "" for local files, and for names that carry theirs."""
        return "" if self.adapter is not None else self.files.commit

    @property
    def need(self) -> MemoryNeed:
        """The memory that it takes on its device."""
        return memory_need(
            self.files, self.weights, self.config, device=self.device, dtype=self.dtype, quantise=self.quantise
        )  # fmt: skip

    def notes(self, place: Place) -> tuple[str, ...]:
        """What a reader of the numbers has to know about how the weights came to be."""
        notes = []
        if self.files.gguf:
            notes.append(
                f"The weights are those of the GGUF file {self.files.gguf}, rounded when it was made, and computed "
                f"with in {self.dtype}."
            )
        if self.adapter is not None:
            notes.append(f"The adapter {self.adapter.title} is added to the weights of {self.files.title}.")
        if self.quantise:
            notes.append(f"The weights are rounded to {self.quantise}; what they compute is in 16 bits.")
        if place.shares is not None:
            notes.append("The layers are spread over several devices.")
        return tuple(notes)


def plan_of(name: ModelName, device: str, dtype: str, report: Reporter) -> Plan:
    """Finds the files of a model, those of the hub as far as they are small, and settles how it is to be loaded.

    Raises:
        ModelNotFound: There is no such model.
        ModelUnsupported: It cannot be opened, or not in that way.
    """
    where = device_of(device)
    files, adapter = found(name, report)
    if adapter is not None:
        check_adapter(adapter, name.quantise)
        base_of(adapter, named=name.adapter is not None)
    config = None
    if not files.gguf or (files.folder / files.gguf).is_file():
        config = read_config(files)
        check_quantisation(files.title, config, name.quantise, where)
    own = "bfloat16" if files.gguf else "float32"
    kept = dtype_of(dtype, where, config, own=own)
    return Plan(files, weight_files(files), adapter, config, where, kept, name.quantise)


def found(name: ModelName, report: Reporter) -> tuple[ModelFiles, ModelFiles | None]:
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


def fetched(plan: Plan, report: Reporter) -> Plan:
    """The plan once all its files are here."""
    for files in (plan.files, plan.adapter):
        if files is not None and files.hub is not None:
            fetch(files.hub, weight_files(files), report)
    if plan.config is not None:
        return plan
    config = read_config(plan.files)
    check_quantisation(plan.files.title, config, plan.quantise, plan.device)
    return replace(plan, config=config)
