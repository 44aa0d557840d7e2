"""The KV cache's rows and bytes, masks and kernels against configs, stock transformers and brute force."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime import ContextFull, FeatureUnavailable, OutOfRange, kernel_timing, load_model
from model_runtime.anatomy import dissect
from model_runtime.masks import _choices
from tests.runtime.comparison import BOUND, moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import CONTEXT, OUTSIDE, VOCABULARY, WINDOW
from tests.runtime.test_heads_ablation import projection_of

FAMILIES = ["phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3"]
IDS = some_ids(20, VOCABULARY, seed=31)
PROMPT = 13
FULL = ("gpt2", "gpt_neox")  # these know no shared keys and values, whatever their config names


def layers_of(config):
    """Per layer (query heads, key/value heads, head width, window or 0) as the config has it."""
    heads = config.num_attention_heads
    shared = heads if config.model_type in FULL else config.num_key_value_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    window = getattr(config, "sliding_window", None) or 0
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"] * config.num_hidden_layers
    return [(heads, shared, width, window if kind == "sliding_attention" else 0) for kind in kinds]


def sizes(layers, tokens, shared=lambda heads, shared: shared, window=lambda own: 0):
    """Bytes in float32: 2 x heads x width x 4 a layer and kept token."""
    return sum(
        2 * shared(heads, own) * width * 4 * (min(tokens, window(reach)) if window(reach) else tokens)
        for heads, own, width, reach in layers
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_bytes_are_the_configs_arithmetic(family):
    _, model = pair_of(family)
    table = model.cache(moment_of(model, IDS), windows=[3, 200])
    layers = layers_of(model._engine.model.config)
    assert table.held.sum() == sizes(layers, len(IDS))
    assert table.item_bytes == 4
    assert table.reason == ""
    found = [
        tuple(column) for column in np.array([table.heads, table.key_value_heads, table.key_width, table.window]).T
    ]
    assert found == layers
    assert (table.key_width == table.value_width).all()
    assert not table.states.any()
    ways = {way.name: way for way in table.ways if way.name != "window"}
    heads, own = layers[0][:2]
    expected = {"MHA": lambda heads, own: heads, "GQA": lambda heads, own: 2, "MQA": lambda heads, own: 1}
    assert {name for name, way in ways.items() if way.own} == {"MHA" if own == heads else "GQA"}
    for name, shared in expected.items():
        counts = [sizes(layers, tokens, shared) for tokens in (1, len(IDS), CONTEXT)]
        assert [ways[name].per_token, ways[name].now, ways[name].full] == counts
    windows = [way for way in table.ways if way.name == "window"]
    reaches = [lambda own, size=size: size for size in (3, 200)]
    if any(reach for *_, reach in layers):
        assert windows[0].own
        reaches.insert(0, lambda own: own)
    assert len(windows) == len(reaches)
    for way, reach in zip(windows, reaches, strict=True):
        assert way.now == sizes(layers, len(IDS), window=reach)
        assert way.full == sizes(layers, CONTEXT, window=reach)


@pytest.mark.parametrize("family", FAMILIES)
def test_held_bytes_are_those_of_a_stock_cache(family):
    pair, model = pair_of(family)
    short = IDS[: WINDOW - 1]  # a stock cache drops what is outside the window
    with torch.no_grad():
        stock = pair.stock(torch.tensor([short]), use_cache=True).past_key_values
    held = [layer.keys.nbytes + layer.values.nbytes for layer in stock.layers]
    assert model.cache(moment_of(model, short)).held.tolist() == held


def rows_computed(model, act):
    """How many positions entered the first block in each pass that some action led to."""
    rows = []
    block = dissect(model._engine.model).layers[0]

    def count(module, args, kwargs):
        stream = args[0] if args else kwargs["hidden_states"]
        rows.append(stream.shape[1])

    hook = block.register_forward_pre_hook(count, with_kwargs=True)
    act()
    hook.remove()
    return rows


@pytest.mark.parametrize("family", FAMILIES)
def test_each_step_computes_the_rows_that_are_drawn(family):
    _, model = pair_of(family)
    moments = [moment_of(model, some_ids(PROMPT, VOCABULARY, seed=77), PROMPT)]

    def write():
        model.tokens(moments[0])
        for _ in range(4):
            moments.append(model.step(moments[-1]))
            model.tokens(moments[-1])

    rows = rows_computed(model, write)
    table = model.cache(moments[-1])
    assert rows == [PROMPT, 1, 1, 1, 1]
    assert (table.end - table.begin).tolist() == rows
    assert table.begin.tolist() == [0, PROMPT, PROMPT + 1, PROMPT + 2, PROMPT + 3]
    assert table.end[-1] == len(moments[-1].ids)


def test_a_model_without_a_cache_computes_everything_again():
    _, model = pair_of("openai-gpt")
    table = model.cache(moment_of(model, IDS, PROMPT))
    assert not table.begin.any()
    assert not table.held.any()
    assert table.ways == ()
    assert "runs the whole text again" in table.reason
    with pytest.raises(FeatureUnavailable):
        model.time_cache(moment_of(model, IDS), 2)


@pytest.mark.parametrize("family", ["lfm2", "qwen3_next"])
def test_running_states_hold_bytes_of_their_own(family):
    _, model = pair_of(family)
    short, long = (model.cache(moment_of(model, IDS[:count])) for count in (10, 20))
    attends = np.array([False, True, False])
    assert ((long.key_value_heads > 0) == attends).all()
    assert ((long.held > 0) == attends).all()
    assert ((long.states > 0) == ~attends).all()
    assert (long.states == short.states).all()
    assert (long.held == 2 * short.held).all()
    assert long.ways[0].per_token == 2 * 4 * 8 * 4  # keys and values of four heads, eight wide, in one layer


@pytest.mark.parametrize("family", ["bloom", "falcon", "deepseek_v3"])
def test_other_ways_to_attend(family):
    """Attention outside transformers' interface, and keys wider than values, have a cache all the same."""
    pair, model = pair_of(family)
    with torch.no_grad():
        stock = pair.stock(torch.tensor([IDS]), use_cache=True).past_key_values
    table = model.cache(moment_of(model, IDS))
    assert table.held.tolist() == [layer.keys.nbytes + layer.values.nbytes for layer in stock.layers]
    own = [way for way in table.ways if way.own]
    assert [way.now for way in own] == [table.held.sum()]


# --- the experiment ---------------------------------------------------------------------------------------------------


def stock_ids(stock, ids, tokens, use_cache):
    config = stock.generation_config
    ends, config.eos_token_id = config.eos_token_id, None  # the experiment goes on past an end token
    try:
        with torch.no_grad():
            written = stock.generate(
                torch.tensor([ids]),
                do_sample=False,
                max_new_tokens=tokens,
                use_cache=use_cache,
                generation_config=config,
            )
    finally:
        config.eos_token_id = ends  # other tests share the model
    return written[0, len(ids) :].tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_both_runs_write_what_stock_generate_writes(family):
    pair, model = pair_of(family)
    *_, timing = model.time_cache(moment_of(model, IDS), 12)
    assert timing.ids[0].tolist() == stock_ids(pair.stock, IDS, 12, use_cache=True)
    assert timing.ids[1].tolist() == stock_ids(pair.stock, IDS, 12, use_cache=False)
    assert timing.text == tuple(model.text(token) for token in timing.ids[0].tolist())


def test_the_run_with_the_cache_computes_one_row_a_token(llama):
    rows = rows_computed(llama, lambda: list(llama.time_cache(moment_of(llama, IDS), 3)))
    # one of each that is not counted, then in turns: cached, uncached; uncached, cached; cached, uncached
    assert rows == [20, 20, 20, 20, 21, 1, 1, 22]


def test_what_is_known_grows_token_by_token(llama):
    parts = list(llama.time_cache(moment_of(llama, IDS), 5))
    assert [part.seconds.shape for part in parts] == [(2, count) for count in range(1, 6)]
    assert all((part.seconds > 0).all() for part in parts)
    assert all((part.start, part.total) == (20, 5) for part in parts)


def test_others_get_in_between_and_nothing_is_held_after_a_cancel(llama):
    moment = moment_of(llama, IDS)
    run = llama.time_cache(moment, 40)
    next(run)
    done = threading.Event()
    asker = threading.Thread(target=lambda: (llama.tokens(moment), done.set()))
    asker.start()
    assert done.wait(10)
    asker.join()
    run.close()
    assert len(llama.tokens(moment).ids) == 20


def test_the_experiment_leaves_recordings_alone(llama):
    moment = moment_of(llama, IDS)
    before = llama.cache(moment).held
    list(llama.time_cache(moment, 3))
    assert (llama.cache(moment).held == before).all()
    assert rows_computed(llama, lambda: llama.tokens(moment)) == []


def test_what_does_not_fit_is_refused_at_once(llama):
    with pytest.raises(ContextFull, match="Use at most 44"):
        llama.time_cache(moment_of(llama, IDS), 45)
    for tokens in (0, 10**6):
        with pytest.raises(OutOfRange):
            llama.time_cache(moment_of(llama, IDS), tokens)


@pytest.mark.parametrize("name", ["builtin", "builtin-gpt2"])
def test_the_built_in_models(name):
    model = load_model(name)
    card = model.card()
    moment = model.begin("The capital of Japan is")
    *_, timing = model.time_cache(moment, 5)
    assert (timing.ids[0] == timing.ids[1]).all()
    expected = []
    for grown in model.play(moment, 5):
        expected.append(grown.ids[-1])
    assert timing.ids[0].tolist()[: len(expected)] == expected
    per_token = 2 * card.layers * card.key_value_heads * card.head_width * 4
    own = [way for way in model.cache(moment).ways if way.own]
    assert [way.per_token for way in own] == [per_token]
    *_, kernels = model.time_attention(moment, 0, 2)
    assert all(kernel.error < BOUND for kernel in kernels.kernels)


# --- masks ------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 70))
@settings(max_examples=60)
def test_counts_of_scores_by_brute_force(tokens, reach):
    query, key = np.mgrid[:tokens, :tokens]
    behind = query - key
    causal = behind >= 0
    expected = {
        "full": causal,
        "sliding": causal & (behind < reach),
        "strided": causal & ((behind < reach) | (behind % reach == 0)),
    }
    found = {choice.name: choice.scores for choice in _choices(tokens, [reach])}
    assert found == {name: int(mask.sum()) for name, mask in expected.items()}


@pytest.mark.parametrize("family", [*FAMILIES, *OUTSIDE])
def test_own_masks_are_those_of_stock_attention(family):
    pair, model = pair_of(family)
    table = model.masks(moment_of(model, IDS))
    with torch.no_grad():
        rows = pair.stock(torch.tensor([IDS]), output_attentions=True, use_cache=False).attentions
    assert sorted(layer for mask in table.own for layer in mask.layers) == [0, 1, 2]
    kinds = {"local", "global"} if family == "gpt_neo" else {reach for *_, reach in layers_of(pair.stock.config)}
    assert len(table.own) == len(kinds)
    for mask in table.own:
        for layer in mask.layers:
            seen = (rows[layer][0] > 0).any(0).numpy()
            assert mask.starts.tolist() == seen.argmax(1).tolist()
            assert mask.scores == seen.sum()
    assert (table.tokens, table.without, table.reason) == (20, (), "")


def test_layers_without_a_known_mask_are_named():
    hybrid = pair_of("qwen3_next")[1]
    table = hybrid.masks(moment_of(hybrid, IDS), [4])
    assert [mask.layers for mask in table.own] == [(1,)]
    assert table.without == (0, 2)
    outside = pair_of("openai-gpt")[1]
    table = outside.masks(moment_of(outside, IDS), [4])
    assert table.own == ()
    assert "switched off" in table.reason
    assert [choice.name for choice in table.choices] == ["full", "sliding", "strided"]
    with pytest.raises(OutOfRange):
        hybrid.masks(moment_of(hybrid, IDS), [0])


# --- kernels ----------------------------------------------------------------------------------------------------------


def stock_attention(pair, layer):
    """[token, heads x value width] what the stock model's eager attention hands to its output projection."""
    kept = []
    module = projection_of(dissect(pair.stock).layers[layer])
    hook = module.register_forward_pre_hook(lambda module, args: kept.append(args[0][0]))
    with torch.no_grad():
        pair.stock(torch.tensor([IDS]), use_cache=False)
    hook.remove()
    return kept[0]


@pytest.mark.parametrize("family", [*FAMILIES, *OUTSIDE])
def test_every_kernel_gives_the_models_own_attention(family, monkeypatch):
    pair, model = pair_of(family)
    moment = moment_of(model, IDS)
    for layer in range(3):
        expected = stock_attention(pair, layer)
        outputs = {}
        for name, kernel in dict(kernel_timing._KERNELS).items():

            def kept(inputs, name=name, kernel=kernel, outputs=outputs):
                outputs[name] = kernel(inputs)
                return outputs[name]

            monkeypatch.setitem(kernel_timing._KERNELS, name, kept)
        *_, timing = model.time_attention(moment, layer, 2)
        monkeypatch.undo()
        ran = [kernel.name for kernel in timing.kernels if not kernel.reason]
        assert sorted(outputs) == sorted(ran)
        for output in outputs.values():
            assert (output[0].reshape(20, -1) - expected).abs().max() < BOUND * expected.abs().max()
        assert all(kernel.error < BOUND for kernel in timing.kernels if not kernel.reason)


def test_what_kernels_do_not_know_is_said():
    for family, reason in (("gemma2", "caps its scores"), ("gpt_oss", "attention sinks")):
        _, model = pair_of(family)
        *_, timing = model.time_attention(moment_of(model, IDS), 0, 1)
        eager, *fused = timing.kernels
        assert eager.reason == ""
        assert all(reason in kernel.reason and not len(kernel.seconds) for kernel in fused)
        assert all(np.isnan(kernel.error) for kernel in fused)


def test_rounds_memory_and_facts(llama):
    parts = list(llama.time_attention(moment_of(llama, IDS), 1, 7))
    assert [part.done for part in parts] == [1, 2, 3, 4, 5, 6, 7]
    last = parts[-1]
    assert [kernel.name for kernel in last.kernels] == ["eager", "SDPA", "FlashAttention"]
    assert all(len(kernel.seconds) == 7 and (kernel.seconds > 0).all() for kernel in last.kernels if not kernel.reason)
    assert last.kernels[0].memory == 4 * 20 * 20 * 4  # heads x tokens x tokens x four bytes
    assert not last.measured
    assert (last.layer, last.tokens, last.heads, last.key_value_heads, last.head_width) == (1, 20, 4, 2, 8)


def test_a_wrong_kernel_would_show(llama, monkeypatch):
    sdpa = kernel_timing._KERNELS["SDPA"]
    monkeypatch.setitem(kernel_timing._KERNELS, "SDPA", lambda inputs: sdpa(inputs) * 1.01)
    *_, timing = llama.time_attention(moment_of(llama, IDS), 0, 1)
    assert timing.kernels[1].error > 5e-3


def test_too_large_a_score_matrix_is_not_made(llama, monkeypatch):
    monkeypatch.setattr(kernel_timing, "MOST_SCORE_BYTES", 4 * 20 * 20 * 4 - 1)
    *_, timing = llama.time_attention(moment_of(llama, IDS), 0, 1)
    assert "score matrix alone" in timing.kernels[0].reason
    assert timing.kernels[1].error == 0


def test_a_kernel_that_pytorch_lacks_is_left_out(llama, monkeypatch):
    def absent(inputs):
        raise RuntimeError("No available kernel. Aborting execution.")

    monkeypatch.setattr(kernel_timing, "_flash", absent)
    monkeypatch.setitem(kernel_timing._KERNELS, "FlashAttention", absent)
    *_, timing = llama.time_attention(moment_of(llama, IDS), 0, 3)
    assert timing.kernels[2].reason.endswith("on cpu: No available kernel")
    assert len(timing.kernels[1].seconds) == 3
    assert timing.kernels[1].memory == timing.kernels[0].memory  # then SDPA takes the plain way


def test_layers_and_rounds_that_cannot_be(llama):
    moment = moment_of(llama, IDS)
    for layer, rounds in ((3, 1), (-1, 1), (0, 0), (0, 10**6)):
        with pytest.raises(OutOfRange):
            llama.time_attention(moment, layer, rounds)
    hybrid = pair_of("qwen3_next")[1]
    with pytest.raises(FeatureUnavailable):
        hybrid.time_attention(moment_of(hybrid, IDS), 0)
    outside = pair_of("openai-gpt")[1]
    with pytest.raises(FeatureUnavailable):
        outside.time_attention(moment_of(outside, IDS), 0)
