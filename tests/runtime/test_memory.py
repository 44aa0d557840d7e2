"""What a model takes, estimated before it is read, against what it then takes; and where it goes."""

import json

import pytest
import torch
from accelerate import dispatch_model

from model_runtime import MemoryNeed, ModelTooLarge, ModelUnsupported, estimate, load_model
from model_runtime.memory import _granted, free_memory, text_need
from model_runtime.model import Model
from model_runtime.placement import place_for
from tests.runtime.fake_hub import serving
from tests.runtime.families import build
from tests.runtime.tokenizers_for_tests import byte_level

GIGABYTE = 10**9
LAYERS, HEADS, SHARED, HEAD_WIDTH, WIDTH = 3, 4, 2, 8, 32  # of the tiny Llama


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    build("llama", {}).model.save_pretrained(folder, max_shard_size="60KB")
    byte_level().save_pretrained(folder)
    return folder


def test_the_weights_are_counted_from_the_headers(saved):
    parameters = sum(parameter.numel() for parameter in build("llama", {}).model.parameters())
    need = estimate(str(saved), device="cpu")
    assert (need.weights, need.dtype, need.device) == (4 * parameters, "float32", "cpu")
    assert estimate(str(saved), device="cpu", dtype="bfloat16").weights == 2 * parameters
    assert 4 * parameters < need.stored < 4 * parameters + 10_000  # headers
    assert load_model(str(saved)).weight_bytes == need.weights


def test_a_text_is_counted_from_the_config(saved):
    need = estimate(str(saved), device="cpu", dtype="float16")
    assert need.tokens == 1024
    assert need.cache == 1024 * 2 * 2 * LAYERS * SHARED * HEAD_WIDTH
    streams, attended, queries = (LAYERS + 1) * WIDTH, LAYERS * WIDTH, LAYERS * HEADS * HEAD_WIDTH
    assert need.recording == 1024 * 2 * (streams + attended + queries)
    assert need.total == need.weights + need.cache + need.recording


def test_a_recorded_text_takes_what_was_said():
    model = Model(build("llama", {}).model, byte_level())
    moment = model.begin("the cat in a chat with the re")
    model.tokens(moment)
    cache, recording = text_need(model._engine.model.config, len(moment.ids), 4)
    assert cache + recording <= model.held_bytes <= 1.5 * (cache + recording)


def test_estimates_need_no_weights(saved, monkeypatch, tmp_path):
    parameters = sum(parameter.numel() for parameter in build("llama", {}).model.parameters())
    with serving(monkeypatch, tmp_path) as hub:
        hub.repositories["a/b"] = {file.name: file.read_bytes() for file in saved.iterdir()}
        need = estimate("a/b", device="cpu")
        assert 4 * parameters <= need.weights < 4.2 * parameters
        assert not any("safetensors" in name and "index" not in name for name in hub.files_sent())
        monkeypatch.setattr("model_runtime.memory.free_memory", lambda device: 200_000)
        with pytest.raises(ModelTooLarge, match=r"a/b in float32 takes .*200 kB are free on cpu. Use dtype='bf"):
            load_model("a/b", device="cpu")
        assert not any("safetensors" in name and "index" not in name for name in hub.files_sent())


def test_checkpoints_that_are_packed_stay_so_or_are_unpacked(saved, tmp_path):
    plain = estimate(str(saved), device="cpu")
    for own, expected in (("bitnet", plain.stored), ("fp8", 4 * plain.stored), ("mxfp4", plain.stored * 32 // 4.25)):
        folder = tmp_path / own
        folder.mkdir()
        for file in saved.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": own}}))
        assert estimate(str(folder), device="cpu").weights == pytest.approx(expected, abs=4)


def test_a_container_s_limit_counts(tmp_path):
    assert _granted(tmp_path) is None
    for name, text in (("max", "1000"), ("current", "700"), ("stat", "anon 500\ninactive_file 150\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert _granted(tmp_path) == 1000 - (700 - 150)
    (tmp_path / "memory.max").write_text("max\n")
    assert _granted(tmp_path) is None
    free = free_memory(torch.device("cpu"))
    assert free is None or free > 0


def need(weights, free, dtype="bfloat16"):
    return MemoryNeed("a/b", dtype, weights, 2 * GIGABYTE, GIGABYTE, 1024, "cuda:0", free, weights)


@pytest.fixture
def two_gpus(monkeypatch):
    """A machine with two GPUs of 10 GB free each, and 100 GB for the CPU."""
    free = {"cuda": 10 * GIGABYTE, "cpu": 100 * GIGABYTE}
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("model_runtime.placement.free_memory", lambda device: free[device.type])


def test_one_gpu_while_it_has_room(two_gpus):
    assert place_for(need(7 * GIGABYTE, 10 * GIGABYTE), torch.device("cuda"), "auto").shares is None


def test_all_gpus_where_one_has_not(two_gpus):
    shares = place_for(need(14 * GIGABYTE, 10 * GIGABYTE), torch.device("cuda"), "auto").shares
    # 9 of 10 GB each; the cache lies on both, the recording on the first.
    assert shares == {0: 7 * GIGABYTE, 1: 8 * GIGABYTE}
    with pytest.raises(ModelTooLarge, match=r"25\.0 GB of weights.*quantise='4bit', use device='spread'"):
        place_for(need(25 * GIGABYTE, 10 * GIGABYTE), torch.device("cuda"), "auto")
    with pytest.raises(ModelTooLarge, match=r"14\.0 GB of weights.*10\.0 GB are free on cuda:0"):
        place_for(need(14 * GIGABYTE, 10 * GIGABYTE), torch.device("cuda", 0), "cuda:0")


def test_the_cpu_s_memory_when_asked_for(two_gpus):
    shares = place_for(need(25 * GIGABYTE, 10 * GIGABYTE), torch.device("cuda", 0), "spread").shares
    assert shares == {0: 7 * GIGABYTE, 1: 8 * GIGABYTE, "cpu": 90 * GIGABYTE}
    assert "cpu" not in place_for(need(14 * GIGABYTE, 10 * GIGABYTE), torch.device("cuda", 0), "spread").shares
    with pytest.raises(ModelTooLarge, match=r"108 GB are free on all GPUs and the CPU's memory.*Choose a s"):
        place_for(need(200 * GIGABYTE, 10 * GIGABYTE, dtype="4bit"), torch.device("cuda", 0), "spread")


@pytest.mark.skipif(torch.cuda.is_available(), reason="what a machine without CUDA says")
def test_spreading_needs_cuda(saved):
    for name in ("spread", "cuda", "cuda:1"):
        with pytest.raises(ModelUnsupported, match=rf"no CUDA device.*{name!r} needs one; use device='cpu'"):
            load_model(str(saved), device=name)


def test_layers_kept_on_the_disk_answer_as_those_in_memory(tmp_path):
    """accelerate's hooks, as they are where layers lie on several devices: these weights are read anew in each pass."""
    apart = ("model.embed_tokens", "model.layers.0", "model.layers.2", "model.norm", "model.rotary_emb", "lm_head")
    places = {"model.layers.1": "disk", **dict.fromkeys(apart, "cpu")}
    moved = dispatch_model(build("llama", {}).model, places, main_device="cpu", offload_dir=str(tmp_path))
    assert moved.model.layers[1].mlp.up_proj.weight.device.type == "meta"
    offloaded, plain = Model(moved, byte_level()), Model(build("llama", {}).model, byte_level())
    assert [proof.passed for proof in offloaded.card().proofs] == [proof.passed for proof in plain.card().proofs]
    assert offloaded.card().device == "cpu"
    one, other = offloaded.begin("the cat in"), plain.begin("the cat in")
    assert offloaded.step(one) == plain.step(other)
    for layer in range(LAYERS):
        assert (offloaded.attention(one, layer, 2).weights == plain.attention(other, layer, 2).weights).all()
        assert (offloaded.hidden(one, layer + 1) == plain.hidden(other, layer + 1)).all()
    assert (offloaded.contributions(one).values == plain.contributions(other).values).all()
    assert (offloaded.lens(one).probability == plain.lens(other).probability).all()
    switched = [(1, 0)]
    assert (offloaded.hidden(one.without(switched), 3) == plain.hidden(other.without(switched), 3)).all()
