import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import Decoding, Moment, TokenscopeError
from viz.panels.actions import describe_decoding, read_decoding, write_decoding
from viz.panels.view import MOST_BRANCHES, View

MOMENT = Moment("builtin", "", "f", (1, 2, 3), 2)
GOOD = View((MOMENT.to_text(),), cursor=2).to_json()


def test_a_view_travels_unchanged() -> None:
    assert View.from_json(json.loads(json.dumps(GOOD))).to_json() == GOOD
    assert View.from_json(GOOD).moment == MOMENT


junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=3)


@given(st.sampled_from(sorted(GOOD)), junk)
def test_a_damaged_view_is_refused_or_readable(field: str, value: Any) -> None:
    with suppress(TokenscopeError):
        assert View.from_json({**GOOD, field: value}).to_json()[field] == value


def test_branches_are_bounded_and_the_main_one_stays() -> None:
    view = View((MOMENT.to_text(),))
    for token in range(40):
        view = view.branched(MOMENT.grown(token))
    assert len(view.branches) == MOST_BRANCHES
    assert view.branches[0] == MOMENT.to_text()
    assert view.moment.ids == (1, 2, 3, 39)


@given(
    st.builds(
        Decoding,
        temperature=st.sampled_from([0.0, 0.8, 1.0]),
        top_k=st.integers(0, 100),
        top_p=st.sampled_from([0.5, 0.9, 1.0]),
        seed=st.integers(0, 2**40),
        stop=st.sampled_from([(), ("\n",), ("end", "two\nlines")]),
    )
)
def test_settings_survive_their_fields(decoding: Decoding) -> None:
    assert asdict(read_decoding(write_decoding(decoding))) == asdict(decoding)


def test_summaries() -> None:
    assert describe_decoding(Decoding()) == "greedy"
    assert describe_decoding(Decoding(temperature=0.8, top_p=0.9)) == "T 0.8, top-p 0.9, seed 0"


@pytest.mark.parametrize("fields", [{"temperature": "warm"}, {"top_k": "1.5"}, {"top_p": "2"}, {"seed": "-1"}])
def test_bad_settings_are_refused_in_words(fields: dict[str, str]) -> None:
    with pytest.raises(TokenscopeError, match=r"use"):
        read_decoding(fields)
