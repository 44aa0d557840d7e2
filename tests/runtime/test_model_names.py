"""Names of models taken apart, and no name that slips past a page that offers some alone."""

import os
import socket
from pathlib import Path

import pytest

from model_runtime import Library
from model_runtime.errors import ModelNotFound, TokenscopeError
from model_runtime.model_names import ModelName, Source, read_name
from viz.panels.models import Models


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("builtin", ModelName(Source("builtin"))),
        ("org/model", ModelName(Source("org/model"))),
        ("org/model@refs/pr/1", ModelName(Source("org/model", revision="refs/pr/1"))),
        ("org/model:4bit@v1", ModelName(Source("org/model", revision="v1"), quantise="4bit")),
        ("org/model:sub/m-Q4_K_M.gguf@v1", ModelName(Source("org/model", "sub/m-Q4_K_M.gguf", "v1"))),
        ("org/model@v1 + org/lora@v2", ModelName(Source("org/model", "", "v1"), Source("org/lora", "", "v2"))),
        ("/no/such:folder", ModelName(Source("/no/such:folder"))),
        ("", ModelName(Source(""))),
    ],
)
def test_names_are_taken_apart(name, expected):
    assert read_name(name) == expected


def test_a_folder_may_be_called_anything(tmp_path):
    folder = tmp_path / "my + model:4bit@home"
    folder.mkdir()
    assert read_name(str(folder)) == ModelName(Source(str(folder)))
    assert read_name(str(folder), quantise="8bit", adapter="org/lora").adapter == Source("org/lora")


class Keeper:
    def get(self, name, progress=None, *, dtype=""):
        raise AssertionError("nothing is to be loaded")


@pytest.mark.parametrize(
    "name",
    ["org/other", "builtin + org/lora", "builtin@x + org/lora", "builtin:4bit", "builtin:a.gguf@x"],
)
def test_a_page_opens_what_it_offers_alone(name):
    models = Models(Keeper(), "builtin", any_name=False)
    with pytest.raises(ModelNotFound, match="not among"):
        models.check(name)
    models.check("HuggingFaceTB/SmolLM2-135M@93efa2f097d58c2a74874c7e644dbc9b0cee75a2")


STRANGE = [
    *("http://127.0.0.1:1/x", "//host/share", "\\\\host\\share", "file:///etc", "/etc/passwd", "/proc/self/mem"),
    *("../../etc", "org/..", "..", "%2e%2e/x", "~root", "a\x00b", "org/x:../../x.gguf", "\ud800"),
    *("x" * 300, "a/" + "y" * 900, "builtin + " + "z" * 900, "builtin:" + "z" * 600 + ".gguf", "x" * 100_000),
]


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_not_on_offer_is_refused_without_a_look_at_the_disk_or_a_host(name, monkeypatch):
    def touched(*arguments, **settings):
        raise AssertionError(f"{arguments} was looked up")

    models = Models(Keeper(), "/my + folder", any_name=False)
    for function in ("stat", "lstat", "open", "scandir", "readlink"):
        monkeypatch.setattr(os, function, touched)
    monkeypatch.setattr(socket, "getaddrinfo", touched)
    with pytest.raises(ModelNotFound) as refusal:
        models.check(name)
    assert len(str(refusal.value)) < 250
    models.check("/my + folder")


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_name_is_refused_in_words_where_any_may_be_given(name, monkeypatch):
    asked = []

    def unreachable(host, *arguments, **settings):
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(TokenscopeError):
        Library().get(name)
    assert set(asked) <= {"huggingface.co"}


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refused(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(ModelNotFound, match="cannot be read"):
        Library().get(str(tmp_path))


@pytest.mark.parametrize("name", STRANGE[:13])
def test_a_path_outside_the_folders_is_refused(name, tmp_path):
    models = Models(Keeper(), "builtin", folders=[str(tmp_path / "models")])
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link").symlink_to("/etc")
    for asked in (name, f"{tmp_path}/models/../{name}", f"{tmp_path}/models/link", f"{tmp_path}/models/link/passwd"):
        with pytest.raises(ModelNotFound):
            models.check(asked)
    models.check(f"{tmp_path}/models/mine")
