"""Writes a Llama as a GGUF file, as llama.cpp's converter does."""

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

from tests.runtime.tokenizers_for_tests import SPECIAL, sentencepiece

# The names in GGUF of a Llama's parts; those of blocks go after "blk.<number>.".
_PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def write_gguf(path, model, kind=GGMLQuantizationType.F32, architecture="llama"):
    """The same weights; matrices in blocks of `kind`, and the tokenizer of `sentencepiece()`."""
    config = model.config
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    _tokenizer(writer, config.vocab_size)
    for name, tensor in model.state_dict().items():
        part = name.removesuffix(".weight")
        values = tensor.float().numpy()
        if part.endswith("q_proj"):
            values = _interleaved(values, config.num_attention_heads)
        if part.endswith("k_proj"):
            values = _interleaved(values, config.num_key_value_heads)
        if values.ndim == 2 and kind != GGMLQuantizationType.F32:
            writer.add_tensor(_name(part), quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(_name(part), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _name(part):
    if part in _TOP:
        return f"{_TOP[part]}.weight"
    _, _, layer, inside = part.split(".", 3)
    return f"blk.{layer}.{_PARTS[inside]}.weight"


def _interleaved(values, heads):
    """Rotary pairs as neighbours, as llama.cpp has them; transformers has them half a head apart."""
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _tokenizer(writer, size):
    vocabulary = sentencepiece().get_vocab()
    tokens = [f"<unused{index}>" for index in range(size)]
    kinds = [5] * size  # unused
    for token, index in vocabulary.items():
        tokens[index] = token
        kinds[index] = 3 if token in SPECIAL else 6 if token.startswith("<0x") else 1
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0 if kind != 1 else -float(index) for index, kind in enumerate(kinds)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
