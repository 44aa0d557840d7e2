"""When the memory is full or the device fails: what says so, and one more try after making room."""

import gc
import threading
from collections.abc import Callable
from functools import wraps
from inspect import isfunction, isgeneratorfunction, signature
from typing import Any, TypeVar

import torch

from model_runtime.errors import DeviceFailed, ModelError, ModelTooLarge

# What PyTorch and the libraries below it say when they get no memory, besides raising OutOfMemoryError.
FULL = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED", "bad_alloc")
# What it says when the device itself failed: from then on every call to it fails in the same way.
FAILED = ("CUDA error", "device-side assert", "HIP error", "CUBLAS_STATUS_", "CUDNN_STATUS_", "unspecified launch")

Answer = TypeVar("Answer")


def trouble(error: RuntimeError | MemoryError, device: torch.device) -> ModelError | None:
    """What an error of a run means, None where it is neither about memory nor about the device."""
    said = str(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(words in said for words in FULL):
        return ModelTooLarge(
            f"The memory of {device} is full. Use a shorter text, a smaller model, 16-bit weights or another device."
        )
    if isinstance(error, torch.AcceleratorError) or any(words in said for words in FAILED):
        first = next(iter(said.strip().splitlines()), type(error).__name__)
        return DeviceFailed(
            f"{device} failed and answers nothing more: {first}. "
            "Restart Tokenscope; your text is in the page's link. If it happens again, use device='cpu'."
        )
    return None


class Room:
    """Makes room on a device whose memory is full, so that a question can be tried once more.

    Attributes:
        device: Where the model runs.
        clear: Drops what can be computed again, and returns how many bytes that were; given by the model.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.clear: Callable[[], int] = lambda: 0
        self._now = threading.local()

    def tried(self, work: Callable[[], Answer], tokens: int) -> Answer:
        """The answer of some work, after a second try if the memory was full. Work within work is not tried again.

        Args:
            work: What is to be done; it leaves nothing half done when it fails.
            tokens: How long the text is that it is about.

        Raises:
            ModelTooLarge: The memory does not suffice even so.
        """
        if getattr(self._now, "trying", False):
            return work()
        self._now.trying = True
        try:
            try:
                return work()
            except ModelTooLarge:
                pass  # and the error goes, with all that its frames hold
            freed = self._make()
            return self._again(work, tokens, freed)
        finally:
            self._now.trying = False

    def _again(self, work: Callable[[], Answer], tokens: int, freed: int) -> Answer:
        try:
            return work()
        except ModelTooLarge as error:
            raise ModelTooLarge(
                f"The memory of {self.device} does not suffice for this question about {tokens} tokens, though "
                f"{freed / 2**20:.0f} MB kept of other texts were freed. Use a shorter text, a smaller model, 16-bit "
                "weights or another device; shorter texts still work."
            ) from error

    def _make(self) -> int:
        freed = self.clear()
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return freed


def roomy(group: type) -> None:
    """Lets every question of a class about a moment be tried once more after making room.

    Answers that come in parts are left out: the moments and recordings that they ask for are tried by themselves.
    """
    for name, method in list(vars(group).items()):
        if (
            isfunction(method)
            and not isgeneratorfunction(method)
            and "moment" in list(signature(method).parameters)[1:2]
        ):
            setattr(group, name, _tried(method))


def _tried(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def asked(self: Any, moment: Any, *args: Any, **options: Any) -> Any:
        return self._engine.room.tried(lambda: method(self, moment, *args, **options), len(moment.ids))

    return asked
