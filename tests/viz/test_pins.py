import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import Moment, TokenscopeError
from viz.panels.pins import MOST_PINS, Pin, read_pins
from viz.panels.view import View

MOMENT = Moment("builtin", "", "f", (1, 2, 3), 2)
PINS = (
    Pin("head", "head", ((2, 5),)),
    Pin("head", "head", ((2, 5),), MOMENT.to_text(), 1),
    Pin("mean", "layer", ((3, 0),)),
    Pin("rollout", "all", ()),
    Pin("maximum", "pinned", ((0, 1), (2, 5), (3, 3), (4, 4))),
)


def test_pins_travel_with_the_view_unchanged() -> None:
    sent = View((MOMENT.to_text(),), pins=PINS).to_json()
    assert View.from_json(json.loads(json.dumps(sent))).pins == PINS


def test_an_older_view_has_none() -> None:
    sent = View((MOMENT.to_text(),)).to_json()
    del sent["pins"]
    assert View.from_json(sent).pins == ()


def test_names() -> None:
    names = [pin.name for pin in PINS]
    assert names == [
        "L2 H5",
        "L2 H5",
        "mean of layer 3",
        "rollout of all heads",
        "maximum of L0 H1, L2 H5, L3 H3 and 1 more",
    ]


junk = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.lists(st.integers(), max_size=3)


@given(st.sampled_from(PINS), st.sampled_from(["method", "scope", "heads", "moment", "cursor"]), junk | st.lists(junk))
def test_a_damaged_pin_is_refused_or_readable(pin: Pin, field: str, value: Any) -> None:
    with suppress(TokenscopeError):
        (found,) = read_pins([{**pin.to_json(), field: value}])
        assert json.loads(json.dumps(found.to_json()))[field] == value


@pytest.mark.parametrize("content", [None, "pins", [1], [{}] * (MOST_PINS + 1), [{"method": []}]])
def test_what_is_no_list_of_pins_is_refused(content: object) -> None:
    with pytest.raises(TokenscopeError, match="Reload"):
        read_pins(content)
