"""Writes `docs/coverage.md` from what the sweep found: `python -m tests.coverage.table`, after `make test-all`."""

import platform
import sys
from pathlib import Path

import torch
import transformers

from tests.coverage.oracle import BOUND, COLUMNS, Checked
from tests.coverage.reasons import REASONS, WITHOUT_ATTENTION
from tests.coverage.results import gathered
from tests.coverage.settings import TYPES

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
TOGETHER = ("logits", "stepping", "back", "branching")  # in one cell
CELLS = (TOGETHER, *((column,) for column in COLUMNS if column not in TOGETHER))
YES, NO = "yes", "no"

ABOUT = """\
# Which models work

Made by `make coverage-table` from the results of `tests/coverage`, for every type that transformers' own
`AutoModelForCausalLM` knows. Each was built tiny, with random weights large enough that attention is peaked and heads
differ, once for Tokenscope and once as stock transformers with eager attention; both ran in float32 on the same text.
Every number Tokenscope showed was compared with what the stock model computed. The largest difference may be
{bound:.0e} of the quantity's largest value.

Versions: transformers {transformers}, torch {torch}, Python {python}.

{counts}

A type is **proven** when logits (one pass, a prefill and cached steps, going back and doing the steps again, two
branches), the residual streams, every row of the lens, and the attention weights of every layer that has any are equal.
The columns after that are features of their own: **contributions** are the sum of what all parts and heads added to a
logit against that logit, **ablation** is heads switched off against a hook on the stock model's output projection,
**patching** and **steering** are against hooks on the stock model's layers. Where the table says no, the number leads
to the reason.

Not run in this sweep: pretrained weights, 16-bit and quantised weights (bitsandbytes), CUDA, several devices.

"""


def page(found: dict[str, Checked]) -> str:
    """The whole page."""
    reasons: dict[str, int] = {}  # text -> its number
    rows = [_row(found[model_type], reasons) for model_type in TYPES]
    heading = ["type", *(", ".join(cell) for cell in CELLS), "worst error", "notes"]
    numbered = [f"{number}. {text}" for text, number in reasons.items()]
    lines = [
        ABOUT.format(
            bound=BOUND,
            transformers=transformers.__version__,
            torch=torch.__version__,
            python=platform.python_version(),
            counts=_counts(),
        )
        + "## By type\n",
        _line(heading),
        _line(["---"] * len(heading)),
        *rows,
        "\n## Reasons and notes\n",
        *numbered,
        "\n## Not proven\n",
        _line(["type", "reason"]),
        _line(["---", "---"]),
        *(_line([f"`{model_type}`", reason]) for model_type, reason in sorted(REASONS.items())),
    ]
    return "\n".join(lines) + "\n"


def _counts() -> str:
    proven = len(TYPES) - len(WITHOUT_ATTENTION) - len(REASONS)
    return (
        f"- **{proven} proven** of {len(TYPES)} types\n"
        f"- **{len(WITHOUT_ATTENTION)} without attention**: {', '.join(f'`{name}`' for name in WITHOUT_ATTENTION)}\n"
        f"- **{len(REASONS)} not proven**, each with its reason at the end of this page"
    )


def _row(checked: Checked, reasons: dict[str, int]) -> str:
    lacking = checked.lacking(COLUMNS)
    cells = [_cell([lacking[column] for column in cell if column in lacking], reasons) for cell in CELLS]
    held = [error for column, error in checked.errors.items() if checked.holds(column)]
    worst = f"{max(held):.1e}" if held else ""
    notes = " ".join(_number(note, reasons) for note in checked.notes)
    return _line([f"`{checked.model_type}`", *cells, worst, notes])


def _cell(lacking: list[str], reasons: dict[str, int]) -> str:
    if not lacking:
        return YES
    return f"{NO} {' '.join(dict.fromkeys(_number(text, reasons) for text in lacking))}"


def _number(text: str, reasons: dict[str, int]) -> str:
    return f"({reasons.setdefault(text, len(reasons) + 1)})"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def claims(text: str) -> dict[str, dict[str, bool]]:
    """Type -> column -> whether a written page says that it works."""
    said = {}
    for line in text.partition("## By type")[2].partition("## Reasons")[0].splitlines()[4:]:
        if line.startswith("| `"):
            name, *cells = (cell.strip() for cell in line.strip("| ").split("|"))
            pairs = zip(CELLS, cells, strict=False)
            said[name.strip("`")] = {column: mark == YES for cell, mark in pairs for column in cell}
    return said


def main() -> None:
    """Writes the page, or says what is missing."""
    found = gathered()
    missing = [model_type for model_type in TYPES if model_type not in found]
    if missing:
        sys.exit(f"No results for {len(missing)} types ({', '.join(missing[:5])}, ...). Run `make coverage-table`.")
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
