"""How far the loading of a model has come: one rising fraction over all that is to be done, and bytes in words."""

from collections.abc import Callable

Progress = Callable[[str, float | None], None]

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "bytes"))


class Reporter:
    """Tells a progress function what is being done; phases follow each other, each with its share of the whole.

    Whatever the progress function raises, `LoadingStopped` above all, passes through and ends the loading.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._begin = self._end = self._reached = 0.0

    def phase(self, until: float) -> None:
        """Begins the next phase, at the end of which the whole has come to this fraction (0 to 1)."""
        self._begin, self._end = self._reached, until

    def __call__(self, message: str, part: float | None = None) -> None:
        """Reports.

        Args:
            message: What is being done.
            part: How much of the present phase is done (0 to 1), None where nobody knows.
        """
        fraction = None
        if part is not None:
            self._reached = max(self._reached, self._begin + (self._end - self._begin) * min(max(part, 0.0), 1.0))
            fraction = self._reached
        if self._progress is not None:
            self._progress(message, fraction)


def in_words(count: float) -> str:
    """A number of bytes for people, in decimal units as hubs and disks count: 7_640_000_000 is "7.6 GB"."""
    size, unit = _unit(count)
    return f"{_number(count / size)} {unit}"


def out_of(done: float, total: float) -> str:
    """Two numbers of bytes in the unit of the second: "1.2 of 7.6 GB"."""
    size, unit = _unit(total)
    return f"{_number(done / size)} of {_number(total / size)} {unit}"


def _unit(count: float) -> tuple[int, str]:
    return next((one for one in _UNITS if count >= one[0]), _UNITS[-1])


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
