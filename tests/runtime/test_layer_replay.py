"""Recordings reduced to the residual stream answer what full ones answer, by running one layer again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_runtime import Moment
from model_runtime.keeping import Kept, kept_of
from model_runtime.layer_replay_check import NAME, prove_replay
from model_runtime.model import Model
from model_runtime.moment import Steer
from tests.runtime.comparison import BOUND, TOKENS, differences, moment_of, some_ids, stepped_answers, stock_answers
from tests.runtime.conftest import ALL, pair_of
from tests.runtime.families import FAMILIES, HYBRID, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(TOKENS, VOCABULARY)


def reduced_model(family: str) -> Model:
    return Model(build(family, ALL[family]).model, byte_level(), name=family, recording="residual")


def kept_bytes(model: Model, moment: Moment) -> int:
    """Bytes that the chunks' tensors hold, whatever views they are."""
    tensors = [
        tensor
        for chunk in model._recording(moment).chunks
        for tensor in (chunk.streams, chunk.attended, *chunk.queries)
        if tensor is not None
    ]
    return sum({tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}.values())


@pytest.mark.parametrize("family", [*FAMILIES, *HYBRID])
def test_a_reduced_recording_equals_stock(family):
    """Prompt in pieces, steps, then every head of every layer, each computed again from the stream."""
    model = reduced_model(family)
    model._engine.unembedding.rows = 7
    errors = differences(stepped_answers(model, IDS), stock_answers(pair_of(family)[0].stock, IDS))
    assert kept_of(model._recording(moment_of(model, IDS))) is Kept.STREAM
    assert max(errors.values()) < BOUND, errors


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2", "gpt_oss", "lfm2"])
def test_a_reduced_recording_answers_as_a_full_one(family):
    """Whatever is read between attention and MLP, over heads and over layers, with heads off and a stream steered."""
    full, model = pair_of(family)[1], reduced_model(family)
    steer = Steer(1, 2.0, 3, (IDS[:4], 3), (IDS[5:8], 2))
    for changed in (
        lambda moment: moment,
        lambda moment: moment.without([(1, 2)]),
        lambda moment: replace(moment.without([(1, 0)], by="mean"), interventions=(*moment.interventions, steer)),
    ):
        mine, theirs = changed(moment_of(model, IDS)), changed(moment_of(full, IDS))
        for ask in (
            lambda model, moment: model.attention(moment, 1, 3).weights,
            lambda model, moment: model.inside(moment, 1, 1, 9).output,
            lambda model, moment: model.looking(moment, 17, [0, 4]).weights,
            lambda model, moment: model.heads(moment).measures["entropy"],
            lambda model, moment: model.similarity(moment).distance,
            lambda model, moment: model.lens(moment, middle=True).middle.probability,
            lambda model, moment: model.residual(moment).attention_norm,
            lambda model, moment: model.residual(moment).mlp_norm,
        ):
            found, expected = ask(model, mine), ask(full, theirs)
            assert np.allclose(found, expected, rtol=0, atol=BOUND * np.nanmax(np.abs(expected)), equal_nan=True)
        assert np.array_equal(model.mosaic(mine).cells, full.mosaic(theirs).cells)


def test_going_back_and_branching_with_a_head_open(llama):
    """What a layer run again left grows with the text, and is cut with it."""
    model = reduced_model("llama")
    other = (*IDS[:9], *some_ids(8, VOCABULARY, seed=5))
    for ids in (IDS[:12], IDS[:13], IDS[:20], IDS[:10], other, IDS, IDS[:5], other):
        for layer in (1, 2, 0):
            expected = llama.attention(moment_of(llama, ids), layer, 2).weights
            assert np.abs(model.attention(moment_of(model, ids), layer, 2).weights - expected).max() < BOUND
        assert [part.layer for part in model._recording(moment_of(model, ids)).replayed] in ([0, 2], [])


def test_only_new_tokens_and_one_layer_are_run_again():
    """Counted at the layers' own attention, which a replay leaves out where the text or the layer is another."""
    model = reduced_model("llama")
    model.tokens(moment_of(model, IDS[:20]))
    seen: list[tuple[int, int]] = []
    for index, layer in enumerate(model._engine.anatomy.layers):
        layer.self_attn.register_forward_hook(
            lambda module, args, output, index=index: seen.append((index, output[0].shape[1]))
        )
    model.attention(moment_of(model, IDS[:20]), 1, 0)
    assert seen == [(1, 20)]
    model.attention(moment_of(model, IDS[:20]), 1, 3)
    assert seen == [(1, 20)]
    model.tokens(moment_of(model, IDS[:21]))
    seen.clear()
    model.attention(moment_of(model, IDS[:21]), 1, 0)
    assert seen == [(1, 1)]


def test_long_texts_are_reduced_and_short_ones_are_not():
    sizes = pair_of("llama")[1]._engine.keeping.sizes
    model = Model(build("llama", {}).model, byte_level(), shelf_bytes=20 * sizes.full)
    moment = moment_of(model, IDS[:20])
    model.tokens(moment)
    assert kept_of(model._recording(moment)) is Kept.EVERYTHING
    assert kept_bytes(model, moment) == 20 * (sizes.streams + sizes.parts)
    for length in range(21, TOKENS + 1):
        moment = moment_of(model, IDS[:length])
        model.tokens(moment)
        assert kept_of(model._recording(moment)) is Kept.STREAM
        assert kept_bytes(model, moment) == length * sizes.streams


def test_sizes_are_those_of_the_arithmetic():
    """3 layers, width 32, 4 heads of 8 and 2 key/value heads, in float32."""
    sizes = pair_of("llama")[1]._engine.keeping.sizes
    assert (sizes.streams, sizes.parts, sizes.cache) == (4 * 4 * 32, 3 * (32 + 32) * 4, 3 * 2 * 2 * 8 * 4)


def test_a_full_recording_is_never_reduced_where_that_is_asked_for():
    model = Model(build("llama", {}).model, byte_level(), shelf_bytes=0, recording="full")
    moment = moment_of(model, IDS)
    model.tokens(moment)
    assert kept_of(model._recording(moment)) is Kept.EVERYTHING


def test_streams_in_host_memory_come_back_to_their_device(llama):
    """Without a second device here, the way back is all that can be seen."""
    recording = llama._recording(moment_of(llama, IDS))
    moved = tuple(chunk.reduced(host=True) for chunk in recording.chunks)
    assert all(chunk.home == torch.device("cpu") and chunk.attended is None for chunk in moved)
    again = replace(recording, chunks=moved, again=llama._engine.again({}))
    assert kept_of(again) is Kept.STREAM_IN_HOST_MEMORY
    assert torch.equal(again.streams(1, 3, 9), recording.streams(1, 3, 9))
    assert torch.allclose(again.queries(1, 2), recording.queries(1, 2), atol=1e-6)


def test_the_shelf_counts_what_is_run_again():
    model = reduced_model("llama")
    moment = moment_of(model, IDS)
    model.tokens(moment)
    before = model.held_bytes
    model.attention(moment, 1, 0)
    assert model.held_bytes == before + TOKENS * (32 + 32) * 4


def test_a_layer_that_depends_on_more_than_its_stream_is_caught(monkeypatch):
    """The second layer here reads what the first one computed; run alone, it cannot."""
    pair = build("llama", {})
    first, second = pair.model.model.layers[:2]
    passed = {}
    first.mlp.register_forward_hook(lambda module, args, output: passed.update(given=output))

    def mixed(module, args, kwargs):
        stream = args[0]
        given = passed.pop("given", None)
        return ((stream if given is None or given.shape != stream.shape else stream + given, *args[1:]), kwargs)

    second.input_layernorm.register_forward_pre_hook(mixed, with_kwargs=True)
    model = Model(pair.model, byte_level(), recording="residual")
    proof = next(one for one in model.card().proofs if one.name == NAME)
    assert not proof.passed
    assert "L1" in proof.detail
    moment = moment_of(model, IDS)
    model.tokens(moment)
    assert kept_of(model._recording(moment)) is Kept.EVERYTHING
    assert prove_replay(model._engine, readable=False) is None
