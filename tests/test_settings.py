"""The settings: where they come from, what is refused, and that each has its effect."""

import gc
import logging
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import app
from settings import SettingError, Settings, read, table, unknown, variable

ROOT = Path(__file__).resolve().parent.parent
SPACE = {"SPACE_ID": "someone/tokenscope"}


def test_the_documentation_holds_the_table() -> None:
    assert table() in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert all(f"`{variable(one.name)}`" in table() for one in fields(Settings))


def test_the_command_line_wins_over_the_environment_and_that_over_gradios_own() -> None:
    environment = {"TOKENSCOPE_PORT": "2", "GRADIO_SERVER_PORT": "3"}
    assert read(["--port", "1"], environment).port == 1
    assert read([], environment).port == 2
    assert read([], {"GRADIO_SERVER_PORT": "3"}).port == 3
    assert read([], {}).port == 0


def test_a_space_is_strict_and_ones_own_machine_is_open() -> None:
    local, public = read([], {}), read([], SPACE)
    assert (local.any_model, local.folders, local.host) == (True, ("/",), "127.0.0.1")
    assert (local.text_tokens, local.run_seconds) == (0, 0)
    assert (public.any_model, public.folders, public.host) == (False, (), "0.0.0.0")
    assert 0 < public.text_tokens <= 4096
    assert 0 < public.run_seconds <= 120
    assert public.recordings == 512 * 2**20
    assert read([], {**SPACE, "TOKENSCOPE_ANY_MODEL": "yes"}).folders == ()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("models", "builtin, org/model@v1 ,", ("builtin", "org/model@v1")),
        ("any-model", "No", False),
        ("weights", "1.5GB", 3 * 2**29),
        ("recordings", "20mb", 20 * 2**20),
        ("recordings", "auto", None),
        ("device", "cuda:1", "cuda:1"),
        ("dtype", "BFLOAT16", "bfloat16"),
        ("root-path", "/tokenscope/", "/tokenscope"),
        ("login", "ada:a:b, alan:c", (("ada", "a:b"), ("alan", "c"))),
        ("log-level", "info", "info"),
    ],
)
def test_texts_become_values(name: str, text: str, value: object) -> None:
    assert getattr(read([f"--{name}", text], {}), name.replace("-", "_")) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("model", " "),
        ("any_model", "maybe"),
        ("folders", "/no/such/folder"),
        ("device", "gpu"),
        ("dtype", "int8"),
        ("weights", "16"),
        ("weights", "0GB"),
        ("recordings", "nanGB"),
        ("text_tokens", "-1"),
        ("run_seconds", "1.5"),
        ("queue", "0"),
        ("port", "65536"),
        ("root_path", "tokenscope"),
        ("log_level", "loud"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=variable(name)) as caught:
        read([], {variable(name): text})
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("found", [None, object()])
def test_mcp_needs_its_package(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    monkeypatch.setattr("settings.find_spec", lambda name: found)
    assert not read([], {}).mcp
    if found:
        assert read(["--mcp", "yes"], {}).mcp
        return
    with pytest.raises(SettingError, match=r"^TOKENSCOPE_MCP is 'yes'; .* pip install 'gradio\[mcp\]'"):
        read([], {"TOKENSCOPE_MCP": "yes"})


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(SettingError) as caught:
        read([], {"TOKENSCOPE_LOGIN": "s3cret"})
    assert "s3cret" not in str(caught.value)
    assert "name:password" in str(caught.value)


def test_variables_that_are_no_settings_are_told() -> None:
    assert unknown({"TOKENSCOPE_ANY_MODELS": "no", "TOKENSCOPE_PORT": "1", "HOME": "/"}) == ["TOKENSCOPE_ANY_MODELS"]


@pytest.mark.parametrize(
    "arguments",
    [["--queue", "none"], ["--device", "cuda:99"], ["--host", "192.0.2.1"], ["--language", "xx"]],
    ids=lambda given: given[0],
)
def test_a_start_that_fails_says_why_and_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app.main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("Tokenscope cannot start: ")
    assert told.count("\n") == 1


# Gradio leaves event loops and sockets of blocks that were never served behind.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_each_setting_reaches_what_it_is_about(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}

    def launched(page: Any, **options: Any) -> None:
        given.update(options, page=page)

    monkeypatch.setattr("gradio.Blocks.launch", launched)
    models: list[Any] = []
    build = app.build_page
    monkeypatch.setattr(app, "build_page", lambda *parts: models.extend(parts) or build(*parts))
    folder = str(tmp_path)
    arguments = "--model builtin-gpt2 --models builtin,org/own --any-model no --dtype float32 --device cpu"
    arguments += " --weights 1GB --recordings 3MB --text-tokens 9 --run-seconds 7 --queue 3"
    arguments += " --host 127.0.0.1 --port 7123"
    arguments += f" --root-path /scope --login ada:pw --log-level info --folders {folder}"
    app.main(arguments.split())

    kept, limits = models
    assert (given["server_name"], given["server_port"], given["root_path"]) == ("127.0.0.1", 7123, "/scope")
    assert given["auth"] == [("ada", "pw")]
    assert given["mcp_server"] is False
    assert (limits.run_seconds, limits.waiting) == (7, 3)
    assert [offer.name for offer in kept.offers] == ["builtin-gpt2", "builtin", "org/own"]
    assert (kept.default, kept.any_name, kept.folders) == ("builtin-gpt2", False, (tmp_path.resolve(),))
    model = kept.get("builtin")
    assert (model.card().device, model.card().dtype) == ("cpu", "float32")
    assert (model.most_tokens, model._shelf.limit, model.turns.most) == (9, 3 * 2**20, 3)
    assert kept._library.limit == 2**30
    for name in ("tokenscope", "gradio"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.INFO
    for name in ("httpx", "httpx2", "huggingface_hub", "transformers"):  # they tell names that visitors type
        assert logging.getLogger(name).getEffectiveLevel() == logging.ERROR
    app.log_from("warning")
    given.clear()
    models.clear()
    gc.collect()  # while these warnings are ignored
