"""Hugging Face ZeroGPU: a GPU is lent to single calls, each in a process that is forked for it.

Import this first where it is imported at all: the platform's own package has to come before torch and gradio. On any
other hardware nothing here does anything, and that package is not needed.
"""

import os
from collections.abc import Callable, Generator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from settings import SettingError

if TYPE_CHECKING:
    from model_runtime.elsewhere import Order, Run

_VARIABLE: Final = "SPACES_ZERO_GPU"  # what the platform's package itself looks at, and so its values
_KEPT: Final = "Your text is as it was, and what was computed so far can still be looked at."


def lends(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether GPUs are lent here."""
    return environment.get(_VARIABLE, "").lower() in ("1", "t", "true")


def placed(device: str, dtype: str) -> tuple[str, str]:
    """Where models stay here, and in what numbers: those of the checkpoint, in which they also run on the lent GPU.

    Args:
        device: As the settings have it.
        dtype: Likewise.

    Raises:
        SettingError: Another device is asked for, and there is none beside the GPUs that are lent.
    """
    if device not in ("auto", "cuda"):
        raise SettingError(f"device is {device!r}; this is ZeroGPU, which lends a GPU to each call: use auto.")
    return "cpu", "checkpoint" if dtype == "auto" else dtype


def lend(run: "Run", seconds: Callable[["Order"], int]) -> "Run":
    """Makes of a function one that runs in a process with a GPU; as `model_runtime.elsewhere.Lend` says.

    Args:
        run: A generator function of one argument. It and what it gives are pickled.
        seconds: How long a call with that argument may take.
    """
    import gradio  # late, and so the next: they come after the platform's package
    import httpx

    lent: Callable[[Order], Generator[Any, None, None]] = import_module("spaces").GPU(run, duration=seconds)
    from model_runtime.errors import GpuUnavailable

    def told(order: "Order") -> Generator[Any, None, None]:
        try:
            yield from lent(order)
        except gradio.Error as error:
            raise GpuUnavailable(f"{_said(error)} {_KEPT}") from error
        except (RuntimeError, httpx.HTTPError) as error:
            raise GpuUnavailable(f"ZeroGPU cannot be reached: {error}. {_KEPT} Try again in a minute.") from error

    return told


def _said(error: Any) -> str:
    """What the platform says, as a sentence."""
    title, words = str(error.title), str(error.message).strip()
    return f"{title}: {words.rstrip('.')}." if title != "Error" else f"{words.rstrip('.')}."


if lends():
    import_module("spaces")
