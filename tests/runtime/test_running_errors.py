"""What goes wrong while a model runs: each has its message, and the same moment works again afterwards."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from model_runtime import (
    BadMoment,
    Decoding,
    DeviceFailed,
    ModelTooLarge,
    Moment,
    NotFinite,
    OutOfRange,
    TokenscopeError,
)
from model_runtime.model import Model
from tests.runtime.comparison import moment_of, some_ids, stock_answers
from tests.runtime.families import VOCABULARY, Pair, build
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(12, VOCABULARY, seed=8)
FULL = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError(),
)


@pytest.fixture
def own() -> tuple[Pair, Model]:
    """A model of a test's own, which it may break."""
    pair = build("llama", {}, seed=21)
    return pair, Model(pair.model, byte_level(), name="own")


@contextmanager
def failing(model: Model, error: Exception, fails: Callable[[int], bool]) -> Iterator[list[int]]:
    """The second block raises an error in those of its calls that are to fail, which are counted from 1."""
    calls: list[int] = []

    def before(module: nn.Module, args: Any) -> None:
        calls.append(len(calls) + 1)
        if fails(calls[-1]):
            raise error

    hook = model._engine.anatomy.layers[1].register_forward_pre_hook(before)
    try:
        yield calls
    finally:
        hook.remove()


class TestMemory:
    @pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
    def test_room_is_made_and_the_question_tried_again(self, own: tuple[Pair, Model], error: Exception) -> None:
        pair, model = own
        model.tokens(moment_of(model, some_ids(20, VOCABULARY, seed=9)))
        assert model.held_bytes > 0
        with failing(model, error, lambda call: model.held_bytes > 0) as calls:
            found = model.distribution(moment_of(model, IDS), top=None)
        assert len(calls) == 2
        expected = stock_answers(pair.stock, IDS).probability[-1]
        assert np.abs(found.raw[np.argsort(found.ids)] - expected).max() < 1e-5

    @pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
    def test_it_is_tried_once_more_and_refused_with_the_number_of_tokens(
        self, own: tuple[Pair, Model], error: Exception
    ) -> None:
        pair, model = own
        moment = moment_of(model, IDS)
        with (
            failing(model, error, lambda call: True) as calls,
            pytest.raises(ModelTooLarge, match=r"about 12 tokens.*Use a shorter text"),
        ):
            model.distribution(moment)
        assert len(calls) == 2
        assert model.step(moment).ids[-1] == stock_answers(pair.stock, IDS).probability[-1].argmax()

    def test_long_questions_are_tried_again_too(self, own: tuple[Pair, Model]) -> None:
        _, model = own
        moment = moment_of(model, IDS)
        expected = list(model.scan(moment))[-1]
        model.tokens(moment)
        with failing(model, FULL[0], lambda call: call == 2):
            found = list(model.scan(moment))[-1]
        assert np.array_equal(found.change, expected.change, equal_nan=True)

    def test_other_errors_stay_what_they_are(self, own: tuple[Pair, Model]) -> None:
        _, model = own
        with (
            failing(model, RuntimeError("shapes do not match"), lambda call: True) as calls,
            pytest.raises(RuntimeError, match="shapes do not match") as caught,
        ):
            model.tokens(moment_of(model, IDS))
        assert not isinstance(caught.value, TokenscopeError)
        assert len(calls) == 1

    @pytest.mark.skipif(sys.platform != "linux", reason="the system's limit on memory is Linux's")
    def test_a_real_limit(self) -> None:
        done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.split() == ["refused", "works"]


# The logits of 512 tokens take 128 MB here, and there are 64 to be had.
LIMITED = """
import resource
import torch
torch.set_num_threads(1)
from transformers import LlamaConfig, LlamaForCausalLM
from model_runtime import ModelTooLarge
from model_runtime.model import Model
from tests.runtime.tokenizers_for_tests import byte_level

config = LlamaConfig(vocab_size=65_536, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                     intermediate_size=16, max_position_embeddings=2048)
model = Model(LlamaForCausalLM(config).eval(), byte_level())
short = model.begin("the cat")
before = model.distribution(short).raw
long = model.begin("in the park " * 80)
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**26, taken + 2**26))
try:
    model.tokens(long)
except ModelTooLarge as error:
    assert str(len(long.ids)) in str(error), error
    print("refused")
assert (model.distribution(short).raw == before).all()
print("works")
"""


class TestDevice:
    def test_a_device_that_failed_has_to_be_started_anew(self, own: tuple[Pair, Model]) -> None:
        _, model = own
        error = RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later")
        with (
            failing(model, error, lambda call: True) as calls,
            pytest.raises(DeviceFailed, match=r"device-side assert triggered\. Restart Tokenscope"),
        ):
            model.tokens(moment_of(model, IDS))
        assert len(calls) == 1


class TestNotFinite:
    @pytest.mark.parametrize("block", [0, 1, 2])
    def test_a_block_that_computes_nan_is_named(self, own: tuple[Pair, Model], block: int) -> None:
        _, model = own
        moment = moment_of(model, IDS)
        with torch.no_grad():
            model._engine.anatomy.layers[block].mlp.down_proj.weight[3] = float("nan")
        for ask in (model.distribution, model.step, model.predictions, model.contributions):
            with pytest.raises(NotFinite, match=rf"NaN for 320 of 320 logits .*not finite is block {block};"):
                ask(moment)
        with pytest.raises(NotFinite, match="after position 4"):
            model.distribution(moment, 4)
        table = model.tokens(moment)
        assert np.isnan(table.surprisal).all()
        assert (table.rank == -1).all()
        assert model.step(moment, take=7).ids == (*IDS, 7)

    def test_what_comes_before_the_broken_block_can_be_looked_at(self, own: tuple[Pair, Model]) -> None:
        pair, model = own
        stock = stock_answers(pair.stock, IDS)
        with torch.no_grad():
            model._engine.anatomy.layers[2].mlp.down_proj.weight[3] = float("nan")
        moment = moment_of(model, IDS)
        for layer in range(3):
            assert np.abs(model.attention(moment, layer, 1).weights - stock.attention[layer][1]).max() < 1e-5
            assert np.abs(model.hidden(moment, layer) - stock.streams[layer]).max() < 1e-4

    def test_a_broken_head_is_told_from_broken_blocks(self, own: tuple[Pair, Model]) -> None:
        _, model = own
        with torch.no_grad():
            model._engine.model.lm_head.weight[5] = float("nan")
        with pytest.raises(NotFinite, match=r"NaN for 1 of 320 logits .*All 3 blocks are sound"):
            model.distribution(moment_of(model, IDS))

    def test_float16_overflows(self) -> None:
        pair = build("llama", {}, seed=22)
        model = Model(pair.model.to(torch.float16), byte_level())
        with torch.no_grad():
            model._engine.anatomy.layers[1].mlp.down_proj.weight.mul_(60_000)
        with pytest.raises(NotFinite, match=r"is block [12];.*into float16: .*dtype='float32'"):
            model.distribution(moment_of(model, IDS))

    @pytest.mark.parametrize(
        "decoding", [Decoding(), Decoding(temperature=1.0, seed=3), Decoding(temperature=0.7, top_k=5)]
    )
    def test_a_forbidden_token_has_probability_zero(self, own: tuple[Pair, Model], decoding: Decoding) -> None:
        pair, _ = own
        best = int(stock_answers(pair.stock, IDS).probability[-1].argmax())
        head = pair.model.lm_head
        head.bias = nn.Parameter(torch.zeros(VOCABULARY))
        with torch.no_grad():
            head.bias[best] = -torch.inf
        model = Model(pair.model, byte_level())
        moment = replace(moment_of(model, IDS), decoding=decoding)
        found = model.distribution(moment, top=None)
        with torch.no_grad():
            logits = pair.stock(torch.tensor([IDS])).logits[0, -1]
        logits[best] = -torch.inf
        raw = found.raw[np.argsort(found.ids)]
        assert np.abs(raw - logits.softmax(-1).numpy()).max() < 1e-5
        assert raw[best] == 0
        assert np.isfinite(found.entropy)
        *_, last = model.play(moment, 10)
        assert best not in last.ids[len(IDS) :]
        assert np.isinf(model.tokens(model.step(moment, take=best)).surprisal[-1])


class TestMoments:
    def test_another_tokenizer_or_version_is_named(self, own: tuple[Pair, Model]) -> None:
        pair, model = own
        tokenizer = byte_level()
        tokenizer.add_tokens(["<new>"])
        other = Model(pair.stock, tokenizer, name="own", revision="0123456789abcdef")
        moment = moment_of(model, IDS)
        with pytest.raises(
            BadMoment, match=r"made with 'own' .*this is 'own' at revision 0123456789ab .*tokenizer or config"
        ):
            other.tokens(moment)
        with pytest.raises(BadMoment, match=r"made with 'far' .*this is 'own' .*Open it with the model that made it"):
            model.tokens(replace(moment, model="far", fingerprint="0" * 12))
        assert model.tokens(moment).ids.tolist() == list(IDS)

    @pytest.mark.parametrize("bad", [-1, 2**31, True, 1.0, "1", None, np.int64(3)])
    def test_what_is_no_token_id_is_refused_by_the_moment(self, bad: Any) -> None:
        with pytest.raises(BadMoment, match="token"):
            Moment("own", "", "f", (1, bad), 1)

    def test_ids_that_the_model_does_not_have(self, own: tuple[Pair, Model]) -> None:
        _, model = own
        moment = moment_of(model, IDS)
        with pytest.raises(BadMoment, match="token id 320; this model has ids 0 to 319"):
            model.tokens(moment.grown(320))
        with pytest.raises(OutOfRange, match="-1"):
            model.step(moment, take=-1)

    def test_an_output_head_larger_than_the_embedding(self) -> None:
        pair = build("llama", {})
        pair.model.model.embed_tokens = nn.Embedding(300, 32)
        with torch.no_grad():
            pair.model.model.embed_tokens.weight.copy_(pair.stock.model.embed_tokens.weight[:300])
        model = Model(pair.model, byte_level())
        with pytest.raises(BadMoment, match="token id 310; this model has ids 0 to 299"):
            model.tokens(moment_of(model, (1, 310)))
        assert len(model.tokens(moment_of(model, (1, 299))).ids) == 2
