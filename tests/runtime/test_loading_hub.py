"""Models of the hub, fetched from a server on this machine that answers as the real one does."""

import threading
import time

import pytest

from model_runtime import Library, LoadingStopped, ModelError, ModelNotFound, load_model, load_tokenizer
from tests.runtime.fake_hub import COMMIT, serving
from tests.runtime.families import build
from tests.runtime.tokenizers_for_tests import byte_level

# Beside the model's own files: what a repository holds as well and nobody needs here.
UNWANTED = {
    "original/params.json": b"{}",
    "original/consolidated.00.pth": b"w" * 5000,
    "onnx/model.onnx": b"o" * 5000,
    "model.gguf": b"g" * 5000,
    "pytorch_model.bin": b"b" * 5000,
    "modeling_own.py": b"raise SystemExit",
    "trainer_state.json": b"{}",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    build("llama", {}).model.save_pretrained(folder)
    byte_level().save_pretrained(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def hub(files, monkeypatch, tmp_path):
    with serving(monkeypatch, tmp_path / "cache") as hub:
        hub.repositories["a/b"] = {**files, **UNWANTED}
        yield hub


def partial_files(tmp_path):
    return list((tmp_path / "cache").rglob("*.incomplete"))


def test_only_what_is_needed_is_fetched(hub, files):
    model = load_model("a/b")
    assert (model.card().name, model.card().revision) == ("a/b", COMMIT)
    assert hub.files_sent() == set(files)
    hub.asked.clear()
    again = load_model(f"a/b@{COMMIT}")  # as moments name it
    assert hub.asked == []
    assert again.begin("the cat") == model.begin("the cat")


def test_pytorch_files_are_fetched_where_there_are_no_others(hub, files):
    hub.repositories["a/old"] = {name: data for name, data in files.items() if name != "model.safetensors"}
    hub.repositories["a/old"] |= {"pytorch_model.bin": b"no pickle", "flax_model.msgpack": b"f"}
    with pytest.raises(ModelError, match=r"weights of a/old cannot be opened"):
        load_model("a/old")
    assert hub.files_sent() == (set(files) | {"pytorch_model.bin"}) - {"model.safetensors"}


def test_a_tokenizer_comes_without_its_weights(hub, files):
    assert load_tokenizer("a/b").pieces("the cat").ids.size
    assert hub.files_sent() == set(files) - {"model.safetensors"}


def test_bytes_are_told_while_they_come(hub, files):
    hub.rate = 3_000_000
    hub.repositories["a/b"]["model.safetensors"] = bytes(6_000_000)
    heard = []
    with pytest.raises(ModelError):  # nothing but zeros: no weights
        load_model("a/b", progress=lambda message, fraction: heard.append((message, fraction)))
    told = [(message, fraction) for message, fraction in heard if "of 6.0 MB" in message]
    done = [float(message.split(": ")[1].split(" of ")[0]) for message, _ in told]
    assert done == sorted(done)
    assert len(set(done)) >= 4
    assert "MB/s" in told[-1][0]
    fractions = [fraction for _, fraction in told]
    assert fractions == pytest.approx([0.7 * one / 6.0 for one in done], abs=0.01)


def test_loading_stops_where_it_is_told_to(hub, files, tmp_path):
    hub.rate = 4_000_000
    hub.repositories["a/b"]["model.safetensors"] = bytes(40_000_000)

    def stop(message, fraction):
        if "of 40.0 MB" in message and "0.0 of" not in message:
            raise LoadingStopped("Enough.")

    library = Library()
    with pytest.raises(LoadingStopped, match="Enough"):
        library.get("a/b", stop)
    while any(thread.name.startswith("fetching") for thread in threading.enumerate()):
        time.sleep(0.05)
    sent = hub.sent
    assert sent < 20_000_000
    assert not partial_files(tmp_path)
    hub.rate, hub.repositories["a/b"]["model.safetensors"] = None, files["model.safetensors"]
    hub.asked.clear()
    assert library.get("a/b").card().name == "a/b"


def test_a_model_asked_for_by_its_id_is_known_by_its_commit(hub, files):
    hub.repositories["a/b"] = files
    library = Library()
    model = library.get("a/b")
    assert model.card().revision
    hub.asked.clear()
    assert library.get(f"a/b@{model.card().revision}") is model
    assert library.get("a/b") is model
    assert hub.asked == []


def test_what_the_hub_refuses(hub, files):
    hub.repositories["a/terms"] = files
    hub.gated.add("a/terms")
    hub.refusals["a/secret"] = (401, "RepoNotFound")
    hub.refusals["a/closed"] = (403, "")
    for name, words in (
        ("a/terms", "accept terms.*hf auth login"),
        ("a/secret", "no model 'a/secret'.*HF_TOKEN"),
        ("a/unknown", "no model 'a/unknown'.*spelling"),
        ("a/b@v9", "no revision 'v9'.*Check"),
        ("a/closed", "could not be fetched.*folder"),
    ):
        with pytest.raises(ModelNotFound, match=f"(?s){words}"):
            load_model(name)


def test_without_a_connection_what_is_here_does(hub, monkeypatch):
    load_model("a/b")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert load_model("a/b").card().revision == COMMIT
    assert hub.asked == []
    with pytest.raises(ModelNotFound, match=r"cannot be reached.*Connect"):
        load_model("a/other")


def test_half_a_model_without_a_connection(hub, monkeypatch):
    load_tokenizer("a/b")  # its weights are not here
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match=r"not wholly.*Connect"):
        load_model("a/b")


def test_a_connection_that_breaks(hub, files, monkeypatch, tmp_path):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # huggingface_hub waits a second before each of five tries
    hub.broken["model.safetensors"] = 0
    with pytest.raises(ModelNotFound, match="Load it again"):
        load_model("a/b")
    assert not partial_files(tmp_path)
    hub.broken.clear()
    hub.asked.clear()
    load_model("a/b")
    assert hub.files_sent() == {"model.safetensors"}


def test_a_disk_without_room(hub, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("usage", (), {"free": 10_000}))
    with pytest.raises(ModelError, match=r"178 kB still to fetch.*10\.0 kB free.*HF_HOME"):
        load_model("a/b")
