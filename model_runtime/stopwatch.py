"""Wall time of work on a device."""

import time
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")


def timed(device: torch.device, work: Callable[[], Result]) -> tuple[Result, float]:
    """Runs some work to its end.

    Returns:
        Its result, and the seconds it took: a GPU's queue is empty before and after.
    """
    _finish(device)
    began = time.perf_counter()
    result = work()
    _finish(device)
    return result, time.perf_counter() - began


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
