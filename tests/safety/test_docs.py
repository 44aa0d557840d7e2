"""docs/safety.md names what there is."""

import re
from dataclasses import fields
from pathlib import Path

from settings import Settings
from viz.panels.shielding import HEADERS, LARGEST_REQUEST, is_closed

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")


def test_the_files_that_it_names_are_there() -> None:
    named = set(re.findall(r"`((?:tests|docs)/[\w/.]+|app\.py|requirements\.txt)`", TEXT))
    assert len(named) >= 12
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_file_of_these_tests_is_named() -> None:
    tests = {f"tests/safety/{file.name}" for file in Path(__file__).parent.glob("test_*.py")} - {
        "tests/safety/test_docs.py"
    }
    assert not [name for name in tests if name not in TEXT]


def test_its_numbers_and_names_are_the_programs() -> None:
    assert f"at most {LARGEST_REQUEST // 10**6} MB" in TEXT
    for name in set(HEADERS) - {"content-security-policy"}:
        assert f"`{name}`" in TEXT
    closed = re.search(r"\(((?:`/[^`]+`,\s+)+`/[^`]+`) and others\)", TEXT)
    assert closed is not None
    for address in re.findall(r"`([^`]+)`", closed[1]):
        assert is_closed(f"/gradio_api{address}"), address
    settings = {f"--{one.name.replace('_', '-')}" for one in fields(Settings)}
    assert set(re.findall(r"`(--[\w-]+)", TEXT)) <= settings
