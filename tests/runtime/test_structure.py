"""The map of a model and the flow of a block against stock transformers, config arithmetic, and tables by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_runtime import OutOfRange, load_model
from model_runtime.anatomy import dissect
from model_runtime.model import Model
from model_runtime.structure_records import ENTERS, AnatomyMap, ParameterPart
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import ALL, pair_of
from tests.runtime.families import CONTEXT, VOCABULARY, WIDTH, build
from tests.runtime.tokenizers_for_tests import byte_level

SEVEN = ("phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3")
TOKENS = 11
IDS = some_ids(TOKENS, VOCABULARY, seed=21)


def shapes_of(stock, run):
    """Module name -> (shape of the first tensor in, shape of the first tensor out) of its first call."""
    found, hooks = {}, []
    for name, module in stock.named_modules():

        def note(module, args, kwargs, output, name=name):
            given = [one for one in [*args, *kwargs.values()] if torch.is_tensor(one)]
            first = output if torch.is_tensor(output) else output[0] if isinstance(output, tuple) else None
            shape = tuple(given[0].shape) if given else None
            found.setdefault(name, (shape, tuple(first.shape) if torch.is_tensor(first) else None))

        hooks.append(module.register_forward_hook(note, with_kwargs=True))
    with torch.no_grad():
        output = run()
    for hook in hooks:
        hook.remove()
    return found, output


@pytest.mark.parametrize("family", SEVEN)
def test_shapes_are_those_of_the_stock_models_modules(family):
    pair, model = pair_of(family)
    found = model.anatomy_map(moment_of(model, IDS))
    once, output = shapes_of(pair.stock, lambda: pair.stock(torch.tensor([IDS]), use_cache=True))
    then, step = shapes_of(
        pair.stock,
        lambda: pair.stock(torch.tensor([[7]]), past_key_values=output.past_key_values, use_cache=True),
    )
    assert found.logits == tuple(output.logits.shape) == (1, TOKENS, VOCABULARY)
    assert found.step_logits == tuple(step.logits.shape) == (1, 1, VOCABULARY)
    lines = [line for line in found.tree if line.path]
    assert len(lines) > 10
    for line in lines:
        assert (line.given, line.returned) == once.get(line.path, (None, None)), line.path
    for stage in found.stages:
        assert (stage.given, stage.returned) == once[stage.path]
        assert (stage.step_given, stage.step_returned) == then[stage.path]


@pytest.mark.parametrize("family", SEVEN)
def test_the_stages_in_their_order(family):
    model = pair_of(family)[1]
    stages = model.anatomy_map(moment_of(model, IDS)).stages
    assert [stage.kind for stage in stages] == ["embedding", "positions", "blocks", "norm", "head"]
    embedding, positions, blocks, norm, head = stages
    inside = (1, TOKENS, WIDTH)
    assert (embedding.given, embedding.returned) == ((1, TOKENS), inside)
    assert (blocks.given, blocks.returned, blocks.count) == (inside, inside, 3)
    assert (norm.given, norm.returned) == (inside, inside)
    assert (head.given, head.returned) == (inside, (1, TOKENS, VOCABULARY))
    assert head.step_returned == (1, 1, VOCABULARY)
    # Rotary positions are turns for each number of a head; GPT-NeoX turns half of them; GPT-2 adds a vector instead.
    assert positions.returned == {"gpt2": inside, "gpt_neox": (1, TOKENS, 4)}.get(family, (1, TOKENS, 8))


@pytest.mark.parametrize("family", SEVEN)
def test_the_tree_is_what_print_gives(family):
    pair, model = pair_of(family)
    tree = model.anatomy_map(moment_of(model, IDS)).tree
    assert "\n".join("  " * line.depth + line.text for line in tree) == str(pair.stock)
    folded = [line for line in tree if line.text.startswith("(0-2): 3 x ")]
    layers = dissect(pair.stock).layers
    assert [line.parameters for line in folded] == [sum(one.numel() for one in layers.parameters())]
    for line in tree:
        if line.path:
            module = pair.stock.get_submodule(line.path)
            assert type(module).__name__ in line.text


@pytest.mark.parametrize("family", SEVEN)
def test_parameters_by_part(family):
    pair, model = pair_of(family)
    found = model.anatomy_map(moment_of(model, IDS))
    total = sum(one.numel() for one in pair.stock.parameters())
    assert found.parameters == model.card().parameters == total == sum(part.count for part in found.parts)
    assert sum(stage.parameters for stage in found.stages) == total
    heads, shared = (4, 4) if family in ("gpt2", "gpt_neox") else (4, 2)
    inner = {"gpt2": 4 * WIDTH}.get(family, 48)
    bias = family in ("gpt2", "gpt_neox")
    attention = WIDTH * 8 * (2 * heads + 2 * shared) + bias * (WIDTH * 3 + WIDTH)
    attention += 2 * 8 * (family == "qwen3")  # a norm of queries and one of keys
    mlp = WIDTH * inner * (2 if bias else 3) + bias * (WIDTH + inner)
    norms = WIDTH * (4 if bias or family == "gemma2" else 2)
    for block in range(3):
        counts = {part.kind: part.count for part in found.parts if part.block == block}
        assert counts == {"attention": attention, "MLP": mlp, "norm": norms}
    rest = {part.kind: part.count for part in found.parts if part.block is None}
    expected = {"embedding": VOCABULARY * WIDTH, "head": VOCABULARY * WIDTH, "norm": WIDTH * (2 if bias else 1)}
    if family == "gpt2":
        expected["positions"] = CONTEXT * WIDTH
    assert rest == expected
    assert found.tied == ()


def test_tied_weights_count_once():
    model = Model(build("llama", {"tie_word_embeddings": True}).model, byte_level())
    found = model.anatomy_map(moment_of(model, IDS))
    assert found.tied == (("model.embed_tokens.weight", "lm_head.weight"),)
    assert [part.kind for part in found.parts if part.block is None] == ["embedding", "norm"]
    assert [stage.parameters for stage in found.stages if stage.kind == "head"] == [0]
    assert found.parameters == model.card().parameters
    assert found.parameters == sum(one.numel() for one in set(model._engine.model.parameters()))


def test_a_sum_that_is_not_the_models_is_refused():
    with pytest.raises(ValueError, match="the parts have 3"):
        AnatomyMap(1, 1, (), (1, 1, 5), None, (), (ParameterPart("other", "x", None, 3),), 4, ())


def test_only_the_prompt_is_measured_and_only_once(monkeypatch):
    model = pair_of("llama")[1]
    moment = moment_of(model, IDS, prompt=5)
    found = model.anatomy_map(moment)
    assert (found.tokens, found.prompt, found.logits) == (5, 5, (1, 5, VOCABULARY))
    assert model.anatomy_map(moment_of(model, IDS[:8], prompt=5)) is found
    monkeypatch.setattr(model._engine.unembedding, "rows", 3)
    cut = model.anatomy_map(moment_of(model, IDS[:4]))
    assert (cut.tokens, cut.prompt, cut.logits) == (3, 4, (1, 3, VOCABULARY))


@pytest.mark.parametrize(("family", "tokens"), [("gpt2", CONTEXT), ("openai-gpt", TOKENS)])
def test_no_step_where_there_is_none(family, tokens):
    """After a full context there is no position left, and one model has no cache."""
    model = pair_of(family)[1]
    found = model.anatomy_map(moment_of(model, some_ids(tokens, VOCABULARY)))
    assert found.step_logits is None
    assert {stage.step_returned for stage in found.stages} == {None}
    assert found.logits == (1, tokens, VOCABULARY)


# --- one block ---

# kind, modules, what it reads; by the families' own code.
LLAMA = (
    ("norm", ("input_layernorm",), (ENTERS,)),
    ("attention", ("self_attn",), (0,)),
    ("addition", (), (ENTERS, 1)),
    ("norm", ("post_attention_layernorm",), (2,)),
    ("MLP", ("mlp",), (3,)),
    ("addition", (), (2, 4)),
)
FLOWS = {
    **dict.fromkeys(("phi3", "llama", "mistral", "qwen3", "granite", "mixtral"), LLAMA),
    "gpt2": tuple(
        (kind, {"input_layernorm": ("ln_1",), "self_attn": ("attn",), "post_attention_layernorm": ("ln_2",)}.get(
            names[0] if names else "", names), reads)
        for kind, names, reads in LLAMA
    ),
    "gpt_neox": (
        ("norm", ("input_layernorm",), (ENTERS,)),
        ("attention", ("attention",), (0,)),
        ("norm", ("post_attention_layernorm",), (ENTERS,)),
        ("MLP", ("mlp",), (2,)),
        ("addition", (), (ENTERS, 1, 3)),
    ),
    "phi": (
        ("norm", ("input_layernorm",), (ENTERS,)),
        ("attention", ("self_attn",), (0,)),
        ("MLP", ("mlp",), (0,)),
        ("addition", (), (ENTERS, 1, 2)),
    ),
    "gemma2": (
        ("norm", ("input_layernorm",), (ENTERS,)),
        ("attention", ("self_attn",), (0,)),
        ("norm", ("post_attention_layernorm",), (1,)),
        ("addition", (), (ENTERS, 2)),
        ("norm", ("pre_feedforward_layernorm",), (3,)),
        ("MLP", ("mlp",), (4,)),
        ("norm", ("post_feedforward_layernorm",), (5,)),
        ("addition", (), (3, 6)),
    ),
    "olmo2": (
        ("attention", ("self_attn",), (ENTERS,)),
        ("norm", ("post_attention_layernorm",), (0,)),
        ("addition", (), (ENTERS, 1)),
        ("MLP", ("mlp",), (2,)),
        ("norm", ("post_feedforward_layernorm",), (3,)),
        ("addition", (), (2, 4)),
    ),
    "opt": (
        ("norm", ("self_attn_layer_norm",), (ENTERS,)),
        ("attention", ("self_attn",), (0,)),
        ("addition", (), (ENTERS, 1)),
        ("norm", ("final_layer_norm",), (2,)),
        ("MLP", ("fc1", "activation_fn", "fc2"), (3,)),
        ("addition", (), (2, 4)),
    ),
    # The first GPT still had the original block.
    "openai-gpt": (
        ("attention", ("attn",), (ENTERS,)),
        ("addition", (), (ENTERS, 0)),
        ("norm", ("ln_1",), (1,)),
        ("MLP", ("mlp",), (2,)),
        ("addition", (), (2, 3)),
        ("norm", ("ln_2",), (4,)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", FLOWS)
def test_the_flow_of_a_block(family):
    model = pair_of(family)[1]
    for layer in range(3):
        block = model.block(layer)
        assert tuple((step.kind, step.names, step.reads) for step in block.steps) == FLOWS[family]
        assert (block.layer, block.width, block.result, block.reason) == (layer, WIDTH, len(block.steps) - 1, "")


@pytest.mark.parametrize("family", [*SEVEN, "phi", "olmo2", "cohere", "openai-gpt"])
def test_along_the_flow_the_stock_model_computes_the_same(family):
    """Each module of the stock block takes in what the drawing says, on another text."""
    pair, model = pair_of(family)
    block, layer = model.block(1), dissect(pair.stock).layers[1]
    seen, ends, hooks = {}, [], []
    for name, child in layer.named_children():

        def note(module, args, kwargs, output, name=name):
            given = next(one for one in [*args, *kwargs.values()] if torch.is_tensor(one))
            seen[name] = (given[0], (output if torch.is_tensor(output) else output[0])[0])

        hooks.append(child.register_forward_hook(note, with_kwargs=True))

    def end(module, args, kwargs, output):
        ends.append(args[0] if args else kwargs["hidden_states"])
        ends.append(output if torch.is_tensor(output) else output[0])

    hooks.append(layer.register_forward_hook(end, with_kwargs=True))
    with torch.no_grad():
        pair.stock(torch.tensor([IDS]), use_cache=False)
    for hook in hooks:
        hook.remove()
    values = {ENTERS: ends[0][0]}
    for index, step in enumerate(block.steps):
        if step.kind == "addition":
            values[index] = sum(values[read] for read in step.reads)
        else:
            given, values[index] = seen[step.names[0]][0], seen[step.names[-1]][1]
            assert torch.allclose(given, values[step.reads[0]], atol=1e-4 * float(given.abs().max()))
        if step.kind == "norm":
            assert_norm(step, *(one.double().numpy() for one in (given, values[index])))
    assert torch.allclose(values[block.result], ends[1][0], atol=1e-4 * float(ends[1].abs().max()))


def assert_norm(step, given, returned):
    """One gain, and perhaps one bias, for all tokens turn the normed vectors into what came out."""
    centred = given - given.mean(-1, keepdims=True) if step.norm == "LayerNorm" else given
    normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
    for column in range(WIDTH):
        ones = np.stack([normed[:, column], np.full(len(normed), float(step.bias))], 1)
        fitted = np.linalg.lstsq(ones, returned[:, column], rcond=None)[0]
        assert np.allclose(ones @ fitted, returned[:, column], atol=1e-3 * np.abs(returned).max())


# norm, biased, placement, parallel, query heads, key/value heads, window, queries and keys normed, positions, rotated,
# activation, gated, neurons; of block 0, by the families' own code and configs.
FACTS = {
    "phi3": ("RMSNorm", False, "before", False, 4, 2, 8, False, "rotary", 8, "SiLU", True, 48),
    "llama": ("RMSNorm", False, "before", False, 4, 2, None, False, "rotary", 8, "SiLU", True, 48),
    "gpt2": ("LayerNorm", True, "before", False, 4, 4, None, False, "learned", None, "GELU (tanh)", False, 128),
    "gpt_neox": ("LayerNorm", True, "before", True, 4, 4, None, False, "rotary", 4, "GELU", False, 48),
    "gemma2": ("RMSNorm", False, "before and after", False, 4, 2, 8, False, "rotary", 8, "GELU (tanh)", True, 48),
    "mistral": ("RMSNorm", False, "before", False, 4, 2, 8, False, "rotary", 8, "SiLU", True, 48),
    "qwen3": ("RMSNorm", False, "before", False, 4, 2, None, True, "rotary", 8, "SiLU", True, 48),
    "phi": ("LayerNorm", True, "before", True, 4, 2, None, False, "rotary", 4, "GELU (tanh)", False, 48),
    "olmo2": ("RMSNorm", False, "after, before the addition", False, 4, 2, None, True, "rotary", 8, "SiLU", True, 48),
    "cohere": ("LayerNorm", False, "before", True, 4, 2, None, False, "rotary", 8, "SiLU", True, 48),
    "opt": ("LayerNorm", True, "before", False, 4, 4, None, False, "learned", None, "ReLU", False, 48),
    "nanochat": ("RMSNorm", False, "before", False, 4, 2, None, True, "rotary", 8, "squared ReLU", False, 48),
}


@pytest.mark.parametrize("family", FACTS)
def test_the_facts_of_a_block(family):
    model = pair_of(family)[1]
    block = model.block(0)
    norms = [step for step in block.steps if step.kind == "norm"]
    assert block.feedforward
    found = (
        *({step.norm for step in norms}), bool(block.biased), *block.placement, block.parallel,
        block.heads, block.key_value_heads, block.window, block.query_key_norm,
        block.positions.kind, block.positions.rotated,
        block.feedforward.activation, block.feedforward.gated, block.feedforward.width,
    )  # fmt: skip
    assert found == FACTS[family]
    assert block.positions.seen
    assert block.feedforward.seen
    assert block.head_width == 8
    assert {step.bias for step in norms} == {family not in ("cohere",) and FACTS[family][0] == "LayerNorm"}


def test_blocks_that_differ():
    gemma = pair_of("gemma2")[1]
    assert [gemma.block(layer).window for layer in range(3)] == [8, None, 8]
    experts = pair_of("deepseek_v3")[1]
    assert [experts.block(layer).feedforward.experts for layer in range(2)] == [0, 4]
    assert [experts.block(layer).feedforward.gated for layer in range(2)] == [True, None]
    half = pair_of("qwen2")[1].block(0)
    assert half.biased == ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    assert set(half.maps) - set(half.biased) == {"self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}


def test_layers_without_positions():
    """SmolLM 3 turns queries in all layers but each fourth; here the second."""
    model = Model(build("smollm3", {"no_rope_layers": [1, 0, 1]}).model, byte_level())
    assert [model.block(layer).positions.kind for layer in range(3)] == ["rotary", "none", "rotary"]


def test_what_is_read_from_the_code_says_so():
    assert pair_of("bloom")[1].block(0).positions == pytest.approx(pair_of("bloom")[1].block(1).positions)
    assert (pair_of("bloom")[1].block(0).positions.kind, pair_of("bloom")[1].block(0).positions.seen) == (
        "ALiBi",
        False,
    )
    assert (pair_of("gptj")[1].block(0).positions.kind, pair_of("gptj")[1].block(0).positions.rotated) == ("rotary", 4)
    assert pair_of("granite")[1].block(0).scale == pytest.approx(0.5, abs=1e-6)


def test_the_original_order_is_told_from_todays():
    """OPT's smallest sibling still norms after the addition."""
    model = Model(build("opt", {**ALL["opt"], "do_layer_norm_before": False}).model, byte_level())
    assert model.block(0).placement == pair_of("openai-gpt")[1].block(0).placement == ("after the addition",)
    assert [step.kind for step in model.block(0).steps] == ["attention", "addition", "norm", "MLP", "addition", "norm"]


def test_a_flow_that_cannot_be_found_says_so():
    block = pair_of("gemma3n_text")[1].block(0)
    assert block.result is None
    assert "cannot all be drawn" in block.reason


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("family", SEVEN)
def test_in_16_bits_the_same_is_found(family, dtype):
    model = Model(build(family, ALL[family]).model.to(dtype), byte_level())
    for layer in range(3):
        found, expected = model.block(layer), pair_of(family)[1].block(layer)
        assert replace(found, scale=1.0) == replace(expected, scale=1.0)


@pytest.mark.parametrize("layer", [-1, 3])
def test_there_is_no_such_block(llama, layer):
    with pytest.raises(OutOfRange, match="blocks 0 to 2"):
        llama.block(layer)


# --- the built-in models ---


def test_the_built_in_model():
    model = load_model("builtin")
    found = model.anatomy_map(model.begin("The capital of Japan is"))
    assert [(stage.given, stage.returned) for stage in found.stages if stage.kind != "positions"] == [
        ((1, 5), (1, 5, 256)), ((1, 5, 256), (1, 5, 256)), ((1, 5, 256), (1, 5, 256)), ((1, 5, 256), (1, 5, 4096)),
    ]  # fmt: skip
    counts = {part.kind: part.count for part in found.parts if part.block in (None, 0)}
    attention = 256 * (8 + 2 * 4) * 32 + 256 * 256
    assert counts == {"embedding": 4096 * 256, "attention": attention, "MLP": 3 * 256 * 480, "norm": 256}
    assert found.parameters == 4096 * 256 + 6 * (attention + 3 * 256 * 480 + 2 * 256) + 256
    block = model.block(5)
    assert (block.heads, block.key_value_heads, block.biased, block.placement) == (8, 4, (), ("before",))
    assert (block.positions.kind, block.feedforward.activation, block.feedforward.gated) == ("rotary", "SiLU", True)


def test_the_other_built_in_model():
    model = load_model("builtin-gpt2")
    found = model.anatomy_map(model.begin("The capital of Japan is"))
    config = model._engine.model.config
    tokens = found.prompt
    assert found.logits == (1, tokens, config.vocab_size)
    assert [stage.kind for stage in found.stages] == ["embedding", "positions", "blocks", "norm", "head"]
    block = model.block(0)
    assert [step.norm for step in block.steps if step.kind == "norm"] == ["LayerNorm", "LayerNorm"]
    assert (block.heads, block.key_value_heads, len(block.biased), block.placement) == (8, 8, 4, ("before",))
    assert (block.positions.kind, block.feedforward.activation, block.feedforward.gated) == (
        "learned", "GELU (tanh)", False,
    )  # fmt: skip
