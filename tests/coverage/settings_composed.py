"""Tiny settings of the types that are put together from others: wrappers, hybrids, latent and compressed attention."""

from typing import Any

from tests.runtime.families import ABSENT, CONTEXT, HYBRID, VOCABULARY, WIDTH, WINDOW

# Keys and values out of one narrow vector a token: every head has its own, and only the rotated part counts as width.
LATENT_HEADS = {"num_key_value_heads": 4, "head_dim": 4}
INDEX = {"index_topk": 6, "index_head_dim": 8, "index_n_heads": 16}

MIXED = ["linear_attention", "full_attention", "linear_attention"]
# A large epsilon where stock's own float32 pass is some 3e-5 off its float64 one, and its steps off both: a norm of
# something near zero makes the most of every rounding there.
CALM = {"rms_norm_eps": 1e-2}
DELTA = {name: value for name, value in HYBRID["qwen3_next"].items() if name.startswith(("linear_", "layer_types"))}
CALM_DELTA = {**DELTA, **CALM}
MAMBA = {"mamba_n_heads": 4, "mamba_d_state": 8, "mamba_d_head": 16, "mamba_n_groups": 1, "mamba_chunk_size": 8}
SHARED_BLOCKS = {
    "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
    "num_key_value_heads": 4,
    "head_dim": ABSENT,
    "use_mamba_kernels": False,
    "mamba_d_state": 8,
}

ALTERNATING = ["sliding_attention", "full_attention", "sliding_attention"]
GEMMA_4 = {"global_head_dim": 8, "layer_types": ALTERNATING}
PER_LAYER_INPUT = {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": VOCABULARY}
ALTERNATED = {
    **PER_LAYER_INPUT,
    "num_kv_shared_layers": 0,
    "layer_types": ["full_attention"] * 3,
    "intermediate_size": [48] * 3,
    "laurel_rank": 4,
    "activation_sparsity_pattern": [0.0] * 3,
}
RELATIVE = {
    "layer_types": ["hybrid_sliding", "hybrid", "hybrid_sliding"],
    "sliding_window_size": WINDOW,
    "swa_num_attention_heads": 4,
    "swa_num_key_value_heads": 2,
    "swa_head_dim": 8,
    "d_rel": 4,
    "rel_extent": 16,
}
HYPER = {"hc_count": 2, "hc_lowrank": 8}
BLOCK_INDEX = {
    "indexer_n_heads": 2,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 8,
    "indexer_budget": 8,
    "indexer_compress_ratio": 4,
}
SLIDING_LATENT = {
    **LATENT_HEADS,
    **INDEX,
    "layer_types": ["indexed_attention", "sliding_attention", "indexed_attention"],
    "shared_experts_intermediate_size": 16,
    "swa_num_attention_heads": 4,
    "swa_num_key_value_heads": 4,
    "swa_q_lora_rank": 8,
    "swa_kv_lora_rank": 8,
    "swa_head_dim": 8,
    "swa_qk_nope_head_dim": 4,
    "swa_v_head_dim": 8,
}

# A tower for pictures or sound that is there and never runs, by all the names that its settings go by.
TOWER = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "out_hidden_size": WIDTH,
    "num_hidden_layers": 1,
    "depth": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "num_heads": 2,
    "head_dim": 8,
    "image_size": 16,
    "patch_size": 8,
    "num_position_embeddings": 16,
    "position_embedding_size": 16,
}

COMPRESSED: dict[str, dict[str, Any]] = {
    "axk1": LATENT_HEADS,
    "axk2": {**LATENT_HEADS, **INDEX, "gated_norm_rank": 4},
    "deepseek_v2": {**LATENT_HEADS, "topk_method": "group_limited_greedy"},
    "deepseek_v32": {**LATENT_HEADS, **INDEX},
    "deepseek_v4": {
        **INDEX,
        "num_key_value_heads": 1,
        "o_groups": 2,
        "o_lora_rank": 8,
        "hc_mult": 2,
        "layer_types": ["sliding_attention", "heavily_compressed_attention", "compressed_sparse_attention"],
    },
    "dots3_note": {
        "text_config": SLIDING_LATENT,
        "vision_config": {
            **TOWER,
            "adapter_in_dim": 16,
            "adapter_out_dim": WIDTH,
            "mlp_layer_types": ["dense"],
            "moe_intermediate_size": 16,
        },
        "audio_config": {
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "adapter_input_size": 16,
            "adapter_out_dim": WIDTH,
            "downsample_hidden_size": 8,
        },
    },
    "dots3_note_text": SLIDING_LATENT,
    "glm4_moe_lite": {**LATENT_HEADS, "head_dim": ABSENT},
    "glm_moe_dsa": {**LATENT_HEADS, **INDEX},
    "hy_v4": {**LATENT_HEADS, **INDEX, "hc_mult": 2},
    "longcat_flash": {
        **LATENT_HEADS,
        "num_hidden_layers": ABSENT,
        "intermediate_size": ABSENT,
        "num_layers": 2,
        "moe_topk": 2,
        "zero_expert_num": 2,
        "expert_ffn_hidden_size": 16,
    },
    "youtu": LATENT_HEADS,
}

HYBRIDS: dict[str, dict[str, Any]] = {
    "bailing_hybrid": {"num_key_value_heads": 4, "layer_types": MIXED, "num_mtp_layers": 0, **CALM},
    "bamba": {**MAMBA, "attn_layer_indices": [1]},
    "falcon_h1": {**MAMBA, "mamba_d_ssm": 64, "attention_out_multiplier": 0.7},
    "granitemoehybrid": {
        **MAMBA,
        "layer_types": MIXED,
        "shared_intermediate_size": 16,
        "residual_multiplier": 0.5,
    },
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "mamba_d_state": 8, "use_mamba_kernels": False},
    "kimi_linear": {
        **LATENT_HEADS,
        "q_lora_rank": None,
        "n_group": 1,
        "linear_head_dim": 8,
        "linear_num_heads": 4,
        "layer_types": MIXED,
    },
    "lfm2_moe": {"layer_types": ["conv", "full_attention", "conv"], "num_dense_layers": 1},
    "mamba2": {"num_heads": 4, "head_dim": 16, "state_size": 8, "n_groups": 2, "chunk_size": 8},
    "minimax": {"layer_types": MIXED, "block_size": 8},
    "qwen3_5_text": CALM_DELTA,
    "qwen3_5_moe_text": CALM_DELTA,
    "qwen4_exp_text": {**DELTA, **HYPER, **BLOCK_INDEX},
    "zamba": SHARED_BLOCKS,
    "zamba2": {
        **SHARED_BLOCKS,
        "layers_block_type": ["linear_attention", "hybrid", "linear_attention"],  # with two it magnifies rounding
        "n_mamba_heads": 4,
        "num_mem_blocks": 1,
        "adapter_rank": 4,
        "chunk_size": 8,
    },
    # It takes queries and keys of one length, which leaves attention flat unless there are few keys.
    "zaya": {
        "num_experts_per_tok": 1,
        "router_hidden_size": 16,
        "layer_types": ["hybrid_sliding"] * 3,
        "sliding_window": 3,
    },
}

WRAPPERS: dict[str, dict[str, Any]] = {
    "fuyu": {"text_config": {"model_type": "persimmon", "qk_layernorm": False}},
    "gemma3": {"text_config": {"query_pre_attn_scalar": 8, "layer_types": ALTERNATING}, "vision_config": TOWER},
    "gemma4": {"text_config": {**GEMMA_4, **PER_LAYER_INPUT}, "vision_config": TOWER, "audio_config": None},
    "git": {"vision_config": TOWER, "num_key_value_heads": ABSENT},
    "got_ocr2": {
        "text_config": {"model_type": "qwen2"},
        "vision_config": {**TOWER, "output_channels": 8, "mlp_dim": 16, "global_attn_indexes": [0], "window_size": 2},
    },
    "moshi": {
        "audio_encoder_config": {"model_type": "mimi", **TOWER, "codebook_size": 16},
        "depth_decoder_config": {
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "ffn_dim": 32,
            "num_key_value_heads": ABSENT,
            "head_dim": ABSENT,
        },
        "audio_vocab_size": 16,
    },
    "moss_transcribe_diarize": {
        "text_config": {"model_type": "qwen3"},
        "audio_config": {**TOWER, "num_mel_bins": 8, "max_source_positions": 16},
    },
    "phi4_multimodal": {
        "vision_config": {**TOWER, "crop_size": 16},
        "audio_config": {
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_blocks": 1,
            "num_attention_heads": 2,
            "ext_pw_out_channel": 16,
            "depthwise_separable_out_channel": 16,
            "nemo_conv_channels": 16,
            "input_size": 16,
            "bias_max_distance": 8,
        },
    },
    "qwen3_5": {"text_config": CALM_DELTA, "vision_config": TOWER},
    "qwen3_5_moe": {"text_config": CALM_DELTA, "vision_config": TOWER},
    "qwen4_exp": {"text_config": {**DELTA, **HYPER, **BLOCK_INDEX}, "vision_config": TOWER},
}

SINGULAR: dict[str, dict[str, Any]] = {
    "bigbird_pegasus": {"attention_type": "original_full", "encoder_layers": 3},
    "cohere_compass_text": {
        "layer_types": ALTERNATING,
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": 1e4} for kind in ("full_attention", "sliding_attention")
        },
    },
    "cpmant": {
        "dim_head": 8,
        "dim_ff": 48,
        "prompt_types": 4,
        "prompt_length": 2,
        "segment_types": 4,
        "position_bias_num_buckets": 16,
        "position_bias_max_distance": CONTEXT,
    },
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 8},
        "ffn_config": {"ffn_hidden_size": 48, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "gemma3n_text": ALTERNATED,
    "gemma4_text": {**GEMMA_4, **PER_LAYER_INPUT},
    "hrm_text": {"num_hidden_layers": 2, "H_cycles": 1, "L_cycles": 2, "prefix_lm": False},
    "inkling_text": RELATIVE,
    "inkling2_text": {**RELATIVE, "unpadded_vocab_size": VOCABULARY, "n_layers_per_attn_res_block": 2},
    "reformer": {
        "num_hidden_layers": ABSENT,
        "attn_layers": ["local", "lsh", "local"],
        "axial_pos_shape": (8, 8),
        "axial_pos_embds_dim": (16, 16),
        "attention_head_size": 8,
        "feed_forward_size": 48,
        "local_attn_chunk_length": 8,
        "lsh_attn_chunk_length": 8,
        "num_buckets": 4,
        "hash_seed": 0,
    },
    "roc_bert": {
        "pronunciation_embed_dim": 8,
        "pronunciation_vocab_size": VOCABULARY,
        "shape_embed_dim": 8,
        "shape_vocab_size": VOCABULARY,
    },
    "xmod": {"default_language": "en_XX"},
}

# Type -> what it takes besides `settings.GENERIC`.
COMPOSED: dict[str, dict[str, Any]] = {**COMPRESSED, **HYBRIDS, **WRAPPERS, **SINGULAR}
