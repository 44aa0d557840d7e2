"""What goes onto a Space and into a container, and that it runs there: from these files alone, with strict defaults."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from deploy import space
from model_runtime import CATALOGUE
from model_runtime.model_names import BUILTIN
from settings import Settings, read, variable

ROOT = Path(__file__).resolve().parent.parent
START = 180  # seconds that a start may take on a busy machine; nothing is timed
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space")
    space.collect(folder)
    return folder


class TestFiles:
    def test_what_the_page_needs_is_there_and_nothing_else(self, built: Path) -> None:
        names = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
        assert {"app.py", "settings.py", "zerogpu.py", "requirements.txt", "README.md", "LICENSE"} <= names
        assert {"tests", "bench", "deploy", ".ci", ".git"}.isdisjoint(name.split("/")[0] for name in names)
        assert not [name for name in names if name.startswith("builtin_model/") and name.endswith((".csv", "train.py"))]
        assert all((built / name).stat().st_size < 10_000_000 for name in names)
        assert all((built / "builtin_model" / folder.name / "config.json").is_file() for folder in BUILTIN.values())

    def test_the_front_matter_is_what_a_space_reads(self) -> None:
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        head = space.front_matter(text)
        assert head["sdk"] == "gradio"
        assert f"gradio=={head['sdk_version']}" in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        assert head["python_version"] == "3.12"  # the only one that ZeroGPU and this project both run
        assert len(head["short_description"]) <= 60
        block = text.split("---\n")[1]
        listed = re.search(r"^models:\n((?:  - .+\n)+)", block, re.MULTILINE)
        assert listed is not None
        hub = [offer.name for offer in CATALOGUE if "/" in offer.name]
        assert [line.strip("- ") for line in listed[1].splitlines()] == hub

    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (lambda folder: (folder / "settings.py").unlink(), "needs settings.py"),
            (lambda folder: (folder / "big.bin").write_bytes(bytes(10_000_001)), "big.bin"),
            (lambda folder: (folder / "README.md").write_text("# Tokenscope\n"), "lacks title"),
            (lambda folder: (folder / "requirements.txt").write_text("gradio==1.0\n"), "sdk_version"),
        ],
    )
    def test_what_is_no_space_is_refused(self, spoil: Any, words: str, tmp_path: Path) -> None:
        for name in space.NEEDED:
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
        names = [*space.NEEDED]
        space.check(tmp_path, names)
        spoil(tmp_path)
        with pytest.raises(space.DeployError, match=words):
            space.check(tmp_path, [path.name for path in tmp_path.iterdir()])

    def test_a_folder_without_git_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(space.DeployError, match="no git repository"):
            space.file_set(tmp_path)


class Hub:
    """Takes what is uploaded."""

    def __init__(self) -> None:
        self.created: dict[str, Any] = {}
        self.got: dict[str, Any] = {}
        self.files: set[str] = set()

    def create_repo(self, name: str, **options: Any) -> str:
        self.created = {"name": name, **options}
        return f"https://hub/{name}"

    def upload_folder(self, **options: Any) -> None:
        folder = Path(options["folder_path"])
        self.got, self.files = options, {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class TestUpload:
    def test_a_space_holds_these_files_and_no_others(self) -> None:
        hub = Hub()
        assert space.publish(hub, "someone/scope", private=True) == "https://hub/someone/scope"  # type: ignore[arg-type]
        assert hub.created == {
            **{"name": "someone/scope", "repo_type": "space", "space_sdk": "gradio"},
            **{"private": True, "exist_ok": True},
        }
        assert (hub.got["repo_id"], hub.got["repo_type"], hub.got["delete_patterns"]) == ("someone/scope", "space", "*")
        assert hub.files == set(space.file_set())

    def test_a_dry_run_tells_and_touches_nothing(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(space, "HfApi", lambda: pytest.fail("the hub was called"))
        space.main(["--dry-run"])
        told = capsys.readouterr().out
        assert all(f"  {name}\n" in told for name in space.file_set())
        assert "nothing was uploaded" in told

    def test_without_a_name_nothing_happens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(space, "HfApi", lambda: pytest.fail("the hub was called"))
        with pytest.raises(SystemExit):
            space.main(["scope"])


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    """Where the Space's files serve, started as a Space starts them, without a network."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TOKENSCOPE_", "GRADIO_"))}
    environment |= {
        "SYSTEM": "spaces",
        "SPACE_ID": "someone/scope",
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
    }
    environment.pop("PYTHONPATH", None)
    python = os.environ.get("TOKENSCOPE_SPACE_PYTHON", sys.executable)
    log = built.parent / "space.log"
    with (
        log.open("w") as written,
        subprocess.Popen(
            [python, "app.py"], cwd=built, env=environment, stdout=written, stderr=subprocess.STDOUT
        ) as server,
    ):
        try:
            where = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + START
            while not _answers(where):
                if server.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"The page did not start:\n{log.read_text()}")
                time.sleep(0.2)
            yield where
        finally:
            server.terminate()


def _answers(where: str) -> bool:
    try:
        with urllib.request.urlopen(f"{where}/gradio_api/app_id", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class TestRuns:
    def test_the_page_is_served_strictly_from_these_files(self, address: str) -> None:
        with urllib.request.urlopen(f"{address}/config", timeout=START) as answer:
            components = json.load(answer)["components"]
        picker = next(one["props"] for one in components if one["props"].get("elem_id") == "model-picker")
        assert picker["value"]["any"] is False
        assert picker["value"]["shown"] == "builtin"

    def test_a_token_is_stepped_through_the_public_api(self, address: str) -> None:
        from gradio_client import Client

        client = Client(address, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": START})
        begun = client.predict("The capital of Japan is", api_name="/begin")
        stepped = client.predict(begun, api_name="/step")
        table = client.predict(stepped, api_name="/tokens")
        assert stepped != begun
        assert "".join(table["text"]["values"]).endswith("The capital of Japan is Tokyo")

    def test_a_space_opens_no_path(self, address: str) -> None:
        from gradio_client import Client
        from gradio_client.exceptions import AppError

        client = Client(address, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": START})
        with pytest.raises(AppError, match="not among the models"):
            client.predict("Hello", "/etc", api_name="/begin")


class TestContainer:
    LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()

    def copied(self) -> list[str]:
        lines = [line.split()[1:-1] for line in self.LINES if line.startswith("COPY ")]
        return [name for line in lines for name in line]

    def test_what_is_copied_is_there_and_reaches_the_builder(self) -> None:
        rules = [
            line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
        ]
        for name in self.copied():
            assert (ROOT / name).exists(), name
            tops = [rule.lstrip("!") for rule in rules if rule.startswith("!")]
            assert any(name.rstrip("/") == top or name.startswith(f"{top}/") for top in tops), name
            kept_out = [rule for rule in rules[1:] if not rule.startswith("!")]
            assert not any(fnmatch(name.rstrip("/"), rule) for rule in kept_out), name

    def test_all_code_that_a_space_gets_is_copied(self) -> None:
        wanted = [name for name in space.file_set() if name.endswith((".py", ".js", ".css", ".safetensors"))]
        assert not [name for name in wanted if not name.startswith(tuple(self.copied()))]

    def test_it_is_as_strict_as_a_space(self) -> None:
        told = dict(re.findall(r"(TOKENSCOPE_\w+)=(\S*)", "\n".join(self.LINES)))
        inside = read([], {name: value.strip('"') for name, value in told.items()})
        public = read([], {"SPACE_ID": "someone/scope"})
        same = {one.name for one in fields(Settings)} - {"port"}
        assert {name: getattr(inside, name) for name in same} == {name: getattr(public, name) for name in same}
        assert f"EXPOSE {inside.port}" in self.LINES
        assert set(told) <= {variable(one.name) for one in fields(Settings)}

    def test_it_does_not_run_as_root(self) -> None:
        users = [line.split()[1] for line in self.LINES if line.startswith("USER ")]
        assert users[-1:] == ["scope"]
        assert any(line.startswith("HEALTHCHECK ") for line in self.LINES)
