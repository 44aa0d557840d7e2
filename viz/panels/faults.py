"""Faults of the program in its log, without a word of what a visitor typed.

A traceback ends with the error's message, and a message may quote what came with the request: it stays out, and with
it line ends that would look like further lines of the log. Where the fault arose is told, by which it can be found.
"""

import logging
import traceback
from typing import Final

from viz.sentences import later

log = logging.getLogger("tokenscope")
WORDS: Final = later("Something went wrong on the server; its log says where. Your text is as it was.")


def log_fault(error: BaseException) -> None:
    """Logs where an error arose and what kind it is, causes first."""
    while error is not None:
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.error("fault of kind %s at\n%s", type(error).__name__, frames.rstrip())
        error = error.__cause__  # type: ignore[assignment]  # None ends it
