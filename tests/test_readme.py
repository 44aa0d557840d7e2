"""The README and the pages of docs: what they tell a newcomer to type, open and look for is there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from settings import read
from viz.panels.tabs import GROUPS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "builtin_model/README.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: What the README's tables also tell of, which stands on the page outside the tabs.
BESIDE_THE_TABS = {"Token strip", "Next token"}


def _anchors(page: Path) -> set[str]:
    """The names of a page's headings in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_make_exist_and_their_settings_are_read(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE)) <= known
    for given in re.findall(r'make run ARGS="([^"]+)"', text) + re.findall(r"python app\.py (--[^`\n#]+)", text):
        if not {"--help", "--mcp"} & set(given.split()):  # the first ends at once, the second needs a package
            read(shlex.split(given), {})  # refuses what it does not know


def test_the_two_commands_come_first() -> None:
    first = re.findall(r"^    (make [a-z-]+)", README, re.MULTILINE)[:2]
    assert first == ["make run", "make test"]


def test_the_tables_tell_of_every_panel() -> None:
    tables = re.findall(r"^\| panel \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    rows = [row.split("|")[1:-1] for table in tables for row in table.splitlines()]
    told = {name.strip() for row in rows for name in row[0].split(",")}
    assert told == {tab.title for _, tabs in GROUPS for tab in tabs} | BESIDE_THE_TABS
    assert all(len(row) == 3 and all(cell.strip() for cell in row) for row in rows)  # each says what it does not show


def test_the_python_example_runs() -> None:
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= code.count("print(")


def test_what_the_readme_tells_of_deploying_works() -> None:
    command = [sys.executable, "-m", "deploy.space", "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "app.py" in done.stdout
