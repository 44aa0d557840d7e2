"""`make audit`: what it looks up, and that a package which could not be looked up fails it."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from deploy import audit
from deploy.audit import AuditError, judge, look_up, main, resolved

# What pip-audit 2.10.1 wrote for two packages: where its service was not reached (it ended with 0, and said that no
# hole is known), and with a service on this machine that knows of one hole.
NOT_REACHED = (
    '{"dependencies": [{"name": "gradio", "skip_reason": "Dependency not found on PyPI and could not be audited: gradio'
    ' (6.31.0)"}, {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited: torch'
    ' (2.13.0)"}], "fixes": []}'
)
ONE_HOLE = (
    '{"dependencies": [{"name": "gradio", "version": "6.31.0", "vulns": [{"id": "CVE-2026-0001", "fix_versions":'
    ' ["99.1"], "aliases": ["GHSA-aaaa-bbbb-cccc"]}]}, {"name": "torch", "version": "2.13.0", "vulns": []}],'
    ' "fixes": []}'
)
TWO = {"gradio": "6.31.0", "torch": "2.13.0"}


def installed(folder: Path, name: str, version: str, *requires: str) -> None:
    place = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    (place / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {one}" for one in requires), ""]))


def test_what_is_looked_up_is_all_that_the_requirements_lead_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    installed(tmp_path, "Top.One", "1.0+cu130", "middle_one[fast]>=2", 'nowhere; python_version < "3"')
    installed(tmp_path, "middle-one", "2.5", 'leaf; extra == "fast"', 'other; extra == "slow"', "top-one")
    installed(tmp_path, "leaf", "0.1.post2")
    assert resolved("# a comment\ntop-one==1.0  # pinned\n\n") == {
        "top-one": "1.0",
        "middle-one": "2.5",
        "leaf": "0.1.post2",
    }
    assert resolved("middle-one") == {"middle-one": "2.5", "top-one": "1.0", "leaf": "0.1.post2"}
    with pytest.raises(AuditError, match=r"^other is not installed"):
        resolved("middle-one[slow]")
    with pytest.raises(AuditError, match=r"^requirements\.txt cannot be read"):
        resolved("-r other.txt")


def test_what_the_page_runs_with_is_looked_up() -> None:
    found = resolved((audit.ROOT / "requirements.txt").read_text())
    assert {"gradio", "torch", "transformers", "starlette", "httpx", "safetensors", "numpy"} <= set(found)
    assert not {"pytest", "ruff", "mypy", "tokenscope"} & set(found)
    assert found["torch"] == version("torch").split("+")[0]
    assert found["starlette"] == version("starlette")


def test_a_package_that_could_not_be_looked_up_is_a_fault() -> None:
    faults = judge(TWO, json.loads(NOT_REACHED))
    assert [fault.split(":")[0] for fault in faults] == [
        "gradio 6.31.0 could not be looked up",
        "torch 2.13.0 could not be looked up",
    ]
    assert "Dependency not found on PyPI" in faults[0]


def test_a_hole_is_told_with_what_closes_it() -> None:
    assert judge(TWO, json.loads(ONE_HOLE)) == [
        "gradio 6.31.0 has a known hole: CVE-2026-0001, GHSA-aaaa-bbbb-cccc; fixed in 99.1"
    ]
    assert judge({"torch": "2.13.0"}, json.loads(ONE_HOLE)) == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        {"dependencies": None},
        {"dependencies": [{"name": "torch", "version": "2.12.0", "vulns": []}]},
        {"dependencies": [{"name": "torch", "version": "2.13.0"}]},
        {"dependencies": [{"name": "torch", "version": "2.13.0", "vulns": None}]},
    ],
)
def test_silence_about_a_package_is_a_fault(answer: Any) -> None:
    (fault,) = judge({"torch": "2.13.0"}, answer)
    assert fault.startswith("torch 2.13.0 could not be looked up: ")


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """Stands in for pip-audit: writes the files `says` and `errors` beside it, and ends with the status in `status`."""
    program = tmp_path / "pip-audit"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, pathlib\n"
        "here = pathlib.Path(__file__).parent\n"
        "at = sys.argv.index('--requirement') + 1\n"
        "(here / 'asked').write_text(pathlib.Path(sys.argv[at]).read_text() + ' '.join(sys.argv[at + 1:]))\n"
        "sys.stdout.write((here / 'says').read_text())\n"
        "sys.stderr.write((here / 'errors').read_text())\n"
        "sys.exit(int((here / 'status').read_text()))\n"
    )
    program.chmod(0o755)
    for name, text in (("says", NOT_REACHED), ("errors", "No known vulnerabilities found\n"), ("status", "0")):
        (tmp_path / name).write_text(text)
    return program


def test_a_service_that_was_not_reached_fails_the_command(
    tool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "resolved", lambda text: TWO)
    assert main([], tool) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("could not be looked up") == 2
    assert told.err.endswith("make audit failed: 2 found.\n")
    assert (tool.parent / "asked").read_text().startswith("gradio==6.31.0\ntorch==2.13.0\n--no-deps")


def test_a_tool_that_breaks_down_fails_the_command(
    tool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "resolved", lambda text: TWO)
    (tool.parent / "says").write_text("")
    (tool.parent / "errors").write_text("Traceback\nConnectionError: no such host\n")
    (tool.parent / "status").write_text("1")
    assert main([], tool) == 1
    assert "Nothing could be looked up. pip-audit ended with status 1: ConnectionError: no such host" in (
        capsys.readouterr().err
    )
    assert main([], tool.with_name("missing")) == 1
    assert "make audit installs it" in capsys.readouterr().err


def test_all_well_is_said_and_holes_fail(
    tool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tool.parent / "says").write_text(ONE_HOLE)
    monkeypatch.setattr(audit, "resolved", lambda text: {"torch": "2.13.0"})
    assert main(["--ignore-vuln", "X-1"], tool) == 0
    assert capsys.readouterr().out == "1 packages looked up; no hole of theirs is known.\n"
    assert (tool.parent / "asked").read_text().endswith("--ignore-vuln X-1")
    monkeypatch.setattr(audit, "resolved", lambda text: TWO)
    assert main([], tool) == 1
    assert look_up(TWO, tool) == json.loads(ONE_HOLE)
