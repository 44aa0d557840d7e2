"""Bytes, seconds and lists of layers as words."""

from collections.abc import Sequence
from typing import Final

from viz.sentences import say, say_many

_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")


def bytes_text(size: int) -> str:
    """Writes a number of bytes with at least three digits that count: 6,144 bytes are "6.00 KiB"."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    if unit == 0:
        return say_many("{count} byte", "{count} bytes", size, count=size)
    return f"{_three(amount)} {_UNITS[unit]}"


def time_text(seconds: float) -> str:
    """Writes a duration with three digits that count, in µs, ms or s."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms"), (1.0, "s")):
        amount = seconds * factor
        if amount < 1000 or unit == "s":
            break
    return f"{_three(amount)} {unit}"


def _three(amount: float) -> str:
    """At least three digits that count: 9.996 is written 10.0."""
    digits = next((digits for digits, bound in ((2, 10), (1, 100)) if round(amount, digits) < bound), 0)
    return f"{amount:,.{digits}f}"


def layers_text(layers: Sequence[int]) -> str:
    """Writes block indices as runs, as the page names them: L0 to L3, L5."""
    runs: list[list[int]] = []
    for layer in sorted(layers):
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ", ".join(
        f"L{run[0]}" if len(run) == 1 else say("{low} to {high}", low=f"L{run[0]}", high=f"L{run[-1]}") for run in runs
    )
