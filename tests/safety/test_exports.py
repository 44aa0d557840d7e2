"""Hostile tokens and names in everything that can be taken from the page: they stay text in every reader's hands."""

import ast
import base64
import csv
import io
import json
import re
import string
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from safetensors.numpy import load

from tests.hostile import HOSTILE, NAME, hostile_model, hostile_prompt
from tests.serving import Kept
from viz.panels.actions import Request
from viz.panels.answers import Desk
from viz.panels.exports import file_stem
from viz.panels.link import from_text
from viz.panels.models import Models
from viz.panels.sharing import DOWNLOADS, build
from viz.panels.tabs import ALL

SAFE_NAME = re.compile(r"[A-Za-z0-9-]+\.[a-z]+")
DRAWN = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "dl", "dt", "dd", "div", "span"}
DRAWN |= {"table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "svg", "rect", "text", "code"}


# The questions of the popover; a new one is asked odd things below.
ASKED = {"link", "begin", "follow", "take", "leave", "unpack"}
# All that the code of a notebook calls.
CALLED = set(
    "Moment Decoding load_model model replace go figure plotly_text visible hide_sink difference_lengths "
    "merge_words list enumerate len range zip".split()
)


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(Kept({NAME: hostile_model()}), NAME)


@pytest.fixture(scope="module")
def questions(models: Models) -> dict[str, Callable[[Any], dict[str, Any]]]:
    """What the popover may ask the server, by name."""
    return {function.__name__: function for function in build(models).server_fns}


@pytest.fixture(scope="module")
def view(models: Models) -> dict[str, Any]:
    """A view of a text with a token for each hostile text, some of them followed, pinned and asked about."""
    answer = Desk(models).act("start", None, Request({}, hostile_prompt(), False))
    view: dict[str, Any] = answer["session"]["view"]
    assert view["cursor"] == len(HOSTILE) - 1
    return {**view, "keys": [0, 1, 2], "follow": [3, 4, 5], "changed": HOSTILE["script end"]}


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check_report(content: bytes) -> None:
    text = content.decode("utf-8")
    read = Elements()
    read.feed(text)
    assert {tag for tag, _ in read.found} <= DRAWN
    named = {name for _, attributes in read.found for name in attributes}
    assert not {name for name in named if name.startswith("on") or name in ("src", "href", "srcdoc", "action")}
    policies = [attributes.get("content") for tag, attributes in read.found if tag == "meta"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policies
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert "intruder" in "".join(read.text)


def check_json(content: bytes) -> None:
    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    read = json.loads(content.decode("ascii"), parse_constant=refuse)
    assert list(read["records"]["tokens"]["fields"]["text"]["values"]) == list(HOSTILE.values())


def check_csv(content: bytes) -> None:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    for row in rows:
        for cell in row:
            assert cell.isprintable()
            if cell.startswith(("=", "+", "-", "@")):
                float(cell)  # a number, and no formula
    assert len([row for row in rows if row[:2] == ["tokens", "text"]]) == len(HOSTILE)


def check_notebook(content: bytes) -> None:
    read = json.loads(content.decode("ascii"))
    for cell in read["cells"]:
        text = "".join(cell["source"])
        assert cell.get("outputs", []) == []
        if cell["cell_type"] == "markdown":
            assert set(text) <= set(string.printable)
            assert not set("<>[]") & set(text)
            continue
        tree = ast.parse(text)
        called = {ast.unparse(node.func).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert called <= CALLED
        imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not imported or "plotly.graph_objects" in text


def check_recording(content: bytes) -> None:
    assert load(content)["streams"].shape[1] == len(HOSTILE)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    assert all(re.fullmatch(r"[\w. -]+", name) for name in header)


# What is looked at in each download: a new one has to say here what makes it safe.
CHECKS: dict[str, Callable[[bytes], None]] = {
    "report": check_report,
    "json": check_json,
    "csv": check_csv,
    "notebook": check_notebook,
    "recording": check_recording,
}


def test_every_download_and_question_is_looked_at(questions: dict[str, Any]) -> None:
    assert set(CHECKS) == {one.name for one in DOWNLOADS}
    assert set(questions) == ASKED


@pytest.mark.parametrize("tab", [tab.name for tab in ALL])
@pytest.mark.parametrize("name", CHECKS)
def test_hostile_tokens_stay_text_in_every_download(
    questions: dict[str, Any], view: dict[str, Any], name: str, tab: str
) -> None:
    begun = questions["begin"]({"name": name, "view": {**view, "tab": tab}})
    answer = questions["take"]({"ticket": begun["ticket"]})
    if "error" in answer:  # such as a tab without numbers; then there is no file, and a plain sentence
        assert name != "report"
        assert "Traceback" not in answer["error"]
        return
    assert SAFE_NAME.fullmatch(answer["name"])
    CHECKS[name](base64.b64decode(answer["content"]))


@pytest.mark.parametrize("text", HOSTILE.values())
def test_a_link_and_its_file_carry_any_text_and_are_named_safely(
    models: Models, questions: dict[str, Any], view: dict[str, Any], text: str
) -> None:
    model = models.get(NAME)
    begun = model.begin(text).to_text()
    sent = {"view": {**view, "branches": [begun], "cursor": 0, "keys": []}, "prompt": text, "mode": "raw"}
    made = questions["link"](sent)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", made["text"])
    assert SAFE_NAME.fullmatch(made["name"])
    assert from_text(made["text"]).prompt == text
    opened = questions["unpack"]({"text": made["text"]})
    assert (opened["name"], opened["detail"]["prompt"]) == (NAME, text)


@pytest.mark.parametrize("text", [*HOSTILE.values(), "\u0645\u0631\u062d\u0628\u0627", "CON", "." * 50, ""])
def test_a_models_name_makes_no_unsafe_file_name(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]{0,40}", file_stem(text))


@pytest.mark.parametrize("text", [*HOSTILE.values(), "a\ud800b", "<b>" * 33_334])
@pytest.mark.parametrize("ask", sorted(ASKED))
def test_questions_about_sharing_are_refused_in_words(
    questions: dict[str, Any], view: dict[str, Any], ask: str, text: str
) -> None:
    for sent in (
        text,
        [text],
        {"view": text, "name": text, "text": text, "prompt": text, "mode": text},
        {"view": {**view, "branches": [text]}, "name": "json", "text": {"a": text}, "ticket": text},
        {"view": {**view, "tab": text, "cursor": 10**40}, "name": [text], "prompt": 10**40},
        {"view": view, "name": 10**40, "prompt": "a\ud800b", "text": "\ud800"},
    ):
        answer = questions[ask](sent)
        json.dumps(answer).encode("ascii")
        if "error" in answer:
            assert len(answer["error"]) < 600
            assert answer["error"].endswith(".")
        else:
            assert ask in ("link", "begin", "leave")
