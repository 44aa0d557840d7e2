# ruff: noqa: T201 - a command prints
"""Puts Tokenscope onto a Hugging Face Space: `python -m deploy.space OWNER/NAME`, or --dry-run to see what would go.

A Space is a git repository of its own. It gets what the page needs and no more: no tests, benchmarks or training.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi, get_token, login
from huggingface_hub.errors import HfHubHTTPError

ROOT = Path(__file__).resolve().parent.parent
# What is tracked and the page does without, by folder or file.
LEFT_OUT = (
    ".ci/",
    ".dockerignore",
    ".gitignore",
    "CONTRIBUTING.md",
    "Dockerfile",
    "Makefile",
    "bench/",
    "builtin_model/corpus/",
    "builtin_model/held_out.json",
    "builtin_model/packing.py",
    "builtin_model/probes.py",
    "builtin_model/probes_gpt2.json",
    "builtin_model/probes_phi3.json",
    "builtin_model/shapes.py",
    "builtin_model/tokenizer.py",
    "builtin_model/train.py",
    "deploy/",
    "pyproject.toml",
    "requirements-dev.txt",
    "tests/",
)
NEEDED = ("README.md", "requirements.txt", "app.py", "settings.py", "zerogpu.py", "LICENSE")
KEYS = (
    *("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file"),
    *("short_description", "suggested_hardware", "models", "tags", "license"),
)
MOST_BYTES = 10_000_000  # of one file; the hub wants larger ones stored in another way


class DeployError(Exception):
    """What is here cannot become a Space; the message says what is missing."""


def file_set(root: Path = ROOT) -> list[str]:
    """The paths, from the root of the repository, of what a Space gets: tracked files but for what it does without.

    Raises:
        DeployError: The folder is no git repository.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise DeployError(f"{root} is no git repository, which says what belongs to Tokenscope. Clone it with git.")
    return sorted(name for name in listed.stdout.split("\0") if name and not name.startswith(LEFT_OUT))


def front_matter(readme: str) -> dict[str, str]:
    """The keys at the head of a Space's README and the text of their values, as far as they stand on one line."""
    parts = readme.split("---\n", 2)
    if len(parts) < 3 or parts[0]:
        return {}
    lines = [line for line in parts[1].splitlines() if not line.startswith((" ", "-"))]
    return {key.strip(): value.strip().strip('"') for key, _, value in (line.partition(":") for line in lines)}


def check(root: Path, names: Sequence[str]) -> None:
    """Makes sure that a set of files is a Space.

    Raises:
        DeployError: Something is missing, too large, or does not fit together.
    """
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise DeployError(f"A Space needs {', '.join(missing)}, which git does not track here. Add what is missing.")
    large = [f"{name} ({_size(root / name):,} bytes)" for name in names if _size(root / name) > MOST_BYTES]
    if large:
        raise DeployError(
            f"Larger than {MOST_BYTES:,} bytes: {', '.join(large)}. Make them smaller, or leave them out."
        )
    head = front_matter((root / "README.md").read_text(encoding="utf-8"))
    lacking = [key for key in KEYS if key not in head]
    if lacking:
        raise DeployError(f"The front matter of README.md lacks {', '.join(lacking)}. Fill it in.")
    if head["app_file"] not in names:
        raise DeployError(f"README.md names {head['app_file']!r} as app_file, which is not there. Correct it.")
    pinned = f"gradio=={head['sdk_version']}"
    if pinned not in (root / "requirements.txt").read_text(encoding="utf-8").splitlines():
        raise DeployError(f"README.md's sdk_version asks for {pinned}; requirements.txt does not. Make them equal.")


def _size(path: Path) -> int:
    return path.stat().st_size


def collect(target: Path, root: Path = ROOT) -> list[str]:
    """Checks the files of a Space and copies them into a folder; returns their paths.

    Raises:
        DeployError: They are no Space.
    """
    names = file_set(root)
    check(root, names)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target / name)
    return names


def publish(api: HfApi, space: str, *, private: bool, root: Path = ROOT) -> str:
    """Creates a Space, or brings one up to date: it holds these files afterwards and no others.

    Args:
        api: The hub, with a token that may write there.
        space: OWNER/NAME.
        private: Whether a new Space is seen by its owner alone.
        root: The repository.

    Returns:
        Its address.

    Raises:
        DeployError: The files are no Space.
        HfHubHTTPError: The hub refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        collect(Path(folder), root)
        address = api.create_repo(space, repo_type="space", space_sdk="gradio", private=private, exist_ok=True)
        api.upload_folder(
            repo_id=space,
            repo_type="space",
            folder_path=folder,
            delete_patterns="*",
            commit_message="Bring Tokenscope up to date",
        )
    return str(address)


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and does it."""
    parser = argparse.ArgumentParser(prog="make space", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("space", nargs="?", default="", help="OWNER/NAME of the Space")
    parser.add_argument("--private", action="store_true", help="let only its owner see a new Space")
    parser.add_argument("--dry-run", action="store_true", help="say what would be uploaded, and upload nothing")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.dry_run:
            _tell(ROOT)
            return
        if chosen.space.count("/") != 1:
            parser.error('name the Space, such as make space ARGS="someone/tokenscope"; or --dry-run')
        if get_token() is None:
            login()  # which asks for a token that may write, and keeps it where the hub's own tools look for it
        print(f"It builds and starts at {publish(HfApi(), chosen.space, private=chosen.private)}")
    except (DeployError, HfHubHTTPError, OSError) as error:
        sys.exit(f"Nothing more was done: {error}")


def _tell(root: Path) -> None:
    names = file_set(root)
    check(root, names)
    for name in names:
        print(f"{_size(root / name):>12,}  {name}")
    print(f"{sum(_size(root / name) for name in names):>12,}  bytes in {len(names)} files; nothing was uploaded")


if __name__ == "__main__":
    main()
