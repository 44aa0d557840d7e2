# ruff: noqa: T201 - a command prints
"""Checks what the page runs with for known holes: `make audit`, which needs a network.

pip-audit looks each package up. By itself it passes over what it could not look up, and says that no hole is known;
here every package has to be answered for, or the check fails.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "build" / "audit" / "bin" / "pip-audit"


class AuditError(Exception):
    """The check cannot be made; the message says why."""


def resolved(requirements: str) -> dict[str, str]:
    """Everything that a list of requirements leads to, as it is installed here.

    Args:
        requirements: The text of a requirements.txt.

    Returns:
        Name -> public version: one that was built for a device, such as 2.13.0+cpu, has the holes of 2.13.0.

    Raises:
        AuditError: A line is none, or one of them is not installed.
    """
    lines = (line.partition("#")[0].strip() for line in requirements.splitlines())
    try:
        waiting = [Requirement(line) for line in lines if line]
    except InvalidRequirement as error:
        raise AuditError(f"requirements.txt cannot be read: {error}. Write name==version on each line.") from error
    versions: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if (name, frozenset(wanted.extras)) in seen:
            continue
        seen.add((name, frozenset(wanted.extras)))
        try:
            found = distribution(name)
        except PackageNotFoundError as error:
            raise AuditError(f"{name} is not installed, so its version is not known. make run installs it.") from error
        versions[name] = Version(found.version).public
        for line in found.requires or ():
            further = Requirement(line)
            if further.marker is None or any(further.marker.evaluate({"extra": one}) for one in ("", *wanted.extras)):
                waiting.append(further)
    return dict(sorted(versions.items()))


def judge(asked: Mapping[str, str], answer: object) -> list[str]:
    """Reads what pip-audit answered.

    Args:
        asked: Name -> version of what it was asked for.
        answer: Its JSON, read.

    Returns:
        What is wrong, a line for each hole and for each package that was not looked up; none where all is well.
    """
    listed = answer.get("dependencies") if isinstance(answer, dict) else None
    told: dict[str, dict[str, Any]] = {canonicalize_name(one["name"]): one for one in listed or ()}
    faults = []
    for name, version in asked.items():
        one = told.get(name, {})
        if one.get("version") != version or not isinstance(one.get("vulns"), list):
            faults.append(f"{name} {version} could not be looked up: {one.get('skip_reason', 'no word about it came')}")
            continue
        for hole in one["vulns"]:
            names = ", ".join(dict.fromkeys((hole["id"], *hole.get("aliases", ()))))
            fixed = ", ".join(hole.get("fix_versions", ())) or "no version yet"
            faults.append(f"{name} {version} has a known hole: {names}; fixed in {fixed}")
    return faults


def look_up(asked: Mapping[str, str], tool: Path, options: Sequence[str] = ()) -> object:
    """Asks pip-audit, which asks its service.

    Args:
        asked: Name -> version.
        tool: The program.
        options: Further options for it, such as `--ignore-vuln ID`.

    Returns:
        Its JSON, read.

    Raises:
        AuditError: It gave no answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "asked.txt")
        lines.write_text("".join(f"{name}=={version}\n" for name, version in asked.items()), encoding="utf-8")
        command = [str(tool), "--requirement", str(lines), "--no-deps", "--disable-pip", "--format", "json"]
        try:
            done = subprocess.run(
                [*command, "--desc", "off", "--progress-spinner", "off", *options],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise AuditError(f"{tool} cannot be run ({error.strerror}). make audit installs it.") from error
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr.strip() or "no word from it").splitlines()[-1]
        raise AuditError(
            f"Nothing could be looked up. pip-audit ended with status {done.returncode}: {last}"
        ) from error


def main(arguments: Sequence[str] | None = None, tool: Path = TOOL) -> int:
    """Looks up what is installed; returns 0 where every package was looked up and no hole is known."""
    options = sys.argv[1:] if arguments is None else arguments
    try:
        asked = resolved((ROOT / "requirements.txt").read_text(encoding="utf-8"))
        faults = judge(asked, look_up(asked, tool, options))
    except AuditError as error:
        faults = [str(error)]
    if faults:
        print("\n".join(faults), "", f"make audit failed: {len(faults)} found.", sep="\n", file=sys.stderr)
        return 1
    print(f"{len(asked)} packages looked up; no hole of theirs is known.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
