"""Texts that run in another process: what comes back is what the model computes here, and no more is run than needed.

The forked process and the pipe are real. What is compared with are the answers of stock transformers, and those of the
same weights run in this process.
"""

import gc
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from model_runtime import Decoding, Moment
from model_runtime.elsewhere import MOST_SECONDS, Elsewhere, Order
from model_runtime.errors import FeatureUnavailable, GpuUnavailable, NotFinite
from model_runtime.keeping import Kept, kept_of
from model_runtime.library import Library
from model_runtime.model import Model
from model_runtime.moment import Steer
from tests.runtime.conftest import ALL, pair_of
from tests.runtime.families import build
from tests.runtime.lending import LONG, Lender, die
from tests.runtime.tokenizers_for_tests import byte_level

TEXT = "the cat sat on the mat and"
# Full and sliding attention, running states that cannot be cut back, attention followed from outside with a bias for
# each key, mixtures of experts, a sink, no cache at all, streams that cannot be read.
FAMILIES = ["llama", "mistral", "gemma2", "lfm2", "qwen3_next", "bloom", "mpt", "mixtral", "gpt_oss", "openai-gpt"]
FAMILIES += ["gemma3n_text"]


@pytest.fixture(autouse=True)
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the platform: PyTorch says that there is a GPU, and who touches it in this process is stopped."""

    def touched(*given: object) -> None:
        raise AssertionError("this process touched CUDA")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "_lazy_init", touched)


class Lent:
    """A model whose texts run elsewhere, what lends it the process, and the same weights run here."""

    def __init__(self, family: str, *, kept: bool = False, **options: object) -> None:
        pair, self.here = pair_of(family)
        self.here._shelf.clear()  # what other tests asked would let it run other passes
        self.stock = pair.stock
        self.lender = Lender(kept=kept)
        model = build(family, ALL[family]).model
        self.model = Model(model, byte_level(), name=family, **options)  # type: ignore[arg-type]
        self.model.run_elsewhere(Elsewhere(self.lender, "cpu"))

    @property
    def calls(self) -> int:
        return len(self.lender.orders)


@contextmanager
def lent(family: str = "llama", **options: bool) -> Iterator[Lent]:
    found = Lent(family, **options)
    try:
        yield found
    finally:
        found.lender.close()


def played(model: Model, moment: Moment, steps: int) -> list[Moment]:
    return list(model.play(moment, steps))


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether float32 arrays are equal but for rounding, as where a text ran in one pass and in steps."""
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    scale = float(np.nanmax(np.abs(other)))
    return np.allclose(one, other, rtol=0, atol=1e-5 * scale, equal_nan=True)


def agree(model: Model, other: Model, moment: Moment, equal: Callable[[np.ndarray, np.ndarray], bool] = close) -> None:
    """Everything that two models with the same weights say of a moment is equal."""
    first, second = model.tokens(moment), other.tokens(moment)
    assert equal(first.surprisal, second.surprisal)
    assert equal(first.rank, second.rank)
    assert equal(model.distribution(moment, top=None).logits, other.distribution(moment, top=None).logits)
    for ask in (
        lambda one: [one.attention(moment, layer, head).weights for layer in range(3) for head in range(4)],
        lambda one: [one.hidden(moment, layer) for layer in range(4)],
        lambda one: [one.lens(moment).probability, one.lens(moment).ids],
        lambda one: [one.contributions(moment).values, one.contributions(moment).heads],
    ):
        try:
            expected = ask(other)
        except FeatureUnavailable as error:
            with pytest.raises(FeatureUnavailable, match=f"^{re.escape(str(error))}$"):
                ask(model)
            continue
        assert all(equal(one, two) for one, two in zip(ask(model), expected, strict=True))


class TestWhatComesBack:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_is_what_the_model_computes_here_and_is_run_once(self, family: str) -> None:
        with lent(family) as there:
            moment = there.here.begin(TEXT, decoding=Decoding(temperature=1.0, seed=5))
            moments = played(there.model, moment, 5)
            assert moments == played(there.here, moment, 5)
            agree(there.model, there.here, moments[-1], same)  # the same passes ran: to the last bit
            agree(there.model, there.here, moments[2], same)
            assert there.calls == 1

    @pytest.mark.parametrize("family", ["llama", "mistral", "qwen3_next", "bloom", "mixtral"])
    def test_is_what_stock_transformers_computes(self, family: str) -> None:
        with lent(family) as there:
            moment = played(there.model, there.model.begin(TEXT), 4)[-1]
            with torch.inference_mode():
                output = there.stock(torch.tensor([moment.ids]), output_attentions=True, output_hidden_states=True)
            listed = there.model.distribution(moment, top=None)
            logits = np.empty_like(listed.logits)
            logits[listed.ids] = listed.logits
            assert close(logits, output.logits[0, -1].numpy())
            for stream in range(3):  # the last one of stock transformers has passed the final norm
                assert close(there.model.hidden(moment, stream), output.hidden_states[stream][0].numpy())
            layer = 1  # the one that attends in all of them
            attentions = output.attentions[layer] if len(output.attentions) == 3 else output.attentions[0]
            for head in range(4):
                assert close(there.model.attention(moment, layer, head).weights, attentions[0, head].numpy())
            assert there.calls == 1

    def test_of_sixteen_bit_numbers_too(self) -> None:
        models = [Model(build("llama", {}).model.to(torch.bfloat16), byte_level(), name="half") for _ in range(2)]
        lender = Lender()
        models[0].run_elsewhere(Elsewhere(lender, "cpu"))
        try:
            moment = played(models[0], models[0].begin(TEXT), 4)[-1]
            assert moment == played(models[1], models[1].begin(TEXT), 4)[-1]
            agree(models[0], models[1], moment, same)
        finally:
            lender.close()

    def test_of_a_recording_of_streams_alone(self) -> None:
        with lent(recording="residual") as there:
            reduced = Model(build("llama", {}).model, byte_level(), name="llama", recording="residual")
            moment = played(there.model, there.model.begin(TEXT), 4)[-1]
            assert moment == played(reduced, reduced.begin(TEXT), 4)[-1]
            assert [order.reduced for order in there.lender.orders] == [True]
            agree(there.model, reduced, moment, same)
            assert kept_of(there.model._recording(moment)) is kept_of(reduced._recording(moment)) is Kept.STREAM

    @pytest.mark.parametrize("family", ["llama", "lfm2", "bloom"])
    @pytest.mark.parametrize("kept", [False, True])
    def test_of_steps_of_going_back_and_of_branches(self, family: str, kept: bool) -> None:
        with lent(family, kept=kept) as there:
            first = there.model.begin(TEXT)
            moments = [first]
            for _ in range(3):
                agree(there.model, there.here, moments[-1])
                moments.append(there.model.step(moments[-1]))
            agree(there.model, there.here, moments[-1])
            assert there.calls == 4  # the prompt, and three steps
            assert [order.have for order in there.lender.orders] == [0, *(len(one.ids) for one in moments[:3])]
            back = there.model.back(moments[-1], 2)
            agree(there.model, there.here, back)
            assert there.calls == 4
            branch = there.model.step(back, take=77)
            agree(there.model, there.here, branch)
            assert there.calls == 5
            agree(there.model, there.here, moments[-1])  # the first branch is still there
            assert there.calls == 5
            assert len(there.lender.workers) == (1 if kept else 5)

    def test_nothing_that_is_opened_later_is_run_there(self) -> None:
        with lent() as there:
            moment = played(there.model, there.model.begin(TEXT), 6)[-1]
            for position in range(len(moment.ids)):
                there.model.distribution(moment, position)
            there.model.heads(moment)
            there.model.residual(moment)
            there.model.recorded(moment)
            there.model.predictions(moment)
            assert there.calls == 1

    def test_nothing_is_run_there_for_who_asks_to_stay_here(self) -> None:
        with lent() as there:
            moment = there.model.begin(TEXT)
            with there.model.here():
                agree(there.model, there.here, moment, same)
                written = played(there.model, moment, 2)
            assert written == list(there.model.each_here(iter(written)))
            asked = there.model.each_here(there.model.tokens(one).text for one in [moment.cut(3), moment.grown(5)])
            assert len(list(asked)) == 2
            assert there.calls == 0
            there.model.tokens(moment.grown(6))
            assert there.calls == 1


class TestInterventions:
    def of(self, moment: Moment) -> list[Moment]:
        steer = Steer(1, 2.5, 3, plus=(moment.ids[:4], 3), minus=(moment.ids[4:8], 3))
        off = moment.without([(0, 1), (2, 3)])
        return [off, moment.without([(1, 0)], by="mean"), replace(off, interventions=(*off.interventions, steer))]

    @pytest.mark.parametrize("kept", [False, True])
    def test_act_there_as_they_do_here(self, kept: bool) -> None:
        with lent(kept=kept) as there:
            plain = there.model.begin(TEXT)
            agree(there.model, there.here, plain)
            for moment in self.of(plain):
                moments = played(there.model, moment, 3)
                assert moments == played(there.here, moment, 3)
                agree(there.model, there.here, moments[-1])
                unchanged = replace(moments[-1], interventions=())
                assert not same(there.model.hidden(moments[-1], 3), there.here.hidden(unchanged, 3))
            assert there.calls == 4


class TestPlay:
    def test_ends_where_the_text_ends(self) -> None:
        with lent() as there:
            moment = there.here.begin(TEXT)
            written = played(there.here, moment, 6)
            text = there.here.text(written[2].ids[-1])
            stopping = replace(moment, decoding=Decoding(stop=(text,)))
            assert played(there.model, stopping, 6) == played(there.here, stopping, 6)
            assert there.model.ended(played(there.model, stopping, 6)[-1]) == "stop text"
            full = there.here.begin("x" * 60)
            assert played(there.model, full, 50) == played(there.here, full, 50)

    def test_that_is_stopped_ends_the_call_and_goes_on_from_there(self) -> None:
        with lent(kept=True) as there:
            moments = there.model.play(there.model.begin(TEXT), 30)
            two = [next(moments), next(moments)]
            assert not there.lender.ended.is_set()
            moments.close()  # type: ignore[attr-defined]
            assert there.lender.ended.is_set()
            agree(there.model, there.here, two[-1])
            assert there.calls == 1
            assert played(there.model, two[-1], 2) == played(there.here, two[-1], 2)
            assert there.calls == 2

    def test_that_is_long_takes_several_calls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("model_runtime.elsewhere.STEP", 20.0)  # seconds a step is reckoned to take
        with lent() as there:
            moment = there.model.begin(TEXT)
            assert played(there.model, moment, 5) == played(there.here, moment, 5)
            assert [order.steps for order in there.lender.orders] == [2, 2, 1]
            assert all(order.seconds <= MOST_SECONDS for order in there.lender.orders)

    def test_whose_time_is_up_goes_on_in_another_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("model_runtime.elsewhere.IN_TIME", 1e-9)  # so that no second step begins
        monkeypatch.setattr(Elsewhere, "in_time", lambda self, engine, order: order)
        with lent() as there:
            moment = there.model.begin(TEXT)
            assert played(there.model, moment, 3) == played(there.here, moment, 3)
            assert [len(order.ids) - len(moment.ids) for order in there.lender.orders] == [0, 1, 2]

    def test_asks_for_little_time(self) -> None:
        with lent() as there:
            played(there.model, there.model.begin(TEXT), 1)
            assert there.lender.orders[0].seconds < 10


class TestTrouble:
    def test_a_process_that_dies_costs_nothing_that_was_written(self) -> None:
        with lent() as there:
            there.lender.during = lambda order, count: die() if count == 3 else None
            moment = there.model.begin(TEXT)
            moments = []
            with pytest.raises(GpuUnavailable, match="aborted"):
                moments.extend(there.model.play(moment, 9))
            assert moments == played(there.here, moment, 2)
            agree(there.model, there.here, moments[-1])
            assert there.calls == 1
            there.lender.during = lambda order, count: None
            assert played(there.model, moments[-1], 2) == played(there.here, moments[-1], 2)

    def test_an_error_in_the_process_is_told(self) -> None:
        def fail(order: Order, count: int) -> None:
            raise ZeroDivisionError("what the platform keeps to itself")

        with lent(kept=True) as there:
            there.lender.during = fail
            with pytest.raises(GpuUnavailable, match="ZeroDivisionError"):
                there.model.tokens(there.model.begin(TEXT))

    def test_an_error_on_purpose_comes_as_it_is(self) -> None:
        with lent() as there:
            letter = there.model.begin("q").ids[-1]
            with torch.no_grad():
                there.model._engine.model.get_input_embeddings().weight[letter] = float("nan")
            moment = there.model.begin("a q")
            with pytest.raises(NotFinite, match="embedding is not finite"):
                played(there.model, moment, 2)
            assert there.model.tokens(moment).text[-1] == "q"  # the recording came before
            assert there.calls == 1

    def test_a_call_that_is_refused_changes_nothing(self) -> None:
        with lent() as there:
            moment = played(there.model, there.model.begin(TEXT), 2)[-1]
            there.lender.refused = "You have exceeded your quota."
            later = there.model.step(moment)  # chosen from what is known
            with pytest.raises(GpuUnavailable, match=r"^You have exceeded your quota\.$"):
                there.model.tokens(later)
            agree(there.model, there.here, moment)
            there.lender.refused = None
            agree(there.model, there.here, later)


class TestOthersMeanwhile:
    def test_they_read_while_a_call_runs(self) -> None:
        with lent() as there:
            before = played(there.model, there.model.begin("another text"), 2)[-1]
            inside, outside = os.pipe()
            there.lender.during = lambda order, count: os.read(inside, 1) and None
            thread = threading.Thread(target=there.model.tokens, args=(there.model.begin(TEXT),))
            thread.start()
            agree(there.model, there.here, before)  # the call waits until this is done
            assert thread.is_alive()
            os.write(outside, b"go")
            thread.join(LONG)
            agree(there.model, there.here, there.model.begin(TEXT))
            assert there.calls == 2

    def test_a_process_is_forked_only_while_nobody_runs_the_model(self) -> None:
        with lent() as there:
            looking, found = threading.Event(), threading.Event()
            there.lender.scheduling = lambda: looking.set() or found.wait(LONG)
            answers: list[Moment] = []
            thread = threading.Thread(target=lambda: answers.extend(played(there.model, there.model.begin(TEXT), 1)))
            thread.start()
            assert looking.wait(LONG)
            with there.model.turns:  # while the platform looks for a GPU, the turn is free for others
                found.set()
                thread.join(0.5)
                assert there.lender.workers == []  # and now the fork waits for it
            thread.join(LONG)
            assert answers == played(there.here, there.here.begin(TEXT), 1)

    def test_a_process_forked_while_others_run_the_model_finds_it_as_it_was_loaded(self) -> None:
        torch.set_num_threads(2)
        try:
            with lent() as there:
                weights = torch.randn(600, 600)
                assert (weights @ weights).isfinite().all()  # several threads have worked here
                other = there.model.begin("another text").without([(0, 0), (1, 1), (2, 2)])
                ids, changes = other.ids, there.model._changes(other.interventions)
                stop = threading.Event()

                def run() -> None:
                    while not stop.is_set():
                        with there.model.turns:
                            there.model._engine.record(ids, None, other.interventions, changes)

                threads = [threading.Thread(target=run) for _ in range(2)]
                for thread in threads:
                    thread.start()
                try:
                    for seed in range(6):
                        moment = there.here.begin(TEXT, decoding=Decoding(temperature=1.0, seed=seed))
                        assert played(there.model, moment, 2) == played(there.here, moment, 2)
                finally:
                    stop.set()
                    for thread in threads:
                        thread.join(LONG)
        finally:
            torch.set_num_threads(1)


class TestLibrary:
    def test_every_model_has_a_function_of_its_own_and_one_is_there_before_any(self, saved) -> None:
        lender = Lender(kept=True)
        library = Library(device="cpu", dtype="checkpoint", elsewhere=lambda: Elsewhere(lender, "cpu"))
        try:
            assert lender.functions == 1
            first = library.get(str(saved))
            first.tokens(first.begin(TEXT))
            second = library.get("builtin")
            assert lender.functions == 3
            second.tokens(second.begin(TEXT))  # in a process that was forked after it was loaded
            first.tokens(first.begin("more"))
            assert len(lender.workers) == 2
            assert "float32" in first.card().notes[-1]
            assert "GPU that is lent" in first.card().notes[-1]
        finally:
            lender.close()

    def test_nothing_keeps_a_model_that_made_room(self) -> None:
        lender = Lender()
        model = Model(build("llama", {}).model, byte_level(), name="gone")
        elsewhere = Elsewhere(lender, "cpu")
        model.run_elsewhere(elsewhere)
        assert elsewhere._engine is not None
        assert elsewhere._engine() is not None
        del model
        gc.collect()
        assert elsewhere._engine() is None
