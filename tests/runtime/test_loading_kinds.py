"""Models that are not shown here, each refused by its name with what to do instead."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification

from model_runtime import LoadingStopped, ModelNotFound, ModelUnsupported, load_model
from tests.runtime.conftest import rewritten
from tests.runtime.families import ABSENT, build
from tests.runtime.tokenizers_for_tests import byte_level

SMALL = {
    "vocab_size": 320,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}


def kept(model, folder):
    model.save_pretrained(folder)
    byte_level().save_pretrained(folder)
    return str(folder)


def test_masked_language_models_are_named(tmp_path):
    for kind in ("bert", "roberta", "electra"):
        model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(kind, **SMALL))
        name = kept(model, tmp_path / kind)
        with pytest.raises(ModelUnsupported, match=rf"{type(model).__name__}: it fills in gaps.*Choose a causal"):
            load_model(name)
    bare = kept(AutoModel.from_config(AutoConfig.for_model("bert", **SMALL)), tmp_path / "bare")
    with pytest.raises(ModelUnsupported, match=r"BertModel: it fills in gaps.*Choose a causal"):
        load_model(bare)


def test_a_bert_that_was_made_a_decoder_is_opened(tmp_path):
    model = build("bert", {"is_decoder": True, "num_key_value_heads": ABSENT, "head_dim": ABSENT}).model
    assert load_model(kept(model, tmp_path)).card().architecture == "BertLMHeadModel"


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("t5", {"d_model": 32, "num_layers": 1}, "reads a text with an encoder and writes another with a decoder"),
        ("bart", {"d_model": 32}, "reads a text with an encoder and writes another with a decoder"),
        ("whisper", {"d_model": 32}, "turns speech into text"),
        ("vit", {}, "does not write token by token"),
        ("diffusion_gemma", {}, "writes by diffusion"),
        ("modernbert", {}, "fills in gaps"),
        ("qwen2_vl", {}, "reads pictures"),
    ],
)
def test_other_kinds_are_named(tmp_path, kind, settings, words):
    AutoConfig.for_model(kind, **settings).save_pretrained(tmp_path)
    byte_level().save_pretrained(tmp_path)
    with pytest.raises(ModelUnsupported, match=rf"{words}.*Choose a causal"):
        load_model(str(tmp_path))


def test_classifiers_and_embedding_models_of_causal_types_are_named(folder, tmp_path):
    model = AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(folder))
    with pytest.raises(ModelUnsupported, match=r"LlamaForSequenceClassification: it puts texts into classes.*Choose"):
        load_model(kept(model, tmp_path / "classes"))
    (folder / "modules.json").write_text("[]")
    with pytest.raises(ModelUnsupported, match=r"LlamaModel: it turns texts into vectors \(a sentence-tr.*Choose"):
        load_model(rewritten(folder, architectures=["LlamaModel"]))


def test_weights_without_a_language_head(folder):
    weights = load_file(folder / "model.safetensors")
    head = weights.pop("lm_head.weight")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelUnsupported, match=r"lack the language head \(lm_head\.weight\).*LlamaForCausalLM"):
        load_model(str(folder))
    weights |= {"lm_head.weight": head}
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelUnsupported, match=r"lack 1 tensors, such as model\.norm\.weight.*Get its files"):
        load_model(str(folder))


def test_code_of_a_repository_is_never_run(folder, tmp_path):
    proof = tmp_path / "ran"
    (folder / "modeling.py").write_text(f"open({str(proof)!r}, 'w').close()\nclass Own: ...\n")
    names = {"AutoConfig": "modeling.Own", "AutoModelForCausalLM": "modeling.Own"}
    built_in = load_model(rewritten(folder, auto_map=names))  # as Phi-3 has it: the built-in class is used
    assert built_in.card().architecture == "LlamaForCausalLM"
    with pytest.raises(ModelUnsupported, match=r"'brand_new'.*own code.*never run.*Choose"):
        load_model(rewritten(folder, model_type="brand_new"))
    with pytest.raises(ModelUnsupported, match=r"'internlm2'.*never run.*internlm/internlm3-8b-instruct.*built in"):
        load_model(rewritten(folder, model_type="internlm2"))
    assert not proof.exists()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "is empty.*Give the folder"),
        (("notes.md",), r"no config\.json, but notes\.md,.*give another"),
        (("model_index.json", "unet/model.safetensors"), "diffusers pipeline.*Choose"),
        (("modules.json", "0_Transformer/x.bin"), "sentence-transformers.*Choose"),
        (("onnx/model.onnx",), "ONNX.*safetensors"),
        (("tf_model.h5",), "TensorFlow.*safetensors"),
        (("params.json", "consolidated.00.pth"), "makers' own format.*-hf"),
        (("checkpoint-90/config.json", "checkpoint-500/config.json"), "checkpoints.*Give one.*checkpoint-500"),
        (("model.safetensors",), r"no config\.json.*Copy the config\.json"),
    ],
)
def test_folders_that_hold_something_else(tmp_path, names, words):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelNotFound, match=f"(?s){words}"):
        load_model(str(tmp_path))


def test_a_file_that_is_no_model(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    with pytest.raises(ModelUnsupported, match=r"is a file and no model.*Give the folder"):
        load_model(str(file))


def test_a_folder_without_a_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(ModelUnsupported, match=r"no tokenizer.*Copy the tokenizer's files"):
        load_model(str(folder))


def test_shards(folder, tmp_path):
    build("llama", {}).model.save_pretrained(folder, max_shard_size="40KB")
    (folder / "model.safetensors").unlink()
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 3
    heard = []
    model = load_model(str(folder), progress=lambda message, fraction: heard.append(message))
    ids = torch.tensor([[1, 5, 90, 260]])
    with torch.no_grad():
        assert torch.equal(model._engine.model(ids).logits, build("llama", {}).model(ids).logits)
    assert any("of 30 tensors" in message for message in heard)
    shards[1].unlink()
    with pytest.raises(ModelNotFound, match=rf"lacks 1 of its {len(shards)} shards: {shards[1].name}.*Copy it into"):
        load_model(str(folder))
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ModelUnsupported, match=r"no list of shards.*Copy it again"):
        load_model(str(folder))


def test_weights_are_told_and_can_be_stopped(folder):
    def stop(message, fraction):
        if "tensors" in message:
            raise LoadingStopped("Enough.")

    with pytest.raises(LoadingStopped, match="Enough"):
        load_model(str(folder), progress=stop)
    assert load_model(str(folder)).card().layers == 3


def test_quantisation_that_cannot_run_here(folder):
    with pytest.raises(ModelUnsupported, match=r"no quantise '3bit'.*'8bit', '4bit'"):
        load_model(str(folder), quantise="3bit")
    for name, how in ((str(folder), "8bit"), (f"{folder}:4bit", "")):
        with pytest.raises(ModelUnsupported, match=r"bit' needs a CUDA device.*bfloat16.*smaller"):
            load_model(name, quantise=how, device="cpu")
    with pytest.raises(ModelUnsupported, match="Give one of them"):
        load_model(f"{folder}:4bit", quantise="8bit")
    stored = rewritten(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(ModelUnsupported, match=r"gptq, which runs on CUDA alone.*not quantised"):
        load_model(stored, device="cpu")
    with pytest.raises(ModelUnsupported, match=r"stored in gptq already.*without quantise"):
        load_model(stored, quantise="4bit")
    with pytest.raises(ModelUnsupported, match=r"quantised as compressed-tensors.*pip install compressed_tensors"):
        load_model(rewritten(folder, quantization_config={"quant_method": "compressed-tensors"}))
    with pytest.raises(ModelUnsupported, match=r"'brandnew', which is not known here.*not quantised"):
        load_model(rewritten(folder, quantization_config={"quant_method": "brandnew"}))


def test_8_bit_floats_are_unpacked_as_they_are_read(folder):
    side, plain, packed = 16, {}, {}
    for name, weights in load_file(folder / "model.safetensors").items():
        plain[name] = packed[name] = weights
        if weights.ndim == 2 and ".layers." in name:
            rows, columns = weights.shape
            blocks = weights.reshape(rows // side, side, columns // side, side)
            scale = blocks.abs().amax((1, 3)) / 448  # the largest number of the format
            small = (blocks / scale[:, None, :, None]).reshape(rows, columns).to(torch.float8_e4m3fn)
            packed |= {name: small, f"{name}_scale_inv": scale}
            plain[name] = (small.float().reshape(blocks.shape) * scale[:, None, :, None]).reshape(rows, columns)
    save_file(packed, folder / "model.safetensors", {"format": "pt"})
    own = {"quant_method": "fp8", "weight_block_size": [side, side], "modules_to_not_convert": ["lm_head"]}
    model = load_model(rewritten(folder, quantization_config=own), device="cpu")
    source = build("llama", {}).model
    ids = torch.tensor([[1, 5, 90, 260, 7]])
    with torch.no_grad():
        exact = source(ids).logits
        source.load_state_dict(plain)
        expected, got = source(ids).logits, model._engine.model(ids).logits
    assert (got - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert (exact - expected).abs().max() > 1e-2
    assert all(proof.passed for proof in model.card().proofs)
