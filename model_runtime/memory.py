"""How much memory a model will take, from its files' headers and its config, before any weight is read."""

import json
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch

from model_runtime.errors import ModelTooLarge, ModelUnsupported
from model_runtime.failures import FAILURES
from model_runtime.loading_progress import in_words
from model_runtime.memory_records import MemoryNeed
from model_runtime.model_files import ModelFiles
from model_runtime.quantisation import UNPACKED, stored_quantisation

TYPICAL_TOKENS = 1024

# Bits a weight in GGUF files by the name of their kind, where the file itself is not here yet.
_GGUF_BITS = {"Q2": 2.6, "Q3": 3.9, "Q4": 4.8, "Q5": 5.6, "Q6": 6.6, "Q8": 8.5, "F16": 16, "BF16": 16, "F32": 32}
# Bits a weight takes on the device: bitsandbytes keeps one scale for each row, or (as 32 bits) for each 64 weights.
_QUANTISED_BITS = {"8bit": 8.0, "4bit": 4.5}
_HEADER_BYTES = 100 * 2**20  # safetensors' own limit
_HOST = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def memory_need(
    files: ModelFiles, weights: Sequence[str], config: Any, *, device: torch.device, dtype: str, quantise: str
) -> MemoryNeed:
    """What a model will take, as closely as can be told without reading it.

    Args:
        files: The model's files; those of the hub need not be here.
        weights: Which of them hold the weights.
        config: Its config, None while it is not known: then what a text takes is left out.
        device: Where it is to go.
        dtype: What the weights are to be in: "float32", "bfloat16" or "float16".
        quantise: "8bit", "4bit" or "".

    Raises:
        ModelUnsupported: A file's header cannot be read.
    """
    counted = sum(_elements(files, name, config) for name in weights)
    stored = sum(files.sizes[name] for name in weights)
    wide = getattr(torch, dtype).itemsize
    taken, own = counted * wide, stored_quantisation(config)
    if own:  # packed numbers, which stay so or are unpacked
        taken = int(stored * 8 / UNPACKED[own] * wide) if own in UNPACKED else stored
    if quantise:
        apart = min(counted, _outside_blocks(config))  # embedding and head stay as they are
        taken = int(apart * 2 + (counted - apart) * _QUANTISED_BITS[quantise] / 8)
    cache, recording = text_need(config, TYPICAL_TOKENS, 2 if quantise else wide)
    return MemoryNeed(
        name=files.title,
        dtype=quantise or dtype,
        weights=taken,
        cache=cache,
        recording=recording,
        tokens=TYPICAL_TOKENS,
        device=str(device),
        free=free_memory(device),
        stored=stored,
    )


def text_need(config: Any, tokens: int, itemsize: int) -> tuple[int, int]:
    """Bytes of the KV cache and of the recording of a text, from the config's numbers.

    Per token the cache holds a key and a value for each layer and key/value head. The recording holds the residual
    stream before and after each layer, what each attention added to it, and the queries of each layer and head.
    """
    if config is None:
        return 0, 0
    text = config.get_text_config()
    layers, width = int(getattr(text, "num_hidden_layers", 0) or 0), int(getattr(text, "hidden_size", 0) or 0)
    heads = _number(text, "num_attention_heads") or 1
    shared = _number(text, "num_key_value_heads") or heads
    head_width = _number(text, "head_dim") or width // heads
    cache = 2 * layers * shared * head_width
    recording = (layers + 1) * width + layers * width + layers * heads * head_width
    return tokens * cache * itemsize, tokens * recording * itemsize


def check_memory(need: MemoryNeed, advice: Sequence[str] = ()) -> None:
    """Refuses what clearly does not fit: a CPU without memory ends the whole program instead of raising an error.

    Args:
        need: What it takes.
        advice: What could be done here beside choosing a smaller model.

    Raises:
        ModelTooLarge: It does not fit.
    """
    if need.fits or need.free is None:
        return
    can = [*advice, "choose a smaller model"]
    tries = can[0] if len(can) == 1 else f"{', '.join(can[:-1])} or {can[-1]}"
    raise ModelTooLarge(
        f"{need.name} in {need.dtype} takes {in_words(need.total)}: {in_words(need.weights)} of weights, and "
        f"{in_words(need.cache + need.recording)} for a text of {need.tokens:,} tokens. "
        f"{in_words(need.free)} are free on {need.device}. {tries[0].upper()}{tries[1:]}."
    )


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be taken on a device, None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu" or not _HOST.is_file():
        return None
    lines = dict(line.split(":", 1) for line in _HOST.read_text(encoding="ascii").splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else None
    granted = _granted(_GROUP)
    return free if granted is None else granted if free is None else min(free, granted)


def _granted(group: Path) -> int | None:
    """What a container may still take, where it has a limit (control groups, version 2)."""
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        used = int((group / "memory.current").read_text(encoding="ascii"))
        facts = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return None
    # Pages of files that were not used lately are counted as used, and given back when memory is wanted.
    return None if limit == "max" else max(0, int(limit) - used + int(facts.get("inactive_file", 0)))


def _elements(files: ModelFiles, name: str, config: Any) -> int:
    """How many numbers a file of weights holds: exactly where it is here, else by its size."""
    path = files.folder / name
    if path.is_file() and name.endswith(".safetensors"):
        return sum(prod(entry["shape"]) for entry in _header(path, files.title).values())
    if path.is_file() and name.endswith(".gguf"):
        return _gguf_elements(path)
    if name.endswith(".gguf"):
        bits = next((bits for kind, bits in reversed(_GGUF_BITS.items()) if kind in name.upper()), 16.0)
        return int(files.sizes[name] * 8 / bits)
    stored = getattr(config, "dtype", None) or torch.float32
    return files.sizes[name] // stored.itemsize


def _header(path: Path, title: str) -> dict[str, Any]:
    """The tensors that a safetensors file says it holds; the format: 8 bytes of length, then JSON."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _HEADER_BYTES:
                raise ValueError("its header is too long")
            header = json.loads(file.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ModelUnsupported(
            f"The weights of {title} cannot be opened: {path.name} is no safetensors file ({error}). Get it again."
        ) from error
    if path.stat().st_size != 8 + length + end:
        raise ModelUnsupported(
            f"The weights of {title} cannot be opened: {path.name} has {path.stat().st_size:,} bytes, and its header "
            f"says {8 + length + end:,}. Get it again."
        )
    return tensors


def _gguf_elements(path: Path) -> int:
    from gguf import GGUFReader  # late: only such files need it

    try:
        return sum(int(tensor.n_elements) for tensor in GGUFReader(path).tensors)
    except FAILURES as error:
        raise ModelUnsupported(f"{path.name} is no GGUF file that can be read: {error}. Get it again.") from error


def _outside_blocks(config: Any) -> int:
    if config is None:
        return 0
    text = config.get_text_config()
    table = int(getattr(text, "vocab_size", 0) or 0) * int(getattr(text, "hidden_size", 0) or 0)
    return table if getattr(text, "tie_word_embeddings", True) else 2 * table


def _number(config: Any, name: str) -> int:
    """A number of the config; where layers differ in it the largest."""
    value = getattr(config, name, None)
    return int(max(value)) if isinstance(value, list | tuple) and value else int(value or 0) if value else 0
