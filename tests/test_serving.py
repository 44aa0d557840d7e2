"""The settings of a server in a process of its own, by environment and by command line, asked from outside."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from model_runtime import Moment
from settings import Settings, variable
from tests.own_server import ROOT, OwnServer

UNDER = "/tokenscope"
PASSWORD = "s3cret-pass"
WORDS = "Once upon a time there was a little fox who"
SOON = 240  # seconds that nothing here comes near


class Proxy(BaseHTTPRequestHandler):
    """Serves what lies behind under a path, as a web server in front of the page does."""

    protocol_version = "HTTP/1.0"
    behind = 0  # the port

    def do_GET(self) -> None:
        self.pass_on()

    def do_POST(self) -> None:
        self.pass_on()

    def pass_on(self) -> None:
        """Answers with what the page answers, piece by piece as it comes."""
        if not self.path.startswith(UNDER):
            self.send_error(404)
            return
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = HTTPConnection("127.0.0.1", self.behind, timeout=SOON)
        asked.request(self.command, self.path[len(UNDER) :] or "/", content, dict(self.headers))
        answer = asked.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() != "transfer-encoding":
                self.send_header(name, value)
        self.end_headers()
        while piece := answer.read1(65_536):
            self.wfile.write(piece)
        asked.close()

    def log_message(self, form: str, *given: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model in it."""
    path = tmp_path_factory.mktemp("models")
    shutil.copytree(ROOT / "builtin_model" / "weights", path / "mine")
    return path


@pytest.fixture(scope="module")
def by_environment(folder: Path) -> Iterator[OwnServer]:
    server = OwnServer(told=False)
    given = {
        "HOST": "127.0.0.1",
        "PORT": str(server.port),
        "LOGIN": f"ada:{PASSWORD}",
        "MODEL": str(folder / "mine"),
        "MODELS": f"builtin,{folder / 'mine'}",
        "ANY_MODEL": "no",
        "DTYPE": "bfloat16",
        "DEVICE": "cpu",
        "TEXT_TOKENS": "12",
        "LOG_LEVEL": "error",
        "NO_SUCH_SETTING": "1",
    }
    server.environment |= {f"TOKENSCOPE_{name}": text for name, text in given.items()}
    server.begin()
    yield server
    server.end()


@pytest.fixture(scope="module")
def by_flags(folder: Path) -> Iterator[OwnServer]:
    flags = ["--host", "127.0.0.1", "--model", "builtin", "--models", "builtin", "--any-model", "yes"]
    flags += ["--folders", str(folder), "--root-path", UNDER, "--run-seconds", "1", "--queue", "1"]
    flags += ["--weights", "1GB", "--recordings", "64MB", "--log-level", "info"]
    server = OwnServer(flags, {"TOKENSCOPE_NO_SUCH_SETTING": "1", "TOKENSCOPE_RUN_SECONDS": "0"})
    server.begin()
    yield server
    server.end()


@pytest.fixture(scope="module")
def proxied(by_flags: OwnServer) -> Iterator[str]:
    """Where a proxy serves the page."""
    handler = type("Proxy", (Proxy,), {"behind": by_flags.port})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_port}{UNDER}"
        proxy.shutdown()


@pytest.fixture(scope="module")
def ada(by_environment: OwnServer) -> Client:
    return Client(by_environment.address, auth=("ada", PASSWORD), verbose=False)


@pytest.fixture(scope="module")
def client(proxied: str) -> Client:
    return Client(proxied, verbose=False)


def asked(client: Client, name: str, *given: Any, **named: Any) -> Any:
    return client.predict(*given, **named, api_name=f"/{name}")


class TestByEnvironment:
    def test_only_who_knows_the_password_comes_in(self, by_environment: OwnServer, ada: Client) -> None:
        for path in ("/config", "/gradio_api/info"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(by_environment.address + path, timeout=60)
            assert refused.value.code == 401
        with pytest.raises(ValueError, match="login"):
            Client(by_environment.address, auth=("ada", "guess"), verbose=False)
        assert Moment.from_text(asked(ada, "begin", "A cat")).ids

    def test_the_models_are_those_that_were_named(self, ada: Client, folder: Path) -> None:
        mine = str(folder / "mine")
        assert [offer["name"] for offer in asked(ada, "offers")] == ["builtin", mine]
        card = asked(ada, "card")  # of the one that the page opens with
        assert (card["name"], card["device"], card["dtype"]) == (mine, "cpu", "bfloat16")
        assert asked(ada, "card", "builtin")["name"] == "builtin"
        with pytest.raises(AppError, match="is not among the models that this page offers"):
            asked(ada, "card", "builtin-gpt2")

    def test_a_text_has_its_limit(self, ada: Client) -> None:
        with pytest.raises(AppError, match=r"12 are the most allowed here"):
            asked(ada, "begin", "word " * 40)
        moment = asked(ada, "step", asked(ada, "begin", "A cat"), steps=100)
        assert len(Moment.from_text(moment).ids) <= 12

    def test_it_logs_as_little_as_was_asked(self, by_environment: OwnServer) -> None:
        assert "NO_SUCH_SETTING" not in by_environment.heard()


class TestByFlags:
    def test_the_page_works_behind_a_proxy(self, proxied: str, client: Client) -> None:
        with urllib.request.urlopen(proxied + "/config", timeout=60) as answer:
            assert json.load(answer)["root"] == proxied
        moment = asked(client, "step", asked(client, "begin", WORDS))
        assert asked(client, "distribution", moment, top=3)["ids"]["shape"] == [3]

    def test_a_run_has_its_time_and_the_flag_wins(self, client: Client) -> None:
        begun = asked(client, "begin", WORDS, temperature=5.0, seed=1)
        written = Moment.from_text(asked(client, "step", begun, steps=1000))
        assert 0 < len(written.ids) - len(Moment.from_text(begun).ids) < 900  # the context alone would take more

    def test_models_lie_below_the_folders(self, client: Client, folder: Path) -> None:
        assert [offer["name"] for offer in asked(client, "offers")] == ["builtin"]
        assert asked(client, "card", str(folder / "mine"))["layers"] == 6
        with pytest.raises(AppError) as refused:
            asked(client, "card", str(ROOT / "builtin_model" / "weights"))
        assert "folder" in str(refused.value)

    def test_more_than_may_wait_are_refused(self, proxied: str, client: Client) -> None:
        begun = asked(client, "begin", WORDS, temperature=5.0, seed=2)
        refused: list[str] = []

        def ask(one: Client) -> None:
            try:
                asked(one, "step", begun, steps=200)
            except AppError as error:
                refused.append(str(error))

        crowd = [Client(proxied, verbose=False) for _ in range(6)]
        with ThreadPoolExecutor(len(crowd)) as pool:
            list(pool.map(ask, crowd))
        assert refused
        for words in refused:
            assert words.startswith("The queue for this model is full, with 1 waiting. Nothing is lost")

    def test_it_says_which_variables_are_no_settings(self, by_flags: OwnServer) -> None:
        assert "TOKENSCOPE_NO_SUCH_SETTING is no setting; python app.py --help lists them" in by_flags.heard()


def test_logs_hold_no_password_and_no_text(by_environment: OwnServer, by_flags: OwnServer, ada: Client) -> None:
    asked(ada, "begin", "A cat")
    for server in (by_environment, by_flags):
        assert PASSWORD not in server.heard()
        assert "little fox" not in server.heard()


def test_a_taken_port_is_one_plain_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "app.py", "--port", port]
        # Without the tests' own variables, which would be told of as no settings.
        around = {name: value for name, value in os.environ.items() if not name.startswith("TOKENSCOPE_")}
        ended = subprocess.run(command, cwd=ROOT, env=around, capture_output=True, text=True, timeout=SOON, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("Tokenscope cannot start: ")
    assert port in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_help_tells_every_setting_in_one_line_each() -> None:
    command = [sys.executable, "app.py", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SOON, check=True).stdout
    assert told.startswith("usage: python app.py [--SETTING VALUE ...]")
    words = " ".join(told.split())
    for one in fields(Settings):
        assert f"--{one.name.replace('_', '-')} VALUE" in words
        assert f"({variable(one.name)}; {one.metadata['local'] or 'empty'})" in words
    assert "The command line wins over the environment." in words
