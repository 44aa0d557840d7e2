"""Models that mean harm, and names that lead elsewhere: nothing of theirs is run, fetched or read."""

import json
import pickle
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from model_runtime import Library, NoChatTemplate, load_model
from model_runtime.errors import ModelError, ModelNotFound, ModelUnsupported
from tests.hostile import HOSTILE
from tests.runtime.families import build
from tests.runtime.tokenizers_for_tests import byte_level
from tests.safety.guard import watched
from viz.panels.models import Models

# peft asks transformers by a name that it is going to drop; torch says that a pickle is of an unusual kind.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning"),
]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that means no harm."""
    folder = tmp_path_factory.mktemp("good") / "model"
    build("llama", {}).model.save_pretrained(folder)
    byte_level().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A copy of it, with code beside it that leaves a mark when it is run: the file `ran` in the folder above."""
    folder = tmp_path / "model"
    shutil.copytree(good, folder)
    for name in ("evil.py", "modeling_evil.py", "__init__.py", "sitecustomize.py", "conftest.py"):
        (folder / name).write_text(f"{code(tmp_path)}\nclass Evil: pass\n")
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(code(tmp_path))
    return folder


def code(tmp_path: Path) -> str:
    return f"with open({str(tmp_path / 'ran')!r}, 'a') as mark: mark.write('x')"


def changed(folder: Path, name: str, **fields: Any) -> None:
    file = folder / name
    before = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps({**before, **fields}))


class Evil:
    """Its pickle runs code when it is read by a pickle reader that runs code."""

    def __init__(self, tmp_path: Path) -> None:
        self.code = code(tmp_path)

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code,)


OWN = {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil", "AutoTokenizer": ["evil.Evil", "evil.Evil"]}
OF_THE_HUB = json.loads(json.dumps(OWN).replace("evil.Evil", "evil/repository--evil.Evil"))
TRUSTS = {"trust_remote_code": True}


def _config(**fields: Any) -> Callable[[Path], None]:
    return lambda folder: changed(folder, "config.json", **fields, **TRUSTS)


def _tokenizer(**fields: Any) -> Callable[[Path], None]:
    return lambda folder: changed(folder, "tokenizer_config.json", **fields, **TRUSTS)


def _both(code_map: dict[str, Any]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        _config(auto_map=code_map)(folder)
        _tokenizer(auto_map=code_map)(folder)

    return change


def _template(text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "chat_template.jinja").write_text(text)

    return change


# How a folder asks for more than to be read -> whether it opens all the same, without what it asks for.
ASKS: dict[str, tuple[Callable[[Path], None], bool]] = {
    "its own classes": (_both(OWN), True),
    "classes of the hub": (_both(OF_THE_HUB), True),
    "a type of its own": (_config(model_type="evil", auto_map=OWN), False),
    "a type of the hub": (_config(model_type="evil", auto_map=OF_THE_HUB), False),
    "a tokenizer of its own": (_tokenizer(tokenizer_class="EvilTokenizer", auto_map=OWN), False),
    "a tokenizer of the hub": (_tokenizer(tokenizer_class="EvilTokenizer", auto_map=OF_THE_HUB), False),
    "attention of the hub": (_config(attn_implementation="evil/kernel"), True),
    "attention of the hub, as transformers keeps it": (_config(_attn_implementation_internal="evil/kernel"), True),
    "experts of the hub": (_config(experts_implementation="evil/kernel"), True),
    "a generation of its own": (
        lambda folder: changed(folder, "generation_config.json", custom_generate="evil/repository", **TRUSTS),
        True,
    ),
    "another name": (_config(_name_or_path="evil/repository", name_or_path="https://evil.example/x"), True),
    "another tokenizer's name": (_tokenizer(name_or_path="evil/repository", _name_or_path="//evil.example/x"), True),
    "a quantisation that is none": (_config(quantization_config={"quant_method": "evil"}), False),
    "a quantisation with code": (_config(quantization_config={"quant_method": "gptq", "kernel": "evil/x"}), False),
    "a template that climbs out": (
        _template("{{ cycler.__init__.__globals__.os.popen('touch ../ran').read() }}{{ ''.__class__.__mro__ }}"),
        True,
    ),
    "a template of another file": (_template("{% include '/etc/passwd' %}{% import 'os' as os %}"), True),
}


@pytest.mark.parametrize("name", ASKS)
def test_nothing_that_comes_with_a_model_is_run_or_fetched(folder: Path, name: str) -> None:
    change, opens = ASKS[name]
    change(folder)
    with watched() as seen:
        try:
            model = load_model(str(folder))
        except ModelError:
            assert not opens
        else:
            assert opens
            model.step(model.begin("the cat"))
            if "template" in name:
                with pytest.raises(NoChatTemplate):
                    model.begin("the cat", chat=True)
    assert (seen.hosts, seen.processes) == ([], [])
    assert not (folder.parent / "ran").exists()
    assert not [file for file in seen.files if file.endswith(("evil.py", "generate.py", "/etc/passwd"))]


def test_the_marks_would_be_seen(folder: Path) -> None:
    subprocess.run([sys.executable, str(folder / "evil.py")], check=True)
    assert (folder.parent / "ran").read_text() == "x"
    pickle.loads(pickle.dumps(Evil(folder.parent)))
    assert (folder.parent / "ran").read_text() == "xx"
    with watched() as seen, pytest.raises(OSError, match=r"evil\.example"):
        socket.getaddrinfo("evil.example", 80)
    assert seen.hosts == ["evil.example"]
    with watched() as seen, pytest.raises(OSError, match="no process"):
        subprocess.run(["true"], check=True)
    assert seen.processes != []


@pytest.mark.parametrize("kind", ["zip", "plain"])
def test_weights_that_are_pickles_are_read_as_numbers_or_not_at_all(folder: Path, kind: str) -> None:
    weights = {"lm_head.weight": torch.zeros(1), "x": Evil(folder.parent)}
    (folder / "model.safetensors").unlink()
    if kind == "zip":
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(weights))
    with watched() as seen, pytest.raises(ModelUnsupported, match="cannot be opened"):
        load_model(str(folder))
    assert (seen.hosts, seen.processes) == ([], [])
    assert not (folder.parent / "ran").exists()


def test_pickles_of_numbers_alone_open(good: Path, folder: Path) -> None:
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    from_pickle, stock = load_model(str(folder)), load_model(str(good))
    assert from_pickle.step(from_pickle.begin("the cat")).ids == stock.step(stock.begin("the cat")).ids


BROKEN: dict[str, str] = {
    "lists without end": "[" * 100_000,
    "objects without end": '{"model_type":' * 100_000,
    "no text": "\x00\x01",
    "a list": "[]",
    "nothing": "",
    "a number": "1e999",
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_files_that_break_readers_are_refused_in_words(folder: Path, file: str, name: str) -> None:
    (folder / file).write_text(BROKEN[name])
    try:
        load_model(str(folder))
    except ModelError as error:
        assert str(error).startswith(("The ", str(folder)))  # noqa: PT017 - some files are left aside where they are broken
    else:
        assert file != "config.json"


@pytest.mark.parametrize(
    "fields",
    [
        {"num_attention_heads": 0},
        {"num_hidden_layers": -1},
        {"hidden_size": None},
        {"hidden_size": 10**30},
        {"vocab_size": 2**62},
        {"num_hidden_layers": HOSTILE["script end"]},
        {"rope_theta": float("nan"), "rms_norm_eps": float("inf"), "num_key_value_heads": 0},
        {"intermediate_size": [1, 2]},
        {"model_type": ["llama"]},
        {"model_type": HOSTILE["image"]},
        {"architectures": [HOSTILE["script end"]], "model_type": HOSTILE["lines"]},
        {"dtype": HOSTILE["path"]},
    ],
)
def test_settings_that_cannot_be_are_refused_in_words(folder: Path, fields: dict[str, Any]) -> None:
    changed(folder, "config.json", **fields)
    with pytest.raises(ModelError):
        load_model(str(folder))


def adapter(folder: Path, base: str, **fields: Any) -> Path:
    """An adapter that changes nothing of its base."""
    folder.mkdir()
    told = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "target_modules": ["q_proj"]}
    changed(folder, "adapter_config.json", **{**told, "base_model_name_or_path": base, **fields})
    weights = {}
    for layer in range(3):
        place = f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora"
        weights |= {f"{place}_A.weight": torch.zeros(2, 32), f"{place}_B.weight": torch.zeros(32, 2)}
    save_file(weights, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.parametrize(
    "fields",
    [
        {"megatron_config": {"a": 1}, "megatron_core": "antigravity"},
        {"auto_mapping": {"base_model_class": "Evil", "parent_library": "antigravity"}, "task_type": None},
        {"init_lora_weights": "corda", "corda_config": {"cache_file": "../pickle"}},
        {"init_lora_weights": "lora_ga", "lora_ga_config": {"cache_file": "../pickle"}},
    ],
)
def test_an_adapter_runs_nothing_either(
    good: Path, tmp_path: Path, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle").write_bytes(pickle.dumps(Evil(tmp_path)))
    place = adapter(tmp_path / "adapter", str(good), **fields)
    monkeypatch.chdir(place)
    with watched() as seen, suppress(ModelError):  # refused is as good
        load_model(str(place))
    assert (seen.hosts, seen.processes) == ([], [])
    assert not (tmp_path / "ran").exists()
    assert "antigravity" not in sys.modules


def test_an_adapters_pickle_is_read_as_numbers_or_not_at_all(good: Path, tmp_path: Path) -> None:
    place = adapter(tmp_path / "adapter", str(good))
    (place / "adapter_model.safetensors").unlink()
    torch.save({"x": Evil(tmp_path)}, place / "adapter_model.bin")
    with pytest.raises(ModelUnsupported, match="does not go onto"):
        load_model(str(place))
    assert not (tmp_path / "ran").exists()


class TestPlaces:
    """What a visitor may name, on a page that opens models below one folder."""

    @pytest.fixture
    def places(self, good: Path, tmp_path: Path) -> Path:
        for name in ("open", "closed"):
            shutil.copytree(good, tmp_path / name / "model")
        return tmp_path

    def models(self, places: Path, **settings: Any) -> Models:
        return Models(Library(), "builtin", folders=[str(places / "open")], **settings)

    def test_an_adapter_leads_to_no_model_outside(self, places: Path) -> None:
        inside = adapter(places / "open" / "inside", str(places / "open" / "model"))
        outside = adapter(places / "open" / "outside", str(places / "closed" / "model"))
        models = self.models(places)
        models.check(str(inside))
        with watched() as seen, pytest.raises(ModelNotFound, match="not below a folder"):
            models.get(str(outside))
        assert not [file for file in seen.files if str(places / "closed") in file]

    def test_shards_lie_beside_their_list(self, places: Path) -> None:
        folder = places / "open" / "model"
        for elsewhere in ("../../closed/model/model.safetensors", "https://evil.example/x.safetensors"):
            (folder / "model.safetensors").unlink(missing_ok=True)
            changed(folder, "model.safetensors.index.json", weight_map={"lm_head.weight": elsewhere})
            with watched() as seen, pytest.raises(ModelNotFound, match="lacks 1 of its 1 shards"):
                self.models(places).get(str(folder))
            assert seen.hosts == []
            assert not [file for file in seen.files if "closed" in file]


NAMES = [
    *("http://evil.example/x", "https://evil.example/x/y", "//evil.example/share", "\\\\evil.example\\share"),
    *(
        "file:///etc",
        "file://evil.example/x",
        "ftp://evil.example/",
        "s3://evil/x",
        "hf://evil/x",
        "smb://evil.example/x",
    ),
    *("git+https://evil.example/x", "a/b@https://evil.example", "a/b:https://evil.example/x.gguf", "evil.example:80/x"),
    *("../../etc", "/etc/passwd", "/dev/zero", "/proc/self/mem", "~root", "C:\\x", "", " ", "a" * 2_000),
    *HOSTILE.values(),
]
# Those that have the form of a Hugging Face id.
IDS = ["evil/x", "evil.example/x", "gpt2", "evil/x@refs/pr/1", "evil/x:file.gguf", "builtin + evil/x", "evil/x:4bit"]


@pytest.mark.parametrize("name", [*NAMES, *IDS])
def test_without_leave_a_name_reaches_no_other_host(name: str) -> None:
    models = Models(Library(), "builtin", any_name=False, folders=())
    with watched() as seen, pytest.raises(ModelNotFound) as caught:
        models.get(name)
    assert (seen.hosts, seen.processes) == ([], [])
    assert not [file for file in seen.files if file.startswith(("/etc", "/dev", "/proc"))]
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", NAMES)
def test_with_leave_a_name_that_is_no_id_reaches_no_other_host_either(name: str) -> None:
    models = Models(Library(), "builtin", any_name=True, folders=())
    with watched() as seen, pytest.raises(ModelError):
        models.get(name)
    assert (set(seen.hosts) <= {"huggingface.co"}, seen.processes) == (True, [])
    if name not in ("constructor", "__proto__"):  # these have the form of an id
        assert seen.hosts == []


@pytest.mark.parametrize("name", ["builtin@main", "builtin@refs/pr/1", "builtin-gpt2@0123456789"])
def test_another_revision_of_an_offer_is_a_model_that_is_not_offered(name: str) -> None:
    models = Models(Library(), "builtin", any_name=False)
    with watched() as seen, pytest.raises(ModelNotFound, match="is another revision"):
        models.get(name)
    assert seen.hosts == []
    assert models.get("builtin").card().name == "builtin"
