"""What the sweep found, one line of JSON a type, kept by each worker in a file of its own."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.coverage.oracle import Checked

PLACE = Path(__file__).parents[2] / "build" / "coverage"


def keep(checked: Checked, place: Path = PLACE) -> None:
    """Adds what was found of one type to this worker's file."""
    place.mkdir(parents=True, exist_ok=True)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    row = {"at": datetime.now(UTC).isoformat(), **asdict(checked)}
    with (place / f"{worker}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def gathered(place: Path = PLACE) -> dict[str, Checked]:
    """Type -> what was found of it last, over all workers."""
    rows = [json.loads(line) for file in place.glob("*.jsonl") for line in file.read_text("utf-8").splitlines()]
    found = {}
    for row in sorted(rows, key=lambda row: row.pop("at")):
        found[row["model_type"]] = Checked(**{**row, "notes": tuple(row["notes"])})
    return found
