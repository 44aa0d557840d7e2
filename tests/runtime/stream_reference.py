"""The residual stream of stock transformers, midpoints included, and what its own norm and head make of it."""

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch.distributions import Categorical, kl_divergence

from model_runtime.anatomy import dissect
from tests.runtime.comparison import Array, stock_answers

# The module of a block that takes the stream in between attention and MLP, as each family's code names it.
MIDDLE = {
    **dict.fromkeys(
        ("llama", "mistral", "mixtral", "phi3", "qwen2", "qwen3", "gemma", "stablelm", "granite", "gpt_oss"),
        "post_attention_layernorm",
    ),
    **dict.fromkeys(
        ("starcoder2", "smollm3", "nanochat", "llama4_text", "minicpm3", "deepseek_v3", "bloom", "qwen3_next"),
        "post_attention_layernorm",
    ),
    **dict.fromkeys(("gemma2", "gemma3_text"), "pre_feedforward_layernorm"),
    **dict.fromkeys(("gpt2", "gpt_bigcode"), "ln_2"),
    **dict.fromkeys(("olmo2", "olmo3", "exaone4"), "mlp"),
    "opt": "final_layer_norm",
    "modernbert-decoder": "mlp_norm",
    "lfm2": "ffn_norm",
}
PARALLEL = ("phi", "gpt_neox", "cohere", "cohere2", "falcon", "gptj")
_NORMS = {"gpt2": "ln_f", "gpt_bigcode": "ln_f", "bloom": "ln_f", "lfm2": "embedding_norm", "opt": "final_layer_norm"}


@dataclass(frozen=True)
class Stock:
    """[stream, token, width], and [block, token, width] between attention and MLP."""

    streams: Array
    middle: Array


def stock_streams(family, stock, ids, hooks=()):
    """One uncached pass of stock eager attention.

    Args:
        family: Its name.
        stock: The model.
        ids: The text.
        hooks: (module, pre-hook) pairs to run it under.
    """
    middle = []

    def keep(module, args, kwargs):
        middle.append((args[0] if args else kwargs["hidden_states"]).reshape(len(ids), -1).clone().numpy())

    with ExitStack() as stack:
        for module, hook in hooks:
            stack.callback(module.register_forward_pre_hook(hook).remove)
        for block in dissect(stock).layers:
            module = block.get_submodule(MIDDLE[family])
            stack.callback(module.register_forward_pre_hook(keep, with_kwargs=True).remove)
        answers = stock_answers(stock, ids)
    return Stock(answers.streams, np.stack(middle))


def tail(family, stock, vectors):
    """[row, token, vocabulary] float64 log-probabilities of vectors: the family's own norm, head, scale and cap."""
    config = stock.config
    body = getattr(stock.base_model, {"opt": "decoder", "llama4_text": "model"}.get(family, ""), stock.base_model)
    with torch.no_grad():
        given = torch.from_numpy(vectors)
        if family == "modernbert-decoder":
            logits = stock.decoder(stock.lm_head(body.final_norm(given)))
        else:
            normed = getattr(body, _NORMS.get(family, "norm"))(given)
            logits = stock.get_output_embeddings()(normed)
        if family in ("granite", "minicpm3"):
            logits = logits / config.logits_scaling
        cap = getattr(config, "final_logit_softcapping", None)
        logits = torch.tanh(logits / cap) * cap if cap else logits
    return logits.double().log_softmax(-1)


def entropy(logarithm):
    return Categorical(logits=logarithm).entropy().numpy()


def divergence(output, logarithm):
    """KL(output || row)."""
    return kl_divergence(Categorical(logits=output.expand_as(logarithm)), Categorical(logits=logarithm)).numpy()
