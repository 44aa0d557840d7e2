"""Who wrote a logit, by hand: hooks on stock modules by their families' own names, norms frozen from formulas."""

from contextlib import ExitStack
from dataclasses import dataclass
from math import sqrt

import torch

from model_runtime.anatomy import dissect
from tests.runtime.families import OUTSIDE
from tests.runtime.test_heads_ablation import projection_of

POST = ("gemma2", "gemma3_text", "olmo2", "olmo3", "exaone4")  # norms of what the parts return
UNSPLIT = ("gemma4_text", "doge", "openai-gpt")
PARALLEL = ("phi", "gpt_neox", "cohere", "cohere2", "falcon", "falcon:multi_query", "gptj", "codegen")
EXPERTS = ("mixtral", "gpt_oss", "llama4_text", "qwen3_next")  # in every layer; deepseek_v3 only from its second on
CENTRED = ("gpt2", "gpt_neox", "phi", "opt", "stablelm", "cohere", "cohere2", "starcoder2", "gpt_bigcode", *OUTSIDE)
ONE_MORE = ("gemma", "gemma2", "gemma3_text", "qwen3_next")  # their norms multiply by 1 + weight
ATTENTION = {**dict.fromkeys(("gpt2", "gpt_bigcode", "gptj", "codegen", "gpt_neo", "mpt"), "attn"),
             **dict.fromkeys(("falcon", "falcon:multi_query", "falcon:alibi"), "self_attention"),
             "gpt_neox": "attention", "bloom": "self_attention.dense",
             **dict.fromkeys(POST, "post_attention_layernorm")}  # fmt: skip
MLP = {"opt": "fc2", "xglm": "fc2", "mpt": "ffn.down_proj", "bloom": "mlp.dense_4h_to_h",
       "llama4_text": "feed_forward", "lfm2": "feed_forward",
       **dict.fromkeys(POST, "post_feedforward_layernorm")}  # fmt: skip
FINAL = {**dict.fromkeys(("gpt2", "gpt_bigcode", *OUTSIDE), "transformer.ln_f"),
         "mpt": "transformer.norm_f", "xglm": "model.layer_norm",
         "gpt_neox": "gpt_neox.final_layer_norm", "opt": "model.decoder.final_layer_norm",
         "phi": "model.final_layernorm", "lfm2": "model.embedding_norm"}  # fmt: skip
DOWN = ("down_proj", "c_proj", "dense_4h_to_h", "fc2", "fc_out", "w2")


def residual_scale(family, config):
    if family == "granite":
        return config.residual_multiplier
    return config.scale_depth / sqrt(config.num_hidden_layers) if family == "minicpm3" else 1.0


def output_scale(family, config):
    """What a row of the output embedding times the final norm's result is multiplied with."""
    if family in ("granite", "minicpm3"):
        return 1 / config.logits_scaling
    return config.logit_scale if family in ("cohere", "cohere2") else 1.0


def attention_name(family, layer):
    mixers = {"lfm2": ("conv", "self_attn", "conv"), "qwen3_next": ("linear_attn", "self_attn", "linear_attn")}
    return mixers[family][layer] if family in mixers else ATTENTION.get(family, "self_attn")


def attends(family, layer):
    return family not in ("lfm2", "qwen3_next") or layer == 1


def down_of(block):
    """The last map of the MLP by its name, outside the attention."""
    for name, module in block.named_modules():
        if name.split(".")[-1] in DOWN and "att" not in name and getattr(module.weight, "ndim", 0) == 2:
            return module
    raise AssertionError(f"no down projection in {type(block).__name__}")


def columns(module, wide):
    """[out, in] of a linear map; GPT-2's is stored the other way round."""
    weight = module.weight.detach().double()
    return weight if weight.shape[1] == wide and type(module).__name__ != "Conv1D" else weight.T


@dataclass
class Hooked:
    """What stock modules took in and gave out in one pass, [token, width] each, float64."""

    given: dict
    returned: dict
    logits: torch.Tensor


def run(stock, ids, modules, changed=()):
    """One uncached pass with some modules watched.

    Args:
        stock: The model.
        ids: The text.
        modules: What to watch.
        changed: (module, pre-hook) pairs to run it under.
    """
    seen = Hooked({}, {}, torch.empty(0))

    def left(module, args, kwargs, output):
        given = args[0] if args else kwargs["hidden_states"]
        first = output[0] if isinstance(output, tuple | list) else output
        # Copies: Falcon adds to its MLP's output in place.
        seen.given[module] = given.detach().double().reshape(len(ids), -1).clone()
        seen.returned[module] = first.detach().double().reshape(len(ids), -1).clone()

    with ExitStack() as stack:
        for module, hook in changed:
            stack.callback(module.register_forward_pre_hook(hook).remove)
        for module in {id(module): module for module in modules}.values():
            stack.callback(module.register_forward_hook(left, with_kwargs=True).remove)
        with torch.no_grad():
            seen.logits = stock(torch.tensor([ids]), use_cache=False).logits[0].double()
    return seen


class Norm:
    """A norm held at one vector, from its formula."""

    def __init__(self, family, module, vector):
        weight = getattr(module, "weight", None)
        weight = torch.ones_like(vector) if weight is None else weight.detach().double()
        self.centred = family in CENTRED
        names = ("eps", "variance_epsilon", "norm_eps")
        epsilon = next((getattr(module, name) for name in names if getattr(module, name, None) is not None), 1e-6)
        left = vector - vector.mean() if self.centred else vector
        self.gain = (weight + 1 if family in ONE_MORE else weight) / ((left**2).mean() + epsilon).sqrt()
        bias = getattr(module, "bias", None)
        self.bias = torch.zeros_like(vector) if bias is None else bias.detach().double()

    def part(self, vectors):
        return (vectors - vectors.mean(-1, keepdim=True) if self.centred else vectors) * self.gain


class ByHand:
    """Every part of a stock model at every position of a text."""

    def __init__(self, family, stock, ids, changed=()):
        self.family, self.stock, self.config = family, stock, stock.config.get_text_config(decoder=True)
        self.blocks = list(dissect(stock).layers)
        self.scale = residual_scale(family, self.config)
        self.attention = [block.get_submodule(attention_name(family, at)) for at, block in enumerate(self.blocks)]
        self.mlp = [block.get_submodule(MLP.get(family, "mlp")) for block in self.blocks]
        self.projections = {at: projection_of(block) for at, block in enumerate(self.blocks) if attends(family, at)}
        self.downs = {at: down_of(block) for at, block in enumerate(self.blocks) if self.dense(at)}
        self.norm = stock.get_submodule(FINAL.get(family, "model.norm"))
        watched = [
            *self.blocks,
            *self.attention,
            *self.mlp,
            *self.projections.values(),
            *self.downs.values(),
            self.norm,
        ]
        self.seen = run(stock, ids, watched, changed)

    def dense(self, layer):
        return self.family not in EXPERTS and not (self.family == "deepseek_v3" and layer)

    def final(self, position):
        """The final norm held at a position."""
        return Norm(self.family, self.norm, self.seen.given[self.norm][position])

    def read(self, vectors, position):
        """[..., vocabulary] what vectors [..., width] that were written into the stream add to each logit."""
        rows = self.stock.get_output_embeddings().weight.detach().double()
        return self.final(position).part(vectors) @ rows.T * output_scale(self.family, self.config)

    def bias(self, position):
        """[vocabulary] what no part wrote."""
        head = self.stock.get_output_embeddings()
        added = 0 if head.bias is None else head.bias.detach().double()
        value = self.final(position).bias @ head.weight.detach().double().T + added
        return value * output_scale(self.family, self.config)

    def parts(self, position):
        """name -> [width] what each wrote."""
        parts = {"embedding": self.seen.given[self.blocks[0]][position]}
        for layer in range(len(self.blocks)):
            parts[f"attention {layer}"] = self.seen.returned[self.attention[layer]][position] * self.scale
            parts[f"MLP {layer}"] = self.seen.returned[self.mlp[layer]][position] * self.scale
        return parts

    def through(self, layer, module, writer, position):
        """[in, width] what each entry of a projection's input writes into the stream."""
        given = self.seen.given[module][position]
        written = columns(module, len(given)).T * given[:, None]
        if self.family in POST:
            written = Norm(self.family, writer[layer], self.seen.given[writer[layer]][position]).part(written)
        return written * self.scale

    def heads(self, layer, position):
        """[head, width] what each head writes into the stream."""
        written = self.through(layer, self.projections[layer], self.attention, position)
        return written.unflatten(0, (4, -1)).sum(1)

    def neurons(self, layer, position):
        """[neuron, width] what each neuron writes into the stream."""
        return self.through(layer, self.downs[layer], self.mlp, position)

    def before_softcap(self, position):
        """[vocabulary] the stock logits, any softcap undone."""
        logits, cap = self.seen.logits[position], getattr(self.config, "final_logit_softcapping", None)
        return torch.atanh(logits / cap) * cap if cap else logits
