"""Links and files of a view: what comes back, and what hostile ones come to. The packing is done again here by hand."""

import base64
import json
import re
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime import Decoding, Moment, TokenscopeError
from model_runtime.errors import InputError
from model_runtime.moment import Steer
from viz.colours import TRANSFERS
from viz.lens_grid import LENS_COLOURS
from viz.panels.direction import Direction
from viz.panels.link import MOST_JSON, MOST_TEXT, VERSION, Shared, from_text, to_text
from viz.panels.models import PRECISIONS
from viz.panels.pins import Pin
from viz.panels.playground import COUNTS, Playground
from viz.panels.view import HIDES, MOST_BRANCHES, TABS, WINDOWS, View
from viz.token_strip import SHADES

MOMENT = Moment("builtin", "", "f", (1, 2, 3), 2)
VIEW = View((MOMENT.to_text(),), cursor=2)

ids = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=40).map(tuple)
words = st.text(max_size=30)
decodings = st.builds(
    Decoding,
    temperature=st.floats(0.001, 100),
    top_k=st.integers(0, 1000),
    seed=st.integers(0, 2**63 - 1),
    stop=st.lists(st.text(min_size=1, max_size=9), max_size=3).map(tuple),
)
steers = st.builds(
    Steer,
    layer=st.integers(0, 9),
    strength=st.floats(-1000, 1000),
    start=st.integers(0, 9),
    plus=ids.map(lambda some: (some, len(some) - 1)),
    minus=ids.map(lambda some: (some, 0)),
)


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    tokens = draw(ids)
    moment = Moment(draw(words), draw(words), draw(words), tokens, draw(st.integers(0, len(tokens))), draw(decodings))
    moment = moment.without(draw(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4)), by="mean")
    return moment.steered(draw(steers)) if draw(st.booleans()) else moment


@st.composite
def pins(draw: st.DrawFn) -> Pin:
    kept = draw(st.sampled_from(["", draw(moments()).to_text()]))
    heads = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
    one = Pin("head", "head", (heads[0],), kept, draw(st.integers(0, 99)))
    return draw(st.sampled_from([one, Pin("mean", "pinned", tuple(heads), kept), Pin("rollout", "all", (), kept)]))


@st.composite
def views(draw: st.DrawFn) -> View:
    """Any view: each field as in a fresh one, or something else."""
    branches = tuple(moment.to_text() for moment in draw(st.lists(moments(), min_size=1, max_size=4)))
    index = st.integers(0, 2**15)
    other: dict[str, st.SearchStrategy[Any]] = {
        "branch": st.integers(0, len(branches) - 1),
        "cursor": st.integers(0, 2**31 - 1),
        "layer": index,
        "head": index,
        "shade": st.sampled_from(SHADES),
        "window": st.sampled_from(WINDOWS),
        "tab": st.sampled_from(TABS),
        "hide": st.sampled_from(HIDES),
        "keys": st.sets(index, max_size=32).map(lambda some: tuple(sorted(some))),
        "colour": st.sampled_from(TRANSFERS),
        "words": st.booleans(),
        "pins": st.lists(pins(), max_size=3).map(tuple),
        "target": st.none() | index,
        "against": st.integers(-2, 2**31 - 1),
        "reading": index,
        "lens_colour": st.sampled_from(LENS_COLOURS),
        "middle": st.booleans(),
        "follow": st.lists(index, max_size=6, unique=True).map(tuple),
        "changed": st.text(max_size=60),
        "direction": st.builds(Direction, plus=words, minus=words, plus_position=st.integers(-1, 9)),
        "parts": st.sampled_from([(), draw(st.lists(words, min_size=7, max_size=7).map(tuple))]),
        "playground": st.builds(
            Playground, st.none() | decodings.map(lambda one: replace(one, stop=())), st.sampled_from(COUNTS)
        ),
        "entry": st.none() | index,
        "precision": st.sampled_from(sorted(PRECISIONS)),
        "choices": st.dictionaries(st.from_regex(r"[a-z]{1,9}\.[a-z-]{1,9}", fullmatch=True), words, max_size=4).map(
            lambda some: tuple(sorted(some.items()))
        ),
    }
    assert {*other, "branches"} == set(View.__dataclass_fields__)
    chosen = draw(st.sets(st.sampled_from(sorted(other))))
    return View(branches, **{name: draw(other[name]) for name in sorted(chosen)})


@settings(deadline=None, max_examples=60)
@given(views(), words, st.booleans())
def test_any_view_comes_back_as_it_was(view: View, prompt: str, chat: bool) -> None:
    shared = Shared(view, prompt, chat and bool(prompt))
    text = to_text(shared)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert from_text(text) == shared


def pack(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(zlib.compress(raw)).decode().rstrip("=")


def shared_as(**changes: Any) -> dict[str, Any]:
    """A good view's content with changed fields of the view."""
    return {"tokenscope": VERSION, "view": {"branches": [MOMENT.to_text()], "cursor": 2, **changes}}


def test_what_is_as_in_a_fresh_view_may_be_missing() -> None:
    assert from_text(pack(shared_as())) == Shared(VIEW)
    short, long = to_text(Shared(VIEW)), to_text(Shared(replace(VIEW, follow=(3, 4), tab="lens")))
    assert len(short) < len(long)
    assert len(short) < 250


def test_broken_lines_of_a_mail_do_no_harm() -> None:
    text = to_text(Shared(VIEW))
    assert from_text("\n".join(text[start : start + 20] for start in range(0, len(text), 20)) + "\r\n").view == VIEW


@given(st.data())
def test_a_cut_or_altered_text_is_refused_in_words(data: st.DataObject) -> None:
    text = to_text(Shared(VIEW, "The capital"))
    cut = text[: data.draw(st.integers(0, len(text) - 3))]
    with pytest.raises(InputError, match=r"cut off or altered"):
        from_text(cut)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(VIEW.to_json())), junk)
def test_a_field_of_another_kind_is_refused_or_is_the_view(name: str, value: Any) -> None:
    try:
        view = from_text(pack(shared_as(**{name: value}))).view
    except TokenscopeError:
        return
    assert json.loads(json.dumps(view.to_json()[name])) == value


@given(junk | st.text() | st.binary())
def test_junk_is_refused(value: Any) -> None:
    for text in (value, pack(value)):
        with pytest.raises(InputError):
            from_text(text)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({**shared_as(), "tokenscope": 2}, r"version 2; this program reads version 1"),
        ({**shared_as(), "tokenscope": True}, r"version True"),
        ({**shared_as(), "tokenscope": "x" * 1000}, r"version x{20};"),
        ({**shared_as(), "prompt": 3}, r"cut off or altered"),
        ({**shared_as(), "chat": "yes"}, r"cut off or altered"),
        ({**shared_as(), "prompt": "x" * 300_000}, r"300000 characters"),
        (shared_as(branches=[MOMENT.to_text()] * (MOST_BRANCHES + 1)), r"13 branches"),
        (shared_as(branches=[MOMENT.to_text(), "bad"]), r"cannot be read"),
        (shared_as(cursor=1.5), r"cursor is 1\.5"),
        (shared_as(tab="__proto__"), r"tab is '__proto__'"),
        (b"[" * 200_000, r"cut off or altered"),
        (b" " * (MOST_JSON + 1), r"cut off or altered"),
    ],
)
def test_hostile_texts_are_refused_in_words(content: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        from_text(pack(content))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = base64.urlsafe_b64encode(zlib.compress(b"0" * 200_000_000, 9)).decode().rstrip("=")
    assert len(bomb) < MOST_TEXT
    with pytest.raises(InputError, match=r"cut off or altered"):
        from_text(bomb)
    with pytest.raises(InputError, match=r"longer than"):
        from_text("A" * (MOST_TEXT + 1))
