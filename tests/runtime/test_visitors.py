"""Many visitors of one model: nobody's answer holds anything of another's text, whatever is kept, dropped or asked."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime import Moment
from model_runtime.library import Library
from model_runtime.model import Model
from model_runtime.moment import Ablate
from model_runtime.shelf import Shelf
from model_runtime.turns import visiting
from tests.runtime.comparison import BOUND, moment_of, some_ids, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import FAMILIES, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

SOON = 120  # seconds that nothing here comes near


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def answers(model: Model, moment: Moment) -> list[np.ndarray[Any, Any]]:
    """Numbers of several kinds about a text, its texts of tokens included."""
    table, listed = model.tokens(moment), model.distribution(moment, top=None)
    return [
        np.array(table.text),
        table.surprisal,
        listed.raw[np.argsort(listed.ids)],
        model.attention(moment, 1, 0).weights,
        model.hidden(moment, 1),
        model.lens(moment).probability,
    ]


def same(one: list[np.ndarray[Any, Any]], other: list[np.ndarray[Any, Any]]) -> bool:
    """To rounding: a text that grew token by token was computed in other sums than one that came at once."""
    for first, second in zip(one, other, strict=True):
        if first.dtype.kind == "U":
            if not np.array_equal(first, second):
                return False
        elif not np.allclose(first, second, rtol=0, atol=BOUND * np.nanmax(np.abs(second), initial=1), equal_nan=True):
            return False
    return True


def fresh(family: str = "llama", **options: Any) -> Model:
    return Model(build(family, FAMILIES[family]).model, byte_level(), name=family, **options)


# Texts that share beginnings, so that visitors' recordings are found, cut, branched and dropped for each other.
shared = st.lists(st.integers(3, 6), min_size=1, max_size=9).map(tuple)
off = st.sampled_from([(), (Ablate(0, 1, "zero"),)])
moves = st.lists(st.tuples(st.integers(0, 2), shared, off), min_size=2, max_size=8)


class TestNobodySeesAnothersText:
    alone = fresh(shelf_bytes=0)  # keeps one recording at most, and is cleared before each question
    together = fresh()
    cramped = fresh(shelf_bytes=0)

    @given(moves, st.booleans())
    @settings(max_examples=25, deadline=None)
    def test_in_turn(self, asked: list[tuple[int, tuple[int, ...], tuple[Ablate, ...]]], small: bool) -> None:
        model = self.cramped if small else self.together
        for visitor, ids, interventions in asked:
            moment = moment_of(model, ids)
            moment = Moment(**{**vars(moment), "interventions": interventions})
            with visiting(f"visitor {visitor}"), model.turns.turn():
                got = answers(model, moment)
            self.alone._clear()
            assert same(got, answers(self.alone, Moment(**{**vars(moment_of(self.alone, ids)), **_of(moment)})))

    @given(st.lists(shared, min_size=2, max_size=4, unique=True))
    @settings(max_examples=8, deadline=None)
    def test_at_once(self, texts: list[tuple[int, ...]]) -> None:
        """Each on a thread of its own, taking no turn as a whole, so that their questions mix."""
        model, found = self.together, dict[tuple[int, ...], list[list[np.ndarray[Any, Any]]]]()
        begin = threading.Barrier(len(texts))

        def visit(ids: tuple[int, ...]) -> None:
            with visiting(str(ids)):
                begin.wait(SOON)
                found[ids] = [answers(model, moment_of(model, ids[: end + 1])) for end in range(len(ids))]

        threads = [threading.Thread(target=visit, args=(ids,), daemon=True) for ids in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)
        for ids in texts:
            for end, got in enumerate(found[ids]):
                self.alone._clear()
                assert same(got, answers(self.alone, moment_of(self.alone, ids[: end + 1])))

    def test_what_is_known_of_one_text_is_stocks_number_with_others_around(self) -> None:
        pair, model = pair_of("llama")
        texts = [some_ids(12, VOCABULARY, seed=seed) for seed in range(3)]
        for ids in (*texts, *reversed(texts)):
            with visiting(str(ids[0])):
                listed = model.distribution(moment_of(model, ids), top=None)
            stock = stock_answers(pair.stock, ids).probability[-1]
            assert np.abs(listed.raw - stock[listed.ids]).max() < BOUND


def _of(moment: Moment) -> dict[str, Any]:
    return {"interventions": moment.interventions}


class TestForgetting:
    def test_what_was_not_used_for_long_goes_and_the_rest_stays(self) -> None:
        clock, model = Clock(), fresh()
        model._shelf = Shelf(model._shelf.limit, clock)
        old, new = (moment_of(model, some_ids(6, VOCABULARY, seed=seed)) for seed in (1, 2))
        model.tokens(old)
        clock.now += 600
        before = model.tokens(new).surprisal
        clock.now += 299
        model.forget(900)
        assert len(model._shelf) == 2
        clock.now += 1
        model.forget(900)
        assert [recording.ids for recording in model._shelf._recordings.values()] == [new.ids]
        clock.now += 500
        model.lens(new)  # using it keeps it
        clock.now += 899
        model.forget(900)
        assert len(model._shelf) == 1
        held = model.held_bytes
        clock.now += 1
        model.forget(900)
        assert (model.held_bytes, len(model._shelf)) == (0, 0)
        assert held > 0
        assert np.allclose(model.tokens(new).surprisal, before, atol=BOUND, equal_nan=True)

    def test_bytes_bound_it_too_and_the_longest_unused_goes_first(self) -> None:
        clock, model = Clock(), fresh()
        model._shelf = Shelf(model._shelf.limit, clock)
        texts = [some_ids(6, VOCABULARY, seed=seed) for seed in range(3)]
        for ids in texts[:2]:
            model.tokens(moment_of(model, ids))
        model.tokens(moment_of(model, texts[0]))
        model._shelf.limit = model.held_bytes
        model.tokens(moment_of(model, texts[2]))
        assert [recording.ids for recording in model._shelf._recordings.values()] == [texts[0], texts[2]]

    def test_a_library_forgets_for_all_its_models_and_lets_so_many_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        models = [fresh(), fresh("gpt2")]
        opened = iter(models)
        monkeypatch.setattr("model_runtime.library.load", lambda *names, **options: next(opened))
        library = Library(unused=0, waiting=7)
        for name in ("one", "other"):
            model = library.get(name)
            model.tokens(moment_of(model, some_ids(4, VOCABULARY)))
        assert [model.turns.most for model in models] == [7, 7]
        assert all(model.held_bytes for model in models)
        library.forget()
        assert [model.held_bytes for model in models] == [0, 0]

    def test_keeping_tidy_goes_on_by_itself_and_ends_with_the_library(self) -> None:
        forgot = threading.Semaphore(0)

        class Noting(Library):
            def forget(self) -> None:
                forgot.release()

        others = set(threading.enumerate())  # libraries of other tests may still be there
        library = Noting()
        library.keep_tidy(every=0.001)
        for _ in range(3):
            assert forgot.acquire(timeout=SOON)
        (thread,) = (one for one in threading.enumerate() if one.name == "keep tidy" and one not in others)
        del library
        thread.join(SOON)
        assert not thread.is_alive()
