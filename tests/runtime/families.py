"""Tiny models of many families, initialised so that tests on them can fail.

The weights are random and large: attention is peaked, heads differ, logits spread. `tests/runtime/test_families.py`
asserts that they are, because a comparison on flat attention passes whatever is compared.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

WINDOW = 8
VOCABULARY = 320
WIDTH = 32
CONTEXT = 64

ABSENT = "absent"  # for a setting of COMMON that a family refuses

COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 48,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}
SLIDING = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
LATENT = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}

GPT: dict[str, Any] = {"n_embd": WIDTH, "n_layer": 3, "n_head": 4, "n_positions": CONTEXT}
FALCON: dict[str, Any] = {"head_dim": ABSENT, "new_decoder_architecture": False, "multi_query": False, "alibi": False}
DECODER: dict[str, Any] = {"d_model": WIDTH, "decoder_layers": 3, "decoder_attention_heads": 4, "decoder_ffn_dim": 48}

# Families that do not call their attention through transformers' interface. After a colon: which variant.
OUTSIDE: dict[str, dict[str, Any]] = {
    "falcon": {**FALCON, "new_decoder_architecture": True, "num_kv_heads": 2},
    "falcon:multi_query": {**FALCON, "multi_query": True},
    "falcon:alibi": {**FALCON, "alibi": True, "parallel_attn": False},
    "gptj": {**GPT, "rotary_dim": 4},
    "bloom": {"n_layer": 3, "n_head": 4},
    "mpt": {"d_model": WIDTH, "n_heads": 4, "n_layers": 3, "max_seq_len": CONTEXT},
    "gpt_neo": {
        "num_layers": 3,
        "num_heads": 4,
        "attention_types": [[["local", "global", "local"], 1]],
        "window_size": WINDOW,
    },
    "codegen": {**GPT, "rotary_dim": 4},
    "xglm": {"d_model": WIDTH, "num_layers": 3, "attention_heads": 4, "ffn_dim": 48},
}
FAMILIES: dict[str, dict[str, Any]] = {
    **OUTSIDE,
    "llama": {},
    "mistral": {"sliding_window": WINDOW},
    "mixtral": {"sliding_window": None, **EXPERTS},
    "phi3": {"sliding_window": WINDOW},
    "phi": {"partial_rotary_factor": 0.5},
    "qwen2": {"use_sliding_window": True, "max_window_layers": 1, "sliding_window": WINDOW},
    "qwen3": {},
    "gemma": {},
    "gemma2": {"query_pre_attn_scalar": 8, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 6.0, **SLIDING},
    "gemma3_text": {"query_pre_attn_scalar": 8, **SLIDING},
    "gpt2": GPT,
    "gpt_neox": {"rotary_pct": 0.5},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": WIDTH},
    "olmo2": {},
    "olmo3": dict(SLIDING),
    "stablelm": {"partial_rotary_factor": 0.5},
    "cohere": {"logit_scale": 1.5},
    "cohere2": {"logit_scale": 1.5, **SLIDING},
    "granite": {
        "residual_multiplier": 0.5,
        "attention_multiplier": 0.3,
        "embedding_multiplier": 3.0,
        "logits_scaling": 0.5,
    },
    "gpt_oss": {**EXPERTS, **SLIDING},
    "starcoder2": {"sliding_window": WINDOW},
    "smollm3": {},
    "gemma4_text": {"num_kv_shared_layers": 0, "global_head_dim": 8, **SLIDING},
    "exaone4": {"sliding_window": WINDOW},
    "nanochat": {},
    "gpt_bigcode": GPT,
    "modernbert-decoder": {},
    "llama4_text": {
        "intermediate_size_mlp": 48,
        "num_local_experts": 2,
        "attention_chunk_size": WINDOW,
        "layer_types": ["chunked_attention", "full_attention", "chunked_attention"],
    },
    "minicpm3": {"num_key_value_heads": 4, **LATENT},
    "deepseek_v3": {
        "head_dim": 4,
        "num_key_value_heads": 4,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "n_group": 2,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "moe_intermediate_size": 16,
        **LATENT,
    },
}
# Further families outside the interface, whose attention alone is looked at here.
FURTHER: dict[str, dict[str, Any]] = {
    "gpt_neox_japanese": {"intermediate_multiple_size": 2},
    "trocr": DECODER,
    "mvp": {**DECODER, "encoder_layers": 1, "encoder_attention_heads": 4, "encoder_ffn_dim": 48},
    "megatron-bert": {"is_decoder": True},
    "rembert": {"is_decoder": True},
    "roformer": {"is_decoder": True},
    "big_bird": {"is_decoder": True, "attention_type": "original_full"},
    # This one calls the interface, with a mask that does not say what it does, and is followed from outside too.
    "bigbird_pegasus": {**DECODER, "is_decoder": True, "is_encoder_decoder": False},
}
# Some layers hold a running state instead of keys, which cannot be cut back.
HYBRID: dict[str, dict[str, Any]] = {
    "lfm2": {"layer_types": ["conv", "full_attention", "conv"], "block_auto_adjust_ff_dim": False},
    "qwen3_next": {
        "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    },
}
# Families that cannot be read in one way or another: what is switched off for each.
ODD: dict[str, tuple[set[str], dict[str, Any]]] = {
    "gemma3n_text": (
        {"hidden", "lens"},
        {
            "num_kv_shared_layers": 0,
            "layer_types": ["full_attention"] * 3,
            "intermediate_size": [48] * 3,
            "hidden_size_per_layer_input": 8,
            "vocab_size_per_layer_input": VOCABULARY,
            "laurel_rank": 4,
            "activation_sparsity_pattern": [0.0] * 3,
        },
    ),
    "diffllama": ({"attention"}, {}),
    "doge": ({"attention"}, {"keep_window_size": CONTEXT}),
    "openai-gpt": (
        {"attention", "distribution"},  # it has no cache, so every text runs in one pass
        GPT,
    ),
    "mamba": ({"attention", "distribution"}, {}),
    "longcat_flash": (
        {"attention"},  # two attentions a layer
        {
            "num_hidden_layers": ABSENT,
            "intermediate_size": ABSENT,
            "num_layers": 2,
            "num_key_value_heads": 4,
            "head_dim": 4,
            "ffn_hidden_size": 48,
            "expert_ffn_hidden_size": 16,
            "moe_topk": 2,
            "n_routed_experts": 4,
            "zero_expert_num": 2,
            **LATENT,
        },
    ),
}


def config_of(family: str, settings: dict[str, Any]) -> Any:
    """The config of a tiny model of a family."""
    # A copy: Gemma 4's config writes into the list of layer types that it is given, which families share here.
    merged = {key: value for key, value in deepcopy({**COMMON, **settings}).items() if value != ABSENT}
    return AutoConfig.for_model(family.partition(":")[0], **merged)


def enlarge(model: PreTrainedModel, seed: int) -> None:
    """Draws weights that make attention peaked and logits spread."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 1 and ("norm" in name.lower() or "ln_" in name or ".ln." in name):
                parameter.add_(0.2 * noise)
            elif "embed" in name or "wte" in name or "wpe" in name:
                parameter.copy_(noise)
            elif parameter.dim() >= 2:
                parameter.copy_(noise * 2 / WIDTH**0.5)
            else:
                parameter.copy_(0.3 * noise)
            if model.config.model_type == "gpt_neo" and "q_proj" in name:
                parameter.mul_(8**-0.5)  # it does not scale its scores, so its queries have to be as small as that


def _alibi_once(module: object, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Falcon's eager attention adds its ALiBi a second time to a mask that has it already, unlike its default."""
    return args, {**kwargs, "alibi": torch.zeros_like(kwargs["alibi"])}


@dataclass(frozen=True)
class Pair:
    """The same weights twice: stock eager as the reference, and a model for Tokenscope to take over."""

    family: str
    stock: PreTrainedModel
    model: PreTrainedModel


def build(family: str, settings: dict[str, Any], seed: int = 0) -> Pair:
    """Builds a family's tiny model twice. The configs are copies: setting an implementation changes a shared config."""
    config = config_of(family, settings)
    model = AutoModelForCausalLM.from_config(deepcopy(config)).eval()
    enlarge(model, seed)
    stock = AutoModelForCausalLM.from_config(deepcopy(config), attn_implementation="eager").eval()
    stock.load_state_dict(model.state_dict())
    if family == "falcon:alibi":
        for layer in stock.transformer.h:
            layer.register_forward_pre_hook(_alibi_once, with_kwargs=True)
    return Pair(family, stock, model)
