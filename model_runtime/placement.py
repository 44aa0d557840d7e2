"""Where a model goes: one device, several GPUs, or GPUs and the CPU's memory; and in which numbers."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from model_runtime.errors import ModelUnsupported
from model_runtime.memory import check_memory, free_memory
from model_runtime.memory_records import MemoryNeed

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
CHECKPOINT = "checkpoint"
SPREAD = "spread"
_SHARE_FOR_WEIGHTS = 0.9  # of what is free on each GPU: layers come in one piece, and the run itself takes some


@dataclass(frozen=True)
class Place:
    """Where the weights go.

    Attributes:
        device: Where ids are given to the model.
        shares: The most bytes of weights for each device, by accelerate's names (a GPU's number, "cpu"); None where all
            of them go to `device`.
    """

    device: torch.device
    shares: dict[int | str, int] | None = None


def device_of(name: str) -> torch.device:
    """The device of a name as `load_model` takes it; for "spread" the one that runs the first layer.

    Raises:
        ModelUnsupported: There is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device("cuda:0" if name == SPREAD else name)
    except RuntimeError as error:
        raise ModelUnsupported(f"There is no device {name!r}; use auto, cpu, cuda or spread.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelUnsupported(
            f"This machine has no CUDA device that PyTorch can use, and {name!r} needs one; use device='cpu' or 'auto'."
        )
    if device.type not in ("cpu", "cuda"):
        raise ModelUnsupported(f"Models do not run on {name!r} here; use auto, cpu, cuda or spread.")
    return device


def dtype_of(name: str, device: torch.device, config: Any, *, own: str = "float32") -> str:
    """The dtype that weights will be in: "auto" is float32 on a CPU and elsewhere "checkpoint", the checkpoint's own.

    Args:
        name: What was asked for.
        device: Where they are to go.
        config: The model's config, None while it is not known.
        own: The checkpoint's own dtype where the config does not say.

    Raises:
        ModelUnsupported: There is no such dtype.
    """
    if name == "auto" and device.type == "cpu":
        return "float32"
    if name in ("auto", CHECKPOINT):
        own = str(getattr(config, "dtype", None) or own).removeprefix("torch.")
        return own if own in DTYPES else "bfloat16"
    if name not in DTYPES:
        raise ModelUnsupported(f"There is no dtype {name!r} here; use auto, {CHECKPOINT}, {', '.join(DTYPES)}.")
    return name


def place_for(need: MemoryNeed, device: torch.device, name: str) -> Place:
    """Finds the place that has the room.

    One device where that is enough; with "auto" all GPUs together where it is not; the CPU's memory as well only with
    "spread", as every pass then copies those layers over.

    Args:
        need: What the model takes on one device.
        device: That device.
        name: What was asked for.

    Raises:
        ModelTooLarge: It fits nowhere that was asked for.
    """
    if device.type == "cpu":
        check_memory(need, [] if need.dtype in ("bfloat16", "float16") else ["use dtype='bfloat16'"])
        return Place(device)
    if need.fits and name != SPREAD:
        return Place(device)
    shares: dict[int | str, int] = {
        number: int((free_memory(torch.device("cuda", number)) or 0) * _SHARE_FOR_WEIGHTS)
        for number in range(torch.cuda.device_count())
    }
    together = replace(need, device="all GPUs together", free=sum(shares.values()))
    if name == SPREAD and not together.fits:
        shares["cpu"] = int((free_memory(torch.device("cpu")) or 0) * _SHARE_FOR_WEIGHTS)
        together = replace(need, device="all GPUs and the CPU's memory together", free=sum(shares.values()))
    if name == SPREAD or (name == "auto" and len(shares) > 1 and together.fits):
        check_memory(together, _advice(need))
        return Place(torch.device("cuda", 0), _less_for_texts(shares, need))
    check_memory(need, [*_advice(need), "use device='spread', which puts the rest into the CPU's memory and is slower"])
    return Place(device)


def _advice(need: MemoryNeed) -> list[str]:
    if need.dtype == "float32":
        return ["use dtype='bfloat16'", "use quantise='8bit' or '4bit'"]
    return [] if need.dtype == "4bit" else ["use quantise='4bit'"]


def _less_for_texts(shares: dict[int | str, int], need: MemoryNeed) -> dict[int | str, int]:
    """Leaves room for a text: its cache lies with the layers, its recording with the first."""
    gpus = sum(1 for name in shares if name != "cpu")
    left = {name: share - need.cache // gpus if name != "cpu" else share for name, share in shares.items()}
    left[0] -= need.recording
    return {name: max(0, share) for name, share in left.items()}
