"""What kind of model a config describes, and plain words for the kinds that do not write token by token."""

import json
from typing import Any

from transformers import AutoConfig
from transformers.models.auto import modeling_auto as auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from model_runtime.errors import ModelUnsupported
from model_runtime.failures import FAILURES
from model_runtime.model_files import ModelFiles, no_config

ADVICE = "Choose a causal language model: one of the list, or a hub id such as Qwen/Qwen3-0.6B."

# Types that need their repository's code, each with a relative of the same makers that transformers has built in.
_RELATIVES = {
    "chatglm": ("glm4", "zai-org/GLM-4-9B-0414"),
    "qwen": ("qwen2", "Qwen/Qwen2.5-0.5B"),
    "internlm": ("internlm3", "internlm/internlm3-8b-instruct"),
    "internlm2": ("internlm3", "internlm/internlm3-8b-instruct"),
    "minicpm": ("minicpm3", "openbmb/MiniCPM3-4B"),
    "mixformer-sequential": ("phi", "microsoft/phi-1_5"),
    "phi-msft": ("phi", "microsoft/phi-2"),
    "phi3small": ("phi3", "microsoft/Phi-3-mini-4k-instruct"),
    "RefinedWeb": ("falcon", "tiiuae/falcon-7b"),
    "RefinedWebModel": ("falcon", "tiiuae/falcon-7b"),
    "stablelm_epoch": ("stablelm", "stabilityai/stablelm-2-1_6b"),
    "exaone": ("exaone4", "LGAI-EXAONE/EXAONE-4.0-1.2B"),
    "deepseek": ("deepseek_v2", "deepseek-ai/DeepSeek-V2-Lite"),
    "openelm": ("llama", "HuggingFaceTB/SmolLM2-135M"),
}

# What computes attention in transformers itself; by other names it fetches code, where the package kernels is there.
_OWN_KERNELS = ("eager", "sdpa")

_FILLS_IN = "fills in gaps and does not write token by token"
_TRANSLATES = "reads a text with an encoder and writes another with a decoder"
# By how the class in the config ends.
_BY_CLASS = {
    "ForMaskedLM": _FILLS_IN,
    "ForPreTraining": _FILLS_IN,
    "ForSequenceClassification": "puts texts into classes and does not write",
    "ForTokenClassification": "puts tokens into classes and does not write",
    "ForQuestionAnswering": "marks answers in a text and does not write",
    "ForMultipleChoice": "chooses among answers and does not write",
    "ForRewardModel": "scores texts and does not write",
    "EncoderModel": "turns texts into vectors and does not write token by token",
    "ForTextEncoding": "turns texts into vectors and does not write token by token",
}
# By the tasks that transformers lists a type under, the most telling first.
_BY_TASK = (
    (auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES, "turns speech into text"),
    (auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES, f"{_TRANSLATES}, not token by token from one text"),
    (auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, "reads pictures beside text and does "
     "not write token by token from text alone"),
    (auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES, _FILLS_IN),
    (auto.MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES, "turns texts into vectors and does not write token by token"),
)  # fmt: skip


def read_config(files: ModelFiles) -> Any:
    """The config, once it is clear that transformers knows the model by itself and that it writes token by token.

    Raises:
        ModelNotFound: There is no config, nor a GGUF file that holds one.
        ModelUnsupported: It cannot be read, or is of a kind that is not shown here.
    """
    if not files.gguf:
        _check_type(files)
    where: dict[str, Any] = {"gguf_file": files.gguf} if files.gguf else {}
    try:
        config = AutoConfig.from_pretrained(files.folder, trust_remote_code=False, **where)
    except FAILURES as error:
        what = files.gguf or "config.json"
        raise ModelUnsupported(f"The {what} of {files.title} cannot be used: {error}. {ADVICE}") from error
    _check_kind(files, config)
    _without_others_kernels(config)
    return config


def _without_others_kernels(config: Any) -> None:
    """Lets transformers choose what computes attention and experts: a config may name code of the hub for it."""
    for one in (config, *(getattr(config, name, None) for name in config.sub_configs)):
        for kind in ("_attn_implementation", "_experts_implementation"):
            if getattr(one, kind, None) not in (None, *_OWN_KERNELS):
                setattr(one, kind, None)


def _check_type(files: ModelFiles) -> None:
    """Refuses types that transformers does not have built in."""
    if "config.json" not in files.sizes:
        raise no_config(files)
    try:
        raw = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:  # the last: lists in lists without end
        raise ModelUnsupported(
            f"The config.json of {files.title} cannot be read: {error}. Copy it again from where the model came from."
        ) from error
    kind = raw.get("model_type") if isinstance(raw, dict) else None
    if isinstance(kind, str) and kind in CONFIG_MAPPING:
        return  # also where the repository brings code of its own: the built-in class is used
    if not isinstance(raw, dict) or "auto_map" not in raw:
        raise ModelUnsupported(f"{files.title} is of type {kind!r}, which transformers does not know. {ADVICE}")
    built_in, example = _RELATIVES.get(str(kind), ("", ""))
    instead = f"Of the same makers, {example} (type {built_in}) is built in." if built_in in CONFIG_MAPPING else ADVICE
    raise ModelUnsupported(
        f"{files.title} is of type {kind!r}, which transformers does not know. It needs its own code, and code from a "
        f"repository is never run here. {instead}"
    )


def _check_kind(files: ModelFiles, config: Any) -> None:
    """Refuses kinds that do not write token by token, by their name."""
    classes = [str(name) for name in getattr(config, "architectures", None) or ()]
    kind = str(config.model_type)
    named = classes[0] if classes else f"type {kind!r}"
    causal = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind)
    if type(config) not in auto.MODEL_FOR_CAUSAL_LM_MAPPING:
        does = _of_task(kind, classes)
    elif classes and causal not in classes and (found := _of_class(classes[0])):
        does = found
    elif "modules.json" in files.sizes and classes and classes[0].endswith("Model") and classes[0] != causal:
        does = "turns texts into vectors (a sentence-transformers model) and does not write token by token"
    elif getattr(config, "is_encoder_decoder", False):
        does = _of_task(kind, classes)
    elif kind in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES and _looks_both_ways(config):
        does = _FILLS_IN
    else:
        return
    raise ModelUnsupported(f"{files.title} is a {named}: it {does}. {ADVICE}")


def _looks_both_ways(config: Any) -> bool:
    """Whether attention is not masked: what such a checkpoint learnt is to fill in, whatever head it is given."""
    return getattr(config, "is_decoder", None) is False or getattr(config, "causal", None) is False


def _of_class(name: str) -> str | None:
    return next((does for end, does in _BY_CLASS.items() if name.endswith(end)), None)


def _of_task(kind: str, classes: list[str]) -> str:
    if "diffusion" in kind:
        return "writes by diffusion, all tokens at once, and not token by token"
    if classes and (found := _of_class(classes[0])):
        return found
    return next((does for types, does in _BY_TASK if kind in types), "does not write token by token")
