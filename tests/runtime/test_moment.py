"""A moment survives its trip through a link, and nothing but a whole moment comes out of one."""

import base64
import json
import string
import zlib
from contextlib import suppress
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import BadDecoding, BadMoment, Decoding, Moment, OutOfRange

decodings = st.builds(
    Decoding,
    temperature=st.one_of(st.just(0.0), st.floats(0.001, 100)),
    top_k=st.integers(0, 1000),
    top_p=st.floats(0.001, 1),
    min_p=st.floats(0, 1),
    repetition_penalty=st.floats(0.01, 100),
    seed=st.integers(0, 2**63 - 1),
    stop=st.lists(st.text(min_size=1, max_size=20), max_size=4).map(tuple),
)


@st.composite
def moments(draw):
    ids = tuple(draw(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=50)))
    return Moment(
        model=draw(st.text(max_size=40)),
        revision=draw(st.text(max_size=40)),
        fingerprint=draw(st.text(max_size=12)),
        ids=ids,
        prompt_length=draw(st.integers(0, len(ids))),
        decoding=draw(decodings),
    )


MOMENT = Moment("builtin", "", "abc", (1, 5, 9, 4), 2)


def packed(content):
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(content).encode())).rstrip(b"=").decode()


@given(moments())
def test_round_trip(moment):
    text = moment.to_text()
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")
    assert Moment.from_text(text) == moment


@given(st.text(max_size=300))
def test_any_text_is_refused_in_one_way(text):
    with pytest.raises(BadMoment):
        Moment.from_text(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from("vmrfipd"), json_values), json_values)
def test_any_content_is_refused_in_one_way_or_is_a_moment(content, anything):
    for value in ({"v": 1, **content}, anything, {"v": 1, "i": [1], "d": content, "p": 1}):
        try:
            moment = Moment.from_text(packed(value))
        except BadMoment:
            continue
        assert Moment.from_text(moment.to_text()) == moment


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_link_never_raises_anything_else(place, letter):
    text = MOMENT.to_text()
    place %= len(text)
    damaged = text[:place] + chr(letter) + text[place + 1 :]
    with suppress(BadMoment):
        Moment.from_text(damaged)
    with pytest.raises(BadMoment):
        Moment.from_text(text[:-4])


def test_a_link_that_would_fill_the_memory_is_refused():
    bomb = base64.urlsafe_b64encode(zlib.compress(b" " * 50_000_000, 9)).decode()
    assert len(bomb) < 100_000
    with pytest.raises(BadMoment, match="cannot be read"):
        Moment.from_text(bomb)
    with pytest.raises(BadMoment, match="longer than"):
        Moment.from_text("A" * 3_000_000)


def test_deep_nesting_and_newer_versions_are_refused():
    deep = base64.urlsafe_b64encode(zlib.compress(b"[" * 100_000)).decode()
    with pytest.raises(BadMoment):
        Moment.from_text(deep)
    with pytest.raises(BadMoment, match="version 3"):
        Moment.from_text(packed({"v": 3}))
    with pytest.raises(BadMoment):
        Moment.from_text(None)


def test_a_thousand_tokens_stay_small():
    ids = tuple((i * 7919) % 4000 for i in range(1000))
    assert len(replace(MOMENT, ids=ids).to_text()) < 6000


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": ()},
        {"ids": [1, 2]},
        {"ids": (1, -2)},
        {"ids": (1, 2**31)},
        {"ids": (1, True)},
        {"ids": (1, 2.0)},
        {"prompt_length": 5},
        {"prompt_length": -1},
        {"prompt_length": True},
        {"model": 3},
        {"decoding": {}},
    ],
)
def test_moments_that_cannot_be(changes):
    with pytest.raises(BadMoment):
        replace(MOMENT, **changes)


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"temperature": 1e-9},
        {"temperature": "1"},
        {"temperature": True},
        {"top_k": -1},
        {"top_k": 1.5},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"min_p": 1.1},
        {"repetition_penalty": 0.0},
        {"repetition_penalty": float("nan")},
        {"seed": -1},
        {"seed": 2**63},
        {"stop": "end"},
        {"stop": ("",)},
        {"stop": (3,)},
        {"stop": ("x",) * 17},
        {"stop": ("x" * 201,)},
    ],
)
def test_settings_outside_their_range_name_themselves(setting):
    with pytest.raises(BadDecoding, match=next(iter(setting)).split("_")[0]):
        Decoding(**setting)


def test_moments_are_values():
    with pytest.raises(FrozenInstanceError):
        MOMENT.ids = (1,)
    assert hash(MOMENT) == hash(replace(MOMENT))
    assert MOMENT.grown(7, 8).ids == (1, 5, 9, 4, 7, 8)
    assert MOMENT.grown(7).prompt_length == 2
    assert MOMENT.cut(3) == replace(MOMENT, ids=(1, 5, 9))
    assert MOMENT.cut(1).prompt_length == 1
    for length in (0, 5, -1):
        with pytest.raises(OutOfRange, match="1 to 4"):
            MOMENT.cut(length)
