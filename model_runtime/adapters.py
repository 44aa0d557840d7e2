"""Adapters: small changes to a model's weights, kept apart from them in the format of the package peft."""

import json
from importlib.util import find_spec
from pathlib import Path

from transformers import PreTrainedModel

from model_runtime.errors import ModelNotFound, ModelUnsupported
from model_runtime.failures import FAILURES
from model_runtime.model_files import ADAPTER_CONFIG, ModelFiles
from model_runtime.model_names import Source

# Kinds that put vectors of their own before the text instead of changing weights.
_VIRTUAL_TOKENS = ("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "ADAPTION_PROMPT", "CPT")


def base_of(files: ModelFiles, *, named: bool = False) -> Source:
    """The model that an adapter was trained on, from its adapter_config.json.

    Args:
        files: The adapter's files.
        named: Whether the base was given, so that the adapter need not tell.

    Raises:
        ModelUnsupported: It cannot be read, or is of a kind that cannot be put into weights.
    """
    try:
        told = json.loads((files.folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        kind, base, revision = told.get("peft_type"), told.get("base_model_name_or_path"), told.get("revision")
    except (ValueError, OSError, AttributeError) as error:
        raise ModelUnsupported(
            f"The {ADAPTER_CONFIG} of {files.title} cannot be read: {error}. Get it again."
        ) from error
    if kind in _VIRTUAL_TOKENS:
        raise ModelUnsupported(
            f"{files.title} is an adapter of kind {kind}, which puts vectors before the text that are no tokens; "
            f"there is nothing to show them by. Load its base {base} alone, or choose a LoRA adapter."
        )
    if named:
        return Source(str(base or ""))
    if not isinstance(base, str) or not base:
        raise ModelUnsupported(
            f"{files.title} does not say what it goes onto. Give the base too: 'base + {files.title}'."
        )
    source = Source(base, revision=revision or "")
    if files.hub is not None and source.is_path:
        raise ModelUnsupported(
            f"{files.title} says that it goes onto {base!r}, a path on the machine that it was made on. "
            f"Give the base too: 'base + {files.title}'."
        )
    return source


def check_adapter(files: ModelFiles, quantise: str) -> None:
    """Refuses what cannot be put onto a model here.

    Raises:
        ModelNotFound: It is no adapter.
        ModelUnsupported: The package is missing, or the model is to be quantised.
    """
    if not files.is_adapter:
        raise ModelNotFound(
            f"{files.title} is no adapter: it holds no {ADAPTER_CONFIG}, or whole weights. Load it as a model of its "
            "own."
        )
    if find_spec("peft") is None:
        raise ModelUnsupported(f"{files.title} is an adapter, which needs the package peft: pip install peft.")
    if quantise:
        raise ModelUnsupported(
            f"{files.title} would have to be rounded to {quantise} with the weights that it goes into. Load it without "
            "quantise."
        )


def merged(model: PreTrainedModel, files: ModelFiles, weights: list[str]) -> PreTrainedModel:
    """The model with an adapter's changes added to its weights, as peft merges them.

    Raises:
        ModelUnsupported: It does not belong to this model.
    """
    from peft import PeftModel  # late: only adapters need it

    try:
        changed = PeftModel.from_pretrained(model, str(Path(files.folder)))
        merge = getattr(changed, "merge_and_unload", None)
        if merge is None:
            raise ModelUnsupported(f"{files.title} cannot be put into the weights. Load its base alone.")
        whole: PreTrainedModel = merge(safe_merge=True)
    except FAILURES as error:
        raise ModelUnsupported(
            f"The adapter {files.title} ({', '.join(weights)}) does not go onto {type(model).__name__}: {error}. Check "
            "that its base is the model it was trained on."
        ) from error
    return whole
