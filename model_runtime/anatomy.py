"""Where a family of models keeps its blocks, and the facts that only its config knows."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from model_runtime.errors import ModelUnsupported

# What the config of a family may call the longest text; ALiBi models name none and take any length.
CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx")
CONTEXT_WITHOUT_LIMIT = 2048
# What the config of a family calls the reach of a kind of layer.
WINDOW_NAMES = {
    "sliding_attention": "sliding_window",
    "chunked_attention": "attention_chunk_size",
    "local": "window_size",
}
# Facts of a config that say how it was stored or run, not what the model is.
PASSING_FACTS = (
    *("_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache", "architectures"),
    "quantization_config",  # as the dtype: how the same weights are kept
    *("id2label", "label2id", "problem_type", "output_attentions", "output_hidden_states", "return_dict"),
)


@dataclass(frozen=True)
class Anatomy:
    """Where the blocks of a model are.

    Attributes:
        layers: The decoder layers, in order.
        parent: The module that holds them.
        name: The attribute of `parent` that holds them.
        config: The config of the text decoder.
    """

    layers: nn.ModuleList
    parent: nn.Module
    name: str
    config: Any


def dissect(model: PreTrainedModel) -> Anatomy:
    """Finds the decoder layers: the first module list as long as the config says, the decoder searched first.

    A family with several attentions in a layer counts those as its hidden layers, and its layers apart.

    Raises:
        ModelUnsupported: There is no such list.
    """
    config = model.config.get_text_config(decoder=True)
    count = getattr(config, "num_hidden_layers", None)
    # get_decoder() names the output head in some families, hence the further places to look.
    for length in (count, getattr(config, "num_layers", None)):
        for root in (model.get_decoder(), model.base_model, model):
            for parent in root.modules() if isinstance(root, nn.Module) else ():
                for name, child in parent.named_children():
                    if isinstance(child, nn.ModuleList) and len(child) == length:
                        return Anatomy(child, parent, name, config)
    raise ModelUnsupported(
        f"{type(model).__name__} keeps its {count} layers in no single list, so they cannot be read. "
        "Choose another model."
    )


def readable_ids(model: PreTrainedModel, vocabulary: int) -> int:
    """How many ids a model can read: a few have fewer embeddings than output logits.

    Args:
        model: The model.
        vocabulary: How many ids it gives a logit to.
    """
    weight = getattr(model.get_input_embeddings(), "weight", None)
    return vocabulary if weight is None else min(vocabulary, len(weight))


def context_limit(config: Any) -> int:
    """The most tokens that fit."""
    named = [getattr(config, name, None) for name in CONTEXT_NAMES]
    limit = next((value for value in named if isinstance(value, int) and value > 0), CONTEXT_WITHOUT_LIMIT)
    rope = getattr(config, "rope_parameters", None) or {}
    # Families that turn some layers in another way list one set for each kind of layer.
    for kind in [rope, *(part for part in rope.values() if isinstance(part, dict))]:
        if kind.get("rope_type") in ("longrope", "dynamic"):
            # Beyond its first length such a model turns every position in another way, those in the cache too: a step
            # across it would need all keys again, and what was shown before would not be what is used afterwards.
            first = kind.get("original_max_position_embeddings")
            first = first or getattr(config, "original_max_position_embeddings", None) or limit
            limit = min(limit, int(first))
    return limit


def window(config: Any, layer: int) -> int | None:
    """The sliding window or chunk of a layer in tokens by its config, None where it sees everything before it."""
    kinds = getattr(config, "layer_types", None) or getattr(config, "attention_layers", None)
    kind = kinds[layer] if isinstance(kinds, list | tuple) else "sliding_attention"
    name = WINDOW_NAMES.get(kind)
    value = getattr(config, name, None) if name else None
    return value if isinstance(value, int) else None


def end_ids(model: PreTrainedModel, tokenizer_end: int | None) -> tuple[int, ...]:
    """The tokens that end a text: what `generate` stops at, else the tokenizer's own end token."""
    generation = getattr(model, "generation_config", None)
    ends = getattr(generation, "eos_token_id", None)
    if ends is None:
        ends = getattr(model.config, "eos_token_id", None)
    if ends is None:
        ends = tokenizer_end
    if ends is None:
        return ()
    return tuple(sorted(set(ends))) if isinstance(ends, list | tuple) else (int(ends),)


def parameters(model: nn.Module) -> int:
    """Number of parameters, tied weights counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def weight_bytes(model: nn.Module) -> int:
    """Bytes of the weights, tied weights counted once."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def fingerprint(config: Any, vocabulary: str) -> str:
    """Twelve hex digits that tell one vocabulary and config from another, wherever the model was loaded from."""
    # Only what departs from the family's defaults, so that a setting which transformers adds breaks no saved moment.
    usual = config.default_config_fields()
    facts = {
        key: value
        for key, value in config.to_dict().items()
        if key not in PASSING_FACTS and (key == "model_type" or key not in usual or usual[key] != value)
    }
    return hashlib.sha256((json.dumps(facts, sort_keys=True, default=str) + vocabulary).encode()).hexdigest()[:12]
