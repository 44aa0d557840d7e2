"""Adapters: the numbers of peft's own model, and names that lead to them again."""

import json
import shutil

import pytest
import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, TaskType, get_peft_model
from transformers import AutoModelForCausalLM

from model_runtime import ModelNotFound, ModelUnsupported, load_model
from tests.runtime.fake_hub import COMMIT, serving
from tests.runtime.families import build
from tests.runtime.tokenizers_for_tests import byte_level

# peft asks transformers by a name that it is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")

IDS = torch.tensor([[1, 5, 90, 260, 7, 33, 120, 4]])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A base, and an adapter onto it with weights that change what the base computes."""
    place = tmp_path_factory.mktemp("adapters")
    build("llama", {}).model.save_pretrained(place / "base")
    byte_level().save_pretrained(place / "base")
    base = AutoModelForCausalLM.from_pretrained(place / "base")
    changed = get_peft_model(
        base, LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, target_modules=["q_proj", "down_proj"])
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in changed.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    changed.save_pretrained(place / "lora")
    return place


def peft_logits(folders):
    base = AutoModelForCausalLM.from_pretrained(folders / "base")
    with torch.no_grad():
        plain = base(IDS).logits
        return PeftModel.from_pretrained(base, folders / "lora")(IDS).logits, plain


def test_an_adapter_gives_peft_s_own_logits(folders):
    expected, plain = peft_logits(folders)
    assert (expected - plain).abs().max() > 0.1 * plain.abs().max()
    base, lora = str(folders / "base"), str(folders / "lora")
    alone = load_model(lora)
    for model in (alone, load_model(base, adapter=lora), load_model(f"{base} + {lora}")):
        with torch.no_grad():
            got = model._engine.model(IDS).logits
        assert (got - expected).abs().max() <= 1e-5 * expected.abs().max()
        assert model.card().name == f"{base} + {lora}"
        assert "added to the weights" in model.card().notes[0]
    moment = alone.begin("the cat")
    assert load_model(moment.model).step(moment) == alone.step(moment)


def test_an_adapter_of_the_hub(folders, monkeypatch, tmp_path):
    with serving(monkeypatch, tmp_path) as hub:
        hub.repositories["a/base"] = {file.name: file.read_bytes() for file in (folders / "base").iterdir()}
        lora = {file.name: file.read_bytes() for file in (folders / "lora").iterdir()}
        told = json.loads(lora["adapter_config.json"]) | {"base_model_name_or_path": "a/base"}
        hub.repositories["a/lora"] = {**lora, "adapter_config.json": json.dumps(told).encode(), "optimizer.pt": b"o"}
        card = load_model("a/lora").card()
        assert (card.name, card.revision) == (f"a/base@{COMMIT} + a/lora@{COMMIT}", "")
        assert "adapter_model.safetensors" in hub.files_sent()
        assert "optimizer.pt" not in hub.files_sent()
        hub.asked.clear()
        load_model(card.name)
        assert hub.asked == []


def changed_copy(folders, tmp_path, **changes):
    shutil.copytree(folders / "lora", tmp_path / "lora")
    file = tmp_path / "lora" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return str(tmp_path / "lora")


def test_adapters_that_do_not_say_their_base(folders, tmp_path):
    lora = changed_copy(folders, tmp_path, base_model_name_or_path=None)
    with pytest.raises(ModelUnsupported, match="Give the base too"):
        load_model(lora)
    assert load_model(str(folders / "base"), adapter=lora).card().name.endswith(lora)


def test_adapters_that_do_not_fit(folders, tmp_path):
    build("gpt2", {"n_embd": 32, "n_layer": 3, "n_head": 4}).model.save_pretrained(tmp_path / "gpt2")
    byte_level().save_pretrained(tmp_path / "gpt2")
    with pytest.raises(ModelUnsupported, match=r"does not go onto GPT2LMHeadModel.*Check that its base"):
        load_model(str(tmp_path / "gpt2"), adapter=str(folders / "lora"))
    lora = changed_copy(folders, tmp_path)
    (tmp_path / "lora" / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelNotFound, match=r"no weights.*Copy"):
        load_model(lora)


def test_what_is_no_adapter_or_cannot_be_one(folders, tmp_path):
    base, lora = str(folders / "base"), str(folders / "lora")
    with pytest.raises(ModelNotFound, match=r"no adapter.*model of its own"):
        load_model(base, adapter=base)
    with pytest.raises(ModelUnsupported, match="adapter itself"):
        load_model(lora, adapter=lora)
    with pytest.raises(ModelUnsupported, match="without quantise"):
        load_model(base, adapter=lora, quantise="4bit")
    prompts = PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=4)
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), prompts).save_pretrained(tmp_path / "prompts")
    with pytest.raises(ModelUnsupported, match=r"PROMPT_TUNING.*no tokens.*LoRA"):
        load_model(str(tmp_path / "prompts"))
    with pytest.raises(ModelUnsupported, match=r"PROMPT_TUNING.*no tokens.*LoRA"):
        load_model(base, adapter=str(tmp_path / "prompts"))
