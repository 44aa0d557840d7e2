"""What those who serve the page allow a visitor."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from model_runtime.turns import MOST_WAITING
from viz.sentences import say


@dataclass(frozen=True)
class Limits:
    """What one visitor may take; how long a text may be is the models' own affair.

    Attributes:
        run_seconds: How long one Play or one long question may run, 0 for as long as it takes.
        waiting: How many visitors may wait for one model.
    """

    run_seconds: int = 0
    waiting: int = MOST_WAITING

    def running(self) -> Callable[[], bool]:
        """Begins a run; the answer says whether it has had its time."""
        end = time.monotonic() + self.run_seconds if self.run_seconds else float("inf")
        return lambda: time.monotonic() >= end

    @property
    def words(self) -> str:
        """Why a run was stopped, as the end of a sentence."""
        return say("after {seconds} s, the most that one run may take on this page", seconds=self.run_seconds)


NO_LIMITS: Final = Limits()
