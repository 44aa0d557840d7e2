"""Which files a model is made of, in a folder or on the hub, and plain words for folders that hold none."""

import json
import os
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from model_runtime.errors import ModelNotFound, ModelUnsupported
from model_runtime.hub import HubModel, find_on_hub
from model_runtime.loading_progress import Reporter
from model_runtime.model_names import BUILTIN, HUB_ID, Source

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
# What a tokenizer can be made of: one of these is there, or there is none.
TOKENIZER_FILES = (
    "tokenizer.json", "vocab.*", "*.model", "*.tiktoken", "*.spm", "vocab-src.json", "spiece.*", "tokenizer.model*",
    "*.vocab", "tekken.json", "bpe.codes", "*vocab*.txt", "prophetnet.tokenizer",
)  # fmt: skip


@dataclass(frozen=True)
class ModelFiles:
    """A model's files.

    Attributes:
        source: What they were asked for by.
        folder: Where they lie, or will once they are fetched.
        sizes: Bytes of each file by its path in the folder; of a folder on this machine the top files alone.
        hub: Where they can be fetched, None for those of this machine.
        gguf: The GGUF file that holds all of the model, "" for none.
    """

    source: Source
    folder: Path
    sizes: dict[str, int]
    hub: HubModel | None = None
    gguf: str = ""

    @property
    def commit(self) -> str:
        """The commit of a hub model, else ""."""
        return "" if self.hub is None else self.hub.commit

    @property
    def title(self) -> str:
        """The model's name without its revision."""
        return self.source.title

    @property
    def exact(self) -> str:
        """The name with the very commit, which opens the same files again."""
        return f"{self.title}@{self.commit}" if self.commit else self.title

    @property
    def is_adapter(self) -> bool:
        """Whether this is no model but an adapter, which goes onto one."""
        return ADAPTER_CONFIG in self.sizes and not any(has_weights(self.sizes, name) for name in WEIGHTS)

    @property
    def has_tokenizer(self) -> bool:
        """Whether a tokenizer can be made of what is here."""
        return bool(self.gguf) or any(fnmatch(name, kind) for name in self.sizes for kind in TOKENIZER_FILES)


def has_weights(sizes: dict[str, int], name: str) -> bool:
    """Whether weights of this name are among the files, whole or in shards."""
    return name in sizes or f"{name}.index.json" in sizes


def find_files(source: Source, report: Reporter) -> ModelFiles:
    """Finds a model's files; those of the hub are fetched as far as they are small.

    Raises:
        ModelNotFound: There is nothing of that name, or no model in it.
        ModelUnsupported: It is a file that is no model.
    """
    files = _located(source, report)
    if source.part:
        if source.part not in files.sizes and not os.path.isfile(files.folder / source.part):
            raise ModelNotFound(f"{source.where} holds no file {source.part}. {_ggufs_there(files)}")
        return _gguf(files, source.part)
    ggufs = _ggufs(files)
    if "config.json" in files.sizes or files.is_adapter or not ggufs:
        return files
    if len(ggufs) > 1:
        raise ModelNotFound(f"{files.title} holds {len(ggufs)} GGUF files. {_ggufs_there(files)}")
    return _gguf(files, ggufs[0])


def weight_files(files: ModelFiles) -> list[str]:
    """The files of the weights, chosen as transformers chooses: safetensors first, then PyTorch's own.

    Raises:
        ModelNotFound: There are none, or a shard is missing.
        ModelUnsupported: The list of shards cannot be read.
    """
    if files.gguf:
        return [files.gguf]
    for single in ADAPTER_WEIGHTS if files.is_adapter else WEIGHTS:
        if single in files.sizes:
            return [single]
        if f"{single}.index.json" in files.sizes:
            return _shards(files, f"{single}.index.json")
    raise ModelNotFound(
        f"{files.title} holds no weights (model.safetensors or pytorch_model.bin), {holds(files)}. Copy them into "
        "it, or give another folder or id."
    )


def holds(files: ModelFiles) -> str:
    """What is there instead, in a few words."""
    names = sorted(files.sizes)
    shown = ", ".join(names[:4])
    return f"but {shown}{' and others' if len(names) > 4 else ''}" if names else "nor anything else"


def no_config(files: ModelFiles) -> ModelNotFound:
    """Why files without a config.json are no model, by what they are instead."""
    name, have = files.title, set(files.sizes)
    advice = "Choose the folder or id of a causal model in transformers' format."
    if not have and not any(files.folder.glob("*")):
        return ModelNotFound(f"{name} is empty. Give the folder that holds a model's config.json and weights.")
    checkpoints = sorted(place.name for place in files.folder.glob("checkpoint-*") if place.is_dir())
    if checkpoints:
        last = max(checkpoints, key=lambda place: (len(place), place))
        return ModelNotFound(f"{name} holds checkpoints and no config.json. Give one of them: {files.folder / last}.")
    kinds = (
        ("model_index.json", "a diffusers pipeline, which makes pictures or sounds and not text", advice),
        ("modules.json", "a sentence-transformers model, which turns texts into vectors and does not write", advice),
        ("params.json", "a model in its makers' own format", "Choose its version for transformers, often named -hf."),
        ("*.onnx", "an ONNX model, which cannot be opened up", "Choose the same model with safetensors weights."),
        ("*.h5", "TensorFlow weights", "Choose the same model with safetensors weights."),
        ("*.msgpack", "Flax weights", "Choose the same model with safetensors weights."),
    )
    for pattern, what, then in kinds:
        if any(fnmatch(one, pattern) for one in have) or any(files.folder.glob(f"*/{pattern}")):
            return ModelNotFound(f"{name} holds {what}, and no config.json. {then}")
    return ModelNotFound(
        f"{name} holds no config.json, {holds(files)}, so it is no model that transformers can open. Copy the "
        "config.json that belongs to the weights into it, or give another folder or id."
    )


def _located(source: Source, report: Reporter) -> ModelFiles:
    where = source.where
    if where in BUILTIN:
        folder = BUILTIN[where]
        if not (folder / "config.json").is_file():
            raise ModelNotFound(f"The built-in model's files are missing from {folder}. Clone the repository again.")
        return ModelFiles(source, folder, _sizes(folder))
    path = Path(where)
    # These two say no to a name that is too long for a path; an empty one would be the present folder.
    if where and os.path.isdir(path):
        return ModelFiles(source, path, _sizes(path))
    if os.path.isfile(path):
        if path.suffix == ".gguf":
            return ModelFiles(source, path.parent, {path.name: path.stat().st_size}, gguf=path.name)
        raise ModelUnsupported(
            f"{where} is a file and no model. Give the folder that it lies in, with config.json and weights, or a "
            ".gguf."
        )
    if not HUB_ID.fullmatch(where) or os.path.isabs(where):
        raise ModelNotFound(
            f"There is no folder {where!r}, and no Hugging Face id such as Qwen/Qwen3-0.6B looks like it."
        )
    hub = find_on_hub(where, source.revision or None, report)
    return ModelFiles(source, hub.folder, hub.sizes, hub)


def _sizes(folder: Path) -> dict[str, int]:
    try:
        return {file.name: file.stat().st_size for file in sorted(folder.iterdir()) if file.is_file()}
    except OSError as error:
        raise ModelNotFound(
            f"{folder} cannot be read ({error.strerror}). Let the server read it, or give another folder."
        ) from error


def _ggufs(files: ModelFiles) -> list[str]:
    return [name for name in files.sizes if name.endswith(".gguf")]


def _ggufs_there(files: ModelFiles) -> str:
    names = sorted(_ggufs(files))
    if not names:
        return "It holds no GGUF file at all; give the model without a file name."
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"Name one, such as {files.source.where}:{names[0]}; there are {', '.join(names[:8])}{more}."


def _gguf(files: ModelFiles, name: str) -> ModelFiles:
    if fnmatch(name, "*-?????-of-?????.gguf"):
        raise ModelUnsupported(
            f"{name} of {files.title} is one part of a GGUF file in several, which transformers cannot read. Choose a "
            "GGUF in one file, or join the parts with llama-gguf-split --merge."
        )
    sizes = files.sizes if name in files.sizes else {**files.sizes, name: (files.folder / name).stat().st_size}
    return ModelFiles(files.source, files.folder, sizes, files.hub, name)


def _shards(files: ModelFiles, index: str) -> list[str]:
    try:
        shards = sorted(set(json.loads((files.folder / index).read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
        raise ModelUnsupported(
            f"{index} of {files.title} is no list of shards ({error!r}). Copy it again from where the model came from."
        ) from error
    missing = [shard for shard in shards if shard not in files.sizes]
    if missing:
        raise ModelNotFound(
            f"{files.title} lacks {len(missing)} of its {len(shards)} shards: {', '.join(missing[:3])}. Copy "
            f"{'it' if len(missing) == 1 else 'them'} into {files.folder}."
        )
    return shards
