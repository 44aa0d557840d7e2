"""From a name to a model: finds the files, checks that they can be opened, loads them."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from model_runtime.errors import ModelNotFound, ModelTooLarge, ModelUnsupported
from model_runtime.hub import HubModel, fetch, find_on_hub
from model_runtime.loading_progress import Progress, Reporter
from model_runtime.model import Model
from model_runtime.vocabulary import Vocabulary

_BUILTIN = Path(__file__).resolve().parent.parent / "builtin_model"
BUILTIN = {"builtin": _BUILTIN / "weights", "builtin-gpt2": _BUILTIN / "weights_gpt2"}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# What transformers raises at files that it cannot use.
FAILURES = (
    ValueError, TypeError, LookupError, AttributeError, ImportError, RuntimeError, OSError, EOFError, SafetensorError,
    UnpicklingError,
)  # fmt: skip
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


def load(name: str, *, device: str, dtype: str, progress: Progress | None) -> Model:
    """Loads a model by name; `model_runtime.load_model` says what may be given and raised."""
    report = Reporter(progress)
    where = device_of(device)
    report.phase(0.7)
    report("Looking for the model")
    found = _find(name, report)
    config = _config(found.folder, name)
    report("Reading the tokenizer")
    tokenizer = _tokenizer(found.folder, name)
    if found.hub is not None:
        fetch(found.hub, _weight_files(found), report)
    _check_memory(found.folder, name, config, where, dtype)
    report.phase(0.9)
    report("Reading the weights", 0.0)
    model = _weights(found.folder, name, config, where, _dtype(dtype, where))
    report.phase(1.0)
    report("Checking that what will be shown is what the model computes", 0.0)
    loaded = _checked(model, tokenizer, found.title, found.commit)
    report("Ready", 1.0)
    return loaded


def device_of(name: str) -> torch.device:
    """The device of a name as `load_model` takes it.

    Raises:
        ModelUnsupported: There is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelUnsupported(f"There is no device {name!r}; use auto, cpu or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelUnsupported("This machine has no CUDA device that PyTorch can use; use device='cpu' or 'auto'.")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype | str:
    """What transformers takes: its own "auto" is the checkpoint's dtype."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    if name not in DTYPES:
        raise ModelUnsupported(f"There is no dtype {name!r} here; use auto, {', '.join(DTYPES)}.")
    return DTYPES[name]


def open_tokenizer(name: str) -> Vocabulary:
    """Opens a tokenizer by name; `model_runtime.load_tokenizer` says what may be given and raised."""
    tokenizer = _tokenizer(_find(name, Reporter(None)).folder, name)
    return Vocabulary(tokenizer, max(tokenizer.get_vocab().values(), default=-1) + 1)


@dataclass(frozen=True)
class _Found:
    """Where a model's files are: the title is its name without the revision, the commit is "" for local ones."""

    folder: Path
    commit: str
    title: str
    hub: HubModel | None = None


def _find(name: str, report: Reporter) -> _Found:
    if name in BUILTIN:
        folder = BUILTIN[name]
        if not (folder / "config.json").is_file():
            raise ModelNotFound(f"The built-in model's files are missing from {folder}. Clone the repository again.")
        return _Found(folder, "", name)
    if name and Path(name).is_dir():  # an empty path would be the present folder
        return _Found(Path(name), "", name)
    identity, _, revision = name.partition("@")
    if not HUB_ID.fullmatch(identity) or os.path.isabs(name):
        raise ModelNotFound(
            f"There is no folder {name!r}, and no Hugging Face id such as Qwen/Qwen3-0.6B looks like it."
        )
    hub = find_on_hub(identity, revision or None, report)
    return _Found(hub.folder, hub.commit, identity, hub)


def _weight_files(found: _Found) -> list[str]:
    """The files of a hub model's weights, chosen as transformers chooses: safetensors first, then PyTorch's own."""
    sizes = found.hub.sizes if found.hub is not None else {}
    for single in ("model.safetensors", "pytorch_model.bin"):
        if single in sizes:
            return [single]
        index = found.folder / f"{single}.index.json"
        if index.is_file():
            try:
                return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise ModelUnsupported(f"{index.name} of {found.title} is no index of weights: {error!r}") from error
    return []


def _config(folder: Path, name: str) -> Any:
    """The config, once it is clear that transformers knows the model by itself."""
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelNotFound(f"{name} holds no config.json, so it is no model that transformers can open.") from error
    except (ValueError, OSError) as error:
        raise ModelUnsupported(f"The config.json of {name} cannot be read: {error}") from error
    kind = raw.get("model_type") if isinstance(raw, dict) else None
    if kind not in CONFIG_MAPPING:
        own = " It needs its own code, and code from a repository is never run here." if "auto_map" in str(raw) else ""
        raise ModelUnsupported(f"{name} is of type {kind!r}, which transformers does not know.{own} Choose another.")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except FAILURES as error:
        raise ModelUnsupported(f"The config.json of {name} cannot be used: {error}") from error
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ModelUnsupported(
            f"{name} is of type {kind!r}, which does not write token by token. Choose a causal model."
        )
    return config


def _check_memory(folder: Path, name: str, config: Any, device: torch.device, dtype: str) -> None:
    """Refuses what clearly does not fit: a CPU without memory ends the whole program instead of raising an error."""
    stored = sum(file.stat().st_size for file in [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")])
    kept = getattr(config, "dtype", None) or torch.float32
    wanted = _dtype(dtype, device)
    needed = stored * (wanted.itemsize if isinstance(wanted, torch.dtype) else kept.itemsize) // kept.itemsize
    free = free_memory(device)
    if free is not None and needed > free:
        raise ModelTooLarge(
            f"The weights of {name} take {needed / 2**30:.1f} GB and {device} has {free / 2**30:.1f} GB free. "
            "Use a smaller model, or dtype='bfloat16' where that is not yet so."
        )


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be taken on a device, None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    facts = Path("/proc/meminfo")
    if device.type != "cpu" or not facts.is_file():
        return None
    lines = dict(line.split(":", 1) for line in facts.read_text(encoding="ascii").splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else None


def _tokenizer(folder: Path, name: str) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except FAILURES as error:
        raise ModelUnsupported(f"The tokenizer of {name} cannot be opened: {error}") from error


def _weights(folder: Path, name: str, config: Any, device: torch.device, dtype: torch.dtype | str) -> PreTrainedModel:
    try:
        opened: Any = AutoModelForCausalLM.from_pretrained(
            folder, config=config, dtype=dtype, trust_remote_code=False, output_loading_info=True
        )
        model, info = opened
        lacking: set[str] = info["missing_keys"]
        if lacking:  # transformers would only warn, and fill them with noise
            raise ModelUnsupported(
                f"The weights of {name} lack {len(lacking)} tensors, such as {min(lacking)}. Get its files again."
            )
        placed: PreTrainedModel = model.to(device=device)
        return placed
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelTooLarge(f"{device} has not enough memory for {name}. Use a smaller one or 'bfloat16'.") from error
    except FAILURES as error:
        raise ModelUnsupported(f"The weights of {name} cannot be opened: {error}") from error


def _checked(model: PreTrainedModel, tokenizer: Any, name: str, revision: str) -> Model:
    try:
        return Model(model, tokenizer, name=name, revision=revision)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelTooLarge(f"{model.device} has not enough memory to run {name}. Use a smaller model.") from error
    except FAILURES as error:
        raise ModelUnsupported(f"{name} cannot be run step by step: {type(error).__name__}: {error}") from error
