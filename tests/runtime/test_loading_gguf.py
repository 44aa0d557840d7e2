"""GGUF files: the same numbers as the weights they were made of."""

import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from gguf.quants import dequantize, quantize

from model_runtime import ModelNotFound, ModelUnsupported, estimate, load_model, load_tokenizer
from tests.runtime.fake_hub import COMMIT, serving
from tests.runtime.families import build
from tests.runtime.gguf_files import write_gguf

IDS = torch.tensor([[1, 5, 90, 270, 288, 291, 7, 280]])


def llama():
    # 64 wide, as blocks of 8-bit numbers hold 32 each.
    return build("llama", {"hidden_size": 64, "intermediate_size": 96, "head_dim": 16}).model


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    write_gguf(folder / "tiny-F32.gguf", llama())
    return folder


def test_a_file_gives_the_models_own_logits(folder):
    path = str(folder / "tiny-F32.gguf")
    model = load_model(path)
    expected = logits(llama())
    assert (logits(model._engine.model) - expected).abs().max() <= 1e-5 * expected.abs().max()
    moment = model.begin("the cat")
    assert [model.text(token) for token in moment.ids] == ["<s>", " the", " cat"]
    card = model.card()
    assert (card.name, card.revision) == (path, "")
    assert "tiny-F32.gguf" in card.notes[0]
    assert load_model(moment.model).step(moment) == model.step(moment)
    assert estimate(path).weights == 4 * card.parameters
    assert load_tokenizer(path).size >= 288


def test_a_folder_with_one_file(folder):
    assert load_model(str(folder)).card().parameters == load_model(f"{folder}:tiny-F32.gguf").card().parameters


def test_rounded_weights_are_unpacked(tmp_path):
    write_gguf(tmp_path / "tiny-Q8_0.gguf", llama(), Kind.Q8_0)
    rounded = llama()
    with torch.no_grad():
        for parameter in rounded.parameters():
            if parameter.ndim == 2:
                blocks = quantize(parameter.numpy(), Kind.Q8_0)
                parameter.copy_(torch.from_numpy(dequantize(blocks, Kind.Q8_0)))
    model = load_model(str(tmp_path))
    expected, exact = logits(rounded), logits(llama())
    assert (logits(model._engine.model) - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert (exact - expected).abs().max() > 1e-2  # the rounding can be told from none
    assert model.card().fingerprint == load_model(str(tmp_path / "tiny-Q8_0.gguf")).card().fingerprint


def test_files_that_cannot_be_read(tmp_path, folder):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF and no more")
    with pytest.raises(ModelUnsupported, match=r"broken\.gguf.*Choose"):
        load_model(str(tmp_path / "broken.gguf"))
    write_gguf(tmp_path / "odd.gguf", llama(), architecture="brandnew")
    with pytest.raises(ModelUnsupported, match=r"brandnew.*Choose"):
        load_model(str(tmp_path / "odd.gguf"))
    with pytest.raises(ModelNotFound, match=r"2 GGUF files.*Name one, such as .*:broken\.gguf"):
        load_model(str(tmp_path))
    with pytest.raises(ModelNotFound, match=r"holds no file other\.gguf.*Name one"):
        load_model(f"{folder}:other.gguf")
    part = tmp_path / "part" / "big-00001-of-00003.gguf"
    part.parent.mkdir()
    part.write_bytes(b"")
    with pytest.raises(ModelUnsupported, match=r"one part.*llama-gguf-split --merge"):
        load_model(str(part.parent))


def test_one_file_of_a_repository(folder, monkeypatch, tmp_path):
    data = (folder / "tiny-F32.gguf").read_bytes()
    with serving(monkeypatch, tmp_path) as hub:
        hub.repositories["a/b"] = {"tiny-F32.gguf": data, "tiny-Q4_K_M.gguf": b"q" * 999, "README.md": b"#"}
        with pytest.raises(ModelNotFound, match=r"Name one, such as a/b:tiny-F32\.gguf"):
            load_model("a/b")
        model = load_model("a/b:tiny-F32.gguf@main")
        assert (model.card().name, model.card().revision) == ("a/b:tiny-F32.gguf", COMMIT)
        assert hub.files_sent() == {"tiny-F32.gguf"}
        hub.asked.clear()
        load_model(f"a/b:tiny-F32.gguf@{COMMIT}")  # as moments name it
        assert hub.asked == []
