"""Hostile tokens and texts through every answer of the page: it can be sent, and labels hide nothing."""

import json
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import orjson
import pytest

from model_runtime import load_model
from model_runtime.errors import TokenscopeError
from model_runtime.model import Model
from model_runtime.moment import Moment
from tests.hostile import HOSTILE, NAME, hostile_model, hostile_prompt
from viz.panels.actions import Request
from viz.panels.answers import _ACTIONS, Answer, Desk
from viz.panels.arriving import readable
from viz.panels.bertviz import SIZES
from viz.panels.models import Models
from viz.panels.tabs import ALL
from viz.panels.view import TABS

HALF = "a\ud800b"
LONG = "<b>" * 33_334
# Texts that are shown as they were typed, in a box of their own, and not as labels.
AS_TYPED = {"prompt", "patching/original", "patching/text", "tokenizer/forms/text", "tokenizer/forms/raw/written"}
# What the widest scan of each tab is asked; the parts of a prompt need a prompt that was put together from them.
SCANS: dict[str, dict[str, Any]] = {
    "ablation": {"target": None, "by": "zero"},
    "beams": {"width": 3, "steps": 4},
    "cache": {"tokens": 20},
    "inputs": {"method": "gradient", "steps": 16},
    "masks": {"rounds": 10},
    "positions": {"first": HOSTILE["script end"], "second": HOSTILE["image"]},
    "tokenizer": {"ask": "search", "text": "<"},
}


class Keeper:
    def __init__(self) -> None:
        self.hostile = hostile_model()
        self.builtin: Model | None = None

    def get(self, name: str, progress: Any = None, *, dtype: str = "") -> Model:
        if name == NAME:
            return self.hostile
        self.builtin = self.builtin or load_model("builtin")
        return self.builtin


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(Models(Keeper(), NAME))


@pytest.fixture(scope="module")
def view(desk: Desk) -> dict[str, Any]:
    view: dict[str, Any] = desk.act("start", None, Request({}, hostile_prompt(), False))["session"]["view"]
    assert view["cursor"] == len(HOSTILE) - 1  # one token for each
    return view


def texts_of(payload: Any, place: str) -> Iterator[tuple[str, str]]:
    """Each text of a payload, keys included, with the names that lead to it."""
    if isinstance(payload, str):
        yield place, payload
    elif isinstance(payload, list | tuple):
        for one in payload:
            yield from texts_of(one, place)
    elif isinstance(payload, dict):
        for name, one in payload.items():
            yield place, str(name)
            yield from texts_of(one, f"{place}/{name}")


def check(answer: Answer) -> None:
    """An answer can be sent, comes back as it was sent, and its labels show every character that they hold."""
    assert json.loads(orjson.dumps(answer)) == json.loads(json.dumps(answer), parse_constant=lambda _: None)
    for name, payload in answer.items():
        if name == "session":
            continue
        for place, text in texts_of(payload, name):
            if place in AS_TYPED or place.endswith(("/document", "/bdata")):
                continue
            unseen = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")} - {"\n"}
            assert not unseen, (place, text[:80])


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_shows_hostile_tokens_as_text(desk: Desk, view: dict[str, Any], tab: str) -> None:
    answer = desk.act("tab", view, Request({"tab": tab}, hostile_prompt(), False))
    assert answer["message"]["kind"] == "notice", answer["message"]["text"]
    drawn = next(one for one in ALL if one.name == tab).draw
    assert set(drawn) - {"mosaic"} <= set(answer)  # the mosaic stays while the text does
    check(answer)


@pytest.mark.parametrize("what", SCANS)
def test_every_long_question_answers_in_text(desk: Desk, view: dict[str, Any], what: str) -> None:
    answers = list(desk.scan(view, {"what": what, **SCANS[what]}))
    assert answers[-1]["message"]["kind"] == "notice", answers[-1]["message"]["text"]
    for answer in answers:
        check(answer)


def test_what_the_model_writes_next_is_text(desk: Desk, view: dict[str, Any]) -> None:
    answers = list(desk.play(view, 5))
    assert "Playing" in answers[0]["message"]["text"]
    for answer in answers:
        check(answer)


def test_plotly_is_given_no_markup_and_no_field(desk: Desk, view: dict[str, Any]) -> None:
    figure = desk.act("tab", view, Request({"tab": "attention"}, "", False))["attention"]["figure"]
    names = figure["layout"]["xaxis"]["ticktext"]
    assert len(names) >= 30
    assert not any("<" in text or ">" in text for text in names)
    assert "&lt;/style&gt;&lt;b·…" in names  # entities are written whole, never cut


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("kind", ["head view", "model view"])
def test_bertvizs_document_holds_its_own_elements_alone(desk: Desk, view: dict[str, Any], kind: str) -> None:
    detail = {"kind": kind, "tokens": SIZES[-1], "layers": [0, 1]}
    answer = desk.act("build", {**view, "tab": "bertviz"}, Request(detail, "", False))
    check(answer)
    document = answer["bertviz"]["document"]
    elements = Elements()
    elements.feed(document)
    others = [tag for tag, _ in elements.found if tag not in ("script", "div", "meta", "title", "style")]
    assert others == (["label", "select"] if kind == "head view" else [])
    scripts = [attributes for tag, attributes in elements.found if tag == "script"]
    assert len(scripts) >= 4
    assert all(not attributes for attributes in scripts)
    assert document.count("</script") == len(scripts)


@pytest.mark.parametrize("name", [*HOSTILE, "half", "long"])
@pytest.mark.parametrize("default", ["builtin", NAME])
def test_every_action_answers_whatever_it_is_given(desk: Desk, default: str, name: str) -> None:
    text = readable({"half": HALF, "long": LONG}.get(name) or HOSTILE[name])
    begun = Desk(Models(desk.models._library, default))  # the loaded models are shared
    view = begun.act("start", None, Request({}, "The capital", False))["session"]["view"]
    names = (
        "text seed stop tab plus minus strength layer head position token index hide colour by against name precision"
    )
    names += " kind tokens shade window reading settings count method scope what ask model"
    detail = dict.fromkeys(names.split(), text)
    own: dict[str, dict[str, Any]] = {
        "direction": {"plus": text, "minus": text, "plus_position": -1, "minus_position": -1},
        "compose": {"texts": [text] * 6, "chat": False},
    }
    for action in [*_ACTIONS, "show", "build", text]:
        for chat in (False, True):
            answer = begun.act(action, view, Request(own.get(action, detail), text, chat))
            orjson.dumps(answer)
            assert len(answer["message"]["text"]) < 2_500, action
    for question in ({"what": text}, {"what": "tokenizer", "ask": "cut", "text": text}):
        for answer in begun.scan(view, question):
            orjson.dumps(answer)
    changed = {**view, "tab": "patching", "changed": text[:4_000]}
    check(begun.act("tab", changed, Request({"tab": "patching"}, "", False)))


@pytest.mark.parametrize("text", [*HOSTILE.values(), HALF, LONG])
def test_a_hostile_moment_is_refused_in_words(desk: Desk, text: str) -> None:
    with pytest.raises(TokenscopeError):
        Moment.from_text(text)
    answer = desk.act("step", readable({"branches": [text], "branch": 0, "cursor": 0}), Request({}, "", False))
    assert answer["message"]["kind"] == "error"
    orjson.dumps(answer)


def test_half_a_character_becomes_the_replacement_character() -> None:
    assert readable({HALF: [HALF, 1, None, {"x": "\udfff"}]}) == {"a\ufffdb": ["a\ufffdb", 1, None, {"x": "\ufffd"}]}
    assert readable("\U0001f600") == "\U0001f600"
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    assert json.dumps(readable(deep)).count("[") < 40
