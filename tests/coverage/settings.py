"""A tiny config for every causal language model type that the installed transformers knows."""

import dataclasses
import inspect
from copy import deepcopy
from typing import Any

from transformers import AutoConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tests.coverage.settings_composed import COMPOSED
from tests.runtime.conftest import ALL
from tests.runtime.families import ABSENT, COMMON, CONTEXT, EXPERTS, LATENT, WIDTH, WINDOW

TYPES = tuple(sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))

# What any type takes of this by its own names; the rest is left out.
GENERIC: dict[str, Any] = {
    **COMMON,
    **LATENT,
    **EXPERTS,
    "num_experts": 4,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "n_group": 2,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "d_model": WIDTH,
    "n_embd": WIDTH,
    "embedding_size": WIDTH,
    "n_layer": 3,
    "n_layers": 3,
    "n_head": 4,
    "n_heads": 4,
    "n_positions": CONTEXT,
    "n_inner": 48,
    "d_ff": 48,
    "ffn_dim": 48,
    "ffn_hidden_size": 48,
    "decoder_layers": 3,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 48,
    "encoder_layers": 1,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "is_decoder": True,
    "is_encoder_decoder": False,
    "add_cross_attention": False,
    "sliding_window": WINDOW,
}

GRANITE: dict[str, Any] = ALL["granite"]  # multipliers of one make everything extreme

# Type -> what it takes besides, ABSENT for a generic setting that it refuses.
PLAIN: dict[str, dict[str, Any]] = {
    "big_bird": {"attention_type": "original_full"},
    "codegen": {"rotary_dim": 4},
    "cohere2_moe": {"logit_scale": 1.5},
    "gpt_neo": {"num_layers": 3, "attention_types": [[["local", "global", "local"], 1]], "window_size": WINDOW},
    "granitemoe": GRANITE,
    "granitemoeshared": GRANITE,
    "granite_swa": GRANITE,
    "granitemoe_swa": GRANITE,
    "nemotron_h": {
        "layers_block_type": ["mamba", "attention", "moe"],
        "mamba_num_heads": 4,
        "mamba_head_dim": 16,
        "ssm_state_size": 8,
        "n_groups": 2,
        "chunk_size": 8,
        "n_group": 1,
        "moe_shared_expert_intermediate_size": 16,
    },
    "olmo_hybrid": {
        "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
    },
    "xlm": {"emb_dim": WIDTH, "causal": True, "n_layers": 3, "n_heads": 4, "use_lang_emb": False},
    "xlstm": {"num_blocks": 3, "chunk_size": 8},
}

CHANGES: dict[str, dict[str, Any]] = {**ALL, **PLAIN, **COMPOSED}


def config_of(model_type: str) -> Any:
    """The config of a type's tiny model: what it takes of the generic settings, and its own changes over them.

    A dict among the changes that is meant for a part of the config goes over the generic settings of that part.
    """
    config_class = CONFIG_MAPPING[model_type]
    changes = deepcopy(CHANGES.get(model_type, {}))
    settings = _generic(config_class)
    for part, part_class in (getattr(config_class, "sub_configs", None) or {}).items():
        given = changes.get(part)
        if _decodes(part) and (given is None or isinstance(given, dict)):
            # An AutoConfig says nothing of the settings that its part takes, so it gets them all.
            base = deepcopy(GENERIC) if part_class is AutoConfig else _generic(part_class)
            settings[part] = _without_absent({**base, **(given or {})})
            changes.pop(part, None)
    return AutoConfig.for_model(model_type, **_without_absent({**settings, **changes}))


def _decodes(part: str) -> bool:
    """Whether a part of a config is that of a text decoder, by its name."""
    return any(word in part for word in ("text", "decoder", "lang"))


def _generic(config_class: Any) -> dict[str, Any]:
    """The generic settings that a config class has a name for."""
    names = set(inspect.signature(config_class.__init__).parameters)
    names |= (
        {field.name for field in dataclasses.fields(config_class)} if dataclasses.is_dataclass(config_class) else set()
    )
    names |= set(getattr(config_class, "attribute_map", None) or {})
    return deepcopy({name: value for name, value in GENERIC.items() if name in names})


def _without_absent(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value != ABSENT}
