"""Patching against hooks on stock models, one run a cell, and against what must hold of any model."""

from functools import cache

import numpy as np
import pytest
import torch

from model_runtime import FeatureUnavailable, InputError, Moment, OutOfRange, UnequalTexts
from model_runtime.anatomy import dissect
from model_runtime.edits import Changes, Edit, Site
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, HYBRID, VOCABULARY
from tests.runtime.test_heads_ablation import projection_of
from tests.runtime.test_steering import STEERS, steered

TOKENS, FIRST = 12, 4
CLEAN = some_ids(TOKENS, VOCABULARY, seed=36)
CHANGED = (*CLEAN[:FIRST], 250, 251, CLEAN[6], 252, *CLEAN[8:])
PAIR = (77, 200)
BOUND = 1e-4  # of the largest logit

# Where each family's blocks write, by name.
WRITERS = {
    "llama": ("self_attn", "mlp"),
    "phi3": ("self_attn", "mlp"),
    "gpt2": ("attn", "mlp"),
    "granite": ("self_attn", "mlp"),  # scaled where it is added
    "cohere": ("self_attn", "mlp"),  # side by side
    "gpt_neox": ("attention", "mlp"),  # side by side
    "falcon": ("self_attention", "mlp"),  # side by side, added in place
    "gptj": ("attn", "mlp"),  # side by side
    "xglm": ("self_attn", "fc2"),
    "gemma2": ("post_attention_layernorm", "post_feedforward_layernorm"),
    "olmo2": ("post_attention_layernorm", "post_feedforward_layernorm"),
    "exaone4": ("post_attention_layernorm", "post_feedforward_layernorm"),
    "opt": ("self_attn", "fc2"),
    "mixtral": ("self_attn", "mlp"),
    "gpt_oss": ("self_attn", "mlp"),
    "deepseek_v3": ("self_attn", "mlp"),
}
HEADS = [family for family in WRITERS if family not in ("exaone4", "mixtral")]


def first_of(output):
    return output[0] if isinstance(output, tuple) else output


def watched(stock, part, layer):
    """A stock module, and whether what is patched is what goes into it."""
    layers = dissect(stock).layers
    if part == "stream":
        return (layers[0], True) if layer == 0 else (layers[layer - 1], False)
    if part == "heads":
        return projection_of(layers[layer]), True
    return layers[layer].get_submodule(WRITERS[stock.config.model_type][part == "MLP"]), False


def hooked(stock, part, layer, see):
    """Shows [row, token, width] at a place of a stock model; what comes back takes its place."""
    module, before = watched(stock, part, layer)

    def shown(given):
        return see(given.reshape(1, -1, given.shape[-1]).clone()).reshape(given.shape)

    def entered(module, args, kwargs):
        if args:
            return (shown(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": shown(kwargs["hidden_states"])}

    def left(module, args, output):
        if isinstance(output, tuple):
            return (shown(output[0]), *output[1:])
        return shown(output)

    if before:
        return module.register_forward_pre_hook(entered, with_kwargs=True)
    return module.register_forward_hook(left)


def answer(stock, ids, pair=PAIR):
    with torch.no_grad():
        logits = stock(torch.tensor([ids]), use_cache=False).logits[0, -1].double()
    return float(logits[pair[0]] - logits[pair[1]])


def stock_patch(stock, part, layer, tokens, channels=slice(None)):
    """The answer of the changed text with one part of the clean run in it."""
    kept = []

    def keep(given):
        kept.append(given.clone())  # some families add to it in place
        return given

    def put(given):
        given[:, tokens, channels] = kept[0][:, tokens, channels]
        return given

    hook = hooked(stock, part, layer, keep)
    answer(stock, CLEAN)
    hook.remove()
    hook = hooked(stock, part, layer, put)
    patched = answer(stock, CHANGED)
    hook.remove()
    return patched


@cache
def scale_of(family):
    with torch.no_grad():
        logits = pair_of(family)[0].stock(torch.tensor([CHANGED]), use_cache=False).logits
    return float(logits.abs().max())


def grid_of(family, part, target=PAIR, **options):
    _, model = pair_of(family)
    *_, grid = model.patch(moment_of(model, CLEAN), moment_of(model, CHANGED), part, target, **options)
    return grid


@pytest.mark.parametrize("family", [*FAMILIES, *HYBRID])
def test_stream_patches_equal_hooks_on_stock(family):
    stock = pair_of(family)[0].stock
    grid, bound = grid_of(family, "stream"), BOUND * scale_of(family)
    assert grid.difference.shape == (4, TOKENS)
    assert (grid.done, grid.total) == (4 * TOKENS, 4 * TOKENS)
    assert grid.clean == pytest.approx(answer(stock, CLEAN), abs=bound)
    assert grid.changed == pytest.approx(answer(stock, CHANGED), abs=bound)
    for layer in range(4):
        for token in (1, 4, 6, 7, 9, 11):
            expected = stock_patch(stock, "stream", layer, [token])
            assert grid.difference[layer, token] == pytest.approx(expected, abs=bound)


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("part", ["attention", "MLP"])
def test_patches_of_parts_equal_hooks_on_stock(family, part):
    stock = pair_of(family)[0].stock
    grid, bound = grid_of(family, part), BOUND * scale_of(family)
    assert grid.difference.shape == (3, TOKENS)
    moved = 0.0
    for layer in range(3):
        for token in (2, 4, 6, 10, 11):
            expected = stock_patch(stock, part, layer, [token])
            moved = max(moved, abs(expected - grid.changed))
            assert grid.difference[layer, token] == pytest.approx(expected, abs=bound)
    assert moved > 100 * bound


@pytest.mark.parametrize("family", HEADS)
def test_patches_of_heads_equal_slices_in_stock(family):
    stock = pair_of(family)[0].stock
    grid, bound = grid_of(family, "heads"), BOUND * scale_of(family)
    assert grid.difference.shape == (3, 4)
    for layer in range(3):
        width = stock_width(stock, layer) // 4
        for head in range(4):
            channels = slice(head * width, (head + 1) * width)
            expected = stock_patch(stock, "heads", layer, list(range(TOKENS)), channels)
            assert grid.difference[layer, head] == pytest.approx(expected, abs=bound)
    one = grid_of(family, "layer heads", layer=1)
    assert one.difference.shape == (4, TOKENS)
    width = stock_width(stock, 1) // 4
    for head, token in ((0, 4), (2, 7), (3, 11), (1, 2)):
        expected = stock_patch(stock, "heads", 1, [token], slice(head * width, (head + 1) * width))
        assert one.difference[head, token] == pytest.approx(expected, abs=bound)
    assert np.array_equal(one.difference[:, :FIRST], np.full((4, FIRST), np.float32(one.changed)))


@cache
def stock_width(stock, layer):
    widths = []

    def keep(given):
        widths.append(given.shape[-1])
        return given

    hook = hooked(stock, "heads", layer, keep)
    answer(stock, CLEAN)
    hook.remove()
    return widths[0]


def run_with(model, moment, edits, pair=PAIR):
    logits = model._engine.newest_logits([moment.ids], Changes(edits=tuple(edits)))[0].double()
    return float(logits[pair[0]] - logits[pair[1]])


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "granite", "gpt_neox", "falcon", "olmo2", "lfm2"])
def test_patching_everything_is_the_clean_run_and_nothing_the_changed_one(family):
    pair, model = pair_of(family)
    clean, changed = moment_of(model, CLEAN), moment_of(model, CHANGED)
    bound = BOUND * scale_of(family)
    for stream in range(4):
        whole = torch.tensor(model.hidden(clean, stream))
        everything = run_with(model, changed, [Edit(Site("stream", stream), whole)])
        assert everything == pytest.approx(answer(pair.stock, CLEAN), abs=bound)
    assert run_with(model, changed, []) == pytest.approx(answer(pair.stock, CHANGED), abs=bound)


@pytest.mark.parametrize("family", ["llama", "gpt2", "mistral", "gemma2", "qwen3_next", "bloom"])
def test_what_must_hold_of_every_grid(family):
    """The two answers in rows that carry everything, and nothing where the runs are still the same."""
    grid = grid_of(family, "stream")
    bound = BOUND * scale_of(family)
    assert grid.differs.tolist() == [one != other for one, other in zip(CLEAN, CHANGED, strict=True)]
    assert np.array_equal(grid.recovered[:, :FIRST], np.zeros((4, FIRST)))
    assert np.abs(grid.difference[0, ~grid.differs] - grid.changed).max() < bound  # the same embeddings
    assert np.abs(grid.difference[3, :-1] - grid.changed).max() < bound  # nothing reads these any more
    assert grid.difference[3, -1] == pytest.approx(grid.clean, abs=bound)
    assert grid.recovered[3, -1] == pytest.approx(1, abs=2 * bound / abs(grid.clean - grid.changed))
    share = (grid.difference.astype(np.float64) - grid.changed) / (grid.clean - grid.changed)
    assert np.allclose(grid.recovered, share, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "gpt2", "granite", "gemma2", "cohere"])
def test_all_heads_of_a_layer_together_are_its_attention(family):
    """All of what goes into the projection is put in place, so what comes out is the clean one too."""
    pair, model = pair_of(family)
    changed, bound = moment_of(model, CHANGED), BOUND * scale_of(family)
    stock = pair.stock
    for layer in range(3):
        expected = stock_patch(stock, "attention", layer, list(range(TOKENS)))
        seen = []

        def keep(given, seen=seen):
            seen.append(given[0].clone())
            return given

        hook = hooked(stock, "heads", layer, keep)
        answer(stock, CLEAN)
        hook.remove()
        width = stock_width(stock, layer) // 4
        slices = [slice(head * width, (head + 1) * width) for head in range(4)]
        edits = [Edit(Site("heads", layer), seen[0][:, part], channels=part) for part in slices]
        assert run_with(model, changed, edits) == pytest.approx(expected, abs=bound)


def test_the_pair_is_by_default_the_two_answers(llama):
    clean, changed = moment_of(llama, CLEAN), moment_of(llama, CHANGED)
    *_, grid = llama.patch(clean, changed)
    answers = llama.choice(clean), llama.choice(changed)
    assert (grid.question.target, grid.question.against) == answers
    assert (grid.question.text, grid.question.against_text) == tuple(map(llama.text, answers))
    assert grid.question.position == TOKENS - 1
    assert grid.clean > 0 > grid.changed
    *_, alone = llama.patch(clean, changed, target=5)
    assert (alone.question.target, alone.question.against) == (5, None)
    with pytest.raises(InputError, match="choose two tokens"):
        llama.patch(clean, clean)
    *_, same = llama.patch(clean, clean, target=PAIR)
    assert np.isnan(same.recovered).all()
    assert np.array_equal(same.difference, np.full((4, TOKENS), np.float32(same.clean)))
    assert (same.done, same.total) == (4 * TOKENS, 4 * TOKENS)


def test_patching_runs_under_the_interventions_of_both(llama_pair):
    """Every head of the last layer off and the stream steered: its attention has nothing left to patch."""
    _, model = llama_pair
    clean, changed = (steered(model, ids).without([(2, head) for head in range(4)]) for ids in (CLEAN, CHANGED))
    *_, grid = model.patch(clean, changed, "attention", PAIR)
    assert np.abs(grid.difference[2] - grid.changed).max() < BOUND * scale_of("llama")
    assert np.abs(grid.difference[1] - grid.changed).max() > 100 * BOUND
    *_, plain = model.patch(moment_of(model, CLEAN), moment_of(model, CHANGED), "attention", PAIR)
    assert abs(plain.changed - grid.changed) > 0.01
    shown = model.distribution(changed, top=None)
    log = dict(zip(shown.ids.tolist(), np.log(shown.raw.astype(np.float64)), strict=True))
    assert grid.changed == pytest.approx(log[PAIR[0]] - log[PAIR[1]], abs=1e-2)
    with pytest.raises(InputError, match="interventions"):
        model.patch(clean, changed.unsteered())
    assert steered(model, CLEAN).steers == STEERS


def test_progress_comes_in_parts_and_can_be_cancelled(llama, monkeypatch):
    monkeypatch.setattr("model_runtime.engine.TOKENS_AT_ONCE", {"cpu": 3 * TOKENS})
    clean, changed = moment_of(llama, CLEAN), moment_of(llama, CHANGED)
    grids = list(llama.patch(clean, changed, "stream", PAIR))
    assert [grid.done for grid in grids] == sorted({grid.done for grid in grids})
    assert len(grids) == 2 * (TOKENS - FIRST)  # four streams, three at once, for every token from the first difference
    for grid in grids:
        assert np.isfinite(grid.difference).sum() == grid.done
    known = np.isfinite(grids[0].difference)
    assert np.array_equal(grids[0].difference[known], grids[-1].difference[known])
    part = llama.patch(clean, changed, "MLP", PAIR)
    next(part)
    part.close()
    assert llama._engine.recorder.tape is None
    monkeypatch.undo()
    *_, whole = llama.patch(clean, changed, "stream", PAIR)
    assert np.abs(whole.difference - grids[-1].difference).max() < BOUND * scale_of("llama")


def test_only_the_tail_is_run(llama):
    """Counted at the embedding: rows times tokens that go through the model."""
    clean, changed = moment_of(llama, CLEAN), moment_of(llama, CHANGED)
    llama.tokens(clean), llama.tokens(changed)
    seen = []
    hook = llama._engine.model.get_input_embeddings().register_forward_hook(
        lambda module, args, output: seen.append(tuple(args[0].shape))
    )
    list(llama.patch(clean, changed, "attention", PAIR))
    hook.remove()
    assert seen[-(TOKENS - FIRST) :] == [(3, TOKENS - token) for token in range(FIRST, TOKENS)]


def test_one_token_of_the_heads(llama):
    whole, one = grid_of("llama", "layer heads", layer=2), grid_of("llama", "layer heads", layer=2, position=-1)
    assert (one.layer, one.part, one.total) == (2, "layer heads", 4)
    assert np.isnan(one.difference[:, :-1]).all()
    assert np.allclose(one.difference[:, -1], whole.difference[:, -1], atol=1e-4)


def test_where_parts_cannot_be_told_apart_it_says_so():
    _, model = pair_of("doge")
    clean, changed = moment_of(model, CLEAN), moment_of(model, CHANGED)
    for part in ("attention", "MLP", "heads"):
        with pytest.raises(FeatureUnavailable, match=r"cannot be told apart.*stream"):
            list(model.patch(clean, changed, part, PAIR))
    _, unread = pair_of("gemma3n_text")
    with pytest.raises(FeatureUnavailable, match="hidden"):
        unread.patch(moment_of(unread, CLEAN), moment_of(unread, CHANGED), target=PAIR)
    _, mixed = pair_of("lfm2")
    grid = grid_of("lfm2", "heads")
    assert np.isfinite(grid.difference).tolist() == [[False] * 4, [True] * 4, [False] * 4]
    with pytest.raises(FeatureUnavailable, match="L0"):
        list(mixed.patch(moment_of(mixed, CLEAN), moment_of(mixed, CHANGED), "layer heads", PAIR, 0))


def test_what_cannot_be_asked_is_refused(llama):
    clean, changed = moment_of(llama, CLEAN), moment_of(llama, CHANGED)
    with pytest.raises(UnequalTexts, match="12 tokens and the other 11"):
        llama.patch(clean, changed.cut(11))
    for options in ({"part": "neurons"}, {"target": (3, VOCABULARY)}, {"position": 12, "part": "layer heads"}):
        with pytest.raises(OutOfRange):
            llama.patch(clean, changed, **{"target": PAIR, **options})
    for layer in (-1, 3):
        with pytest.raises(OutOfRange, match="Layer"):
            list(llama.patch(clean, changed, "layer heads", PAIR, layer))


def test_patching_leaves_the_recordings_as_they_were(llama):
    clean, changed = moment_of(llama, CLEAN), moment_of(llama, CHANGED)
    before = llama.hidden(changed, 3).copy(), llama.distribution(changed).raw
    keys = llama._recording(changed).keys[0].clone()
    list(llama.patch(clean, changed, "stream", PAIR))
    assert np.array_equal(llama.hidden(changed, 3), before[0])
    assert np.array_equal(llama.distribution(changed).raw, before[1])
    assert torch.equal(llama._recording(changed).keys[0], keys)
    grown = llama.step(changed, take=9)
    assert isinstance(grown, Moment)
    assert llama.hidden(grown, 3).shape[0] == TOKENS + 1
