"""Data exports: every number arrives, no text does harm, and what is exported is what the model answers."""

import ast
import csv
import io
import json
from dataclasses import dataclass, fields, replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load

from model_runtime import Decoding, FeatureUnavailable, InputError, load_model
from model_runtime.records import AttentionMap, Distribution, TokenTable
from viz import record_data
from viz.calls import Call, Name
from viz.panels import exports
from viz.panels.asked import answers_of, asked_of
from viz.panels.attention import _in_units
from viz.panels.exports import EXPORTS, file_name
from viz.panels.scene import scene_of
from viz.panels.tabs import ALL
from viz.panels.view import View
from viz.report import Drawing, write_report
from viz.token_strip import labels_of

HOSTILE = ("=1+1", "+2", "-3", "@SUM(A1)", "\t=1", "</script>", "a\x00b", "\u202eabc", "\ud800", 'x,"y"\r\nz', "")


@pytest.fixture(scope="module")
def model():
    return load_model("builtin")


@pytest.fixture(scope="module")
def view(model):
    moment = model.begin("The capital of Japan is")
    return View((moment.to_text(),), cursor=len(moment.ids) - 1)


def hostile_table():
    count = len(HOSTILE)
    return TokenTable(
        ids=np.arange(count),
        text=HOSTILE,
        bytes=tuple(text.encode("utf-8", "replace") for text in HOSTILE),
        surprisal=np.linspace(0, 3, count, dtype=np.float32),
        rank=np.arange(count) - 1,
        entropy=np.array([np.nan, *[1] * (count - 1)], np.float32),
        special=np.zeros(count, np.bool_),
        prompt_length=2,
    )


def made(name, model, view, detail=None):
    (download,) = [each for each in EXPORTS if each.name == name]
    return download.make(model, view, detail)


@pytest.mark.parametrize("tab", [tab.name for tab in ALL])
def test_every_tab_exports_what_the_model_answers(model, view, tab):
    view = replace(view, tab=tab, keys=(1,), follow=(5,))
    content = json.loads(made("json", model, view).content)
    assert content["about"]["moment"] == view.moment.to_text()
    records = content["records"]
    raw = model.distribution(view.moment, view.cursor, top=20).raw
    assert np.array_equal(np.array(records["distribution"]["fields"]["raw"]["values"], np.float32), raw)
    rows = list(csv.reader(io.StringIO(made("csv", model, view).content.decode("utf-8-sig"), newline="")))
    assert {len(row) for row in rows} == {11}
    assert {row[0] for row in rows[1:]} == set(records)


def test_the_attention_of_the_window_is_the_heads_own(model, view):
    view = replace(view, layer=1, head=2)
    content = json.loads(made("json", model, view).content)
    weights = content["records"]["attention"]["fields"]["weights"]
    assert (weights["axes"], weights["dtype"]) == (["query", "key"], "float32")
    expected = model.attention(view.moment, 1, 2).weights
    assert np.array_equal(np.array(weights["values"], np.float32), expected)
    assert weights["range"] == [0, pytest.approx(expected.max())]
    assert content["records"]["attention"]["call"].startswith("model.attention(moment, 1, 2")
    rows = csv.reader(io.StringIO(made("csv", model, view).content.decode("utf-8-sig"), newline=""))
    cells = {(int(row[3]), int(row[5])): np.float32(row[10]) for row in rows if row[:2] == ["attention", "weights"]}
    assert {place: cells[place] for place in np.ndindex(expected.shape)} == {
        place: expected[place] for place in np.ndindex(expected.shape)
    }


def test_hidden_tokens_and_words_are_exported_as_they_are_shown(model, view):
    for changed in (replace(view, hide="first"), replace(view, words=True), replace(view, hide="first", words=True)):
        scene = scene_of(model, changed)
        exported = answers_of(scene, asked_of(scene))["attention"][1]
        shown, _ = _in_units(scene)
        assert np.array_equal(exported.weights, shown.weights)
        assert np.array_equal(exported.visible, shown.visible)


def test_what_heads_being_off_changed_is_exported(model, view):
    off = view.at(view.moment.without([(0, 0)]), view.cursor)
    records = json.loads(made("json", model, off).content)["records"]
    assert records["unchanged"]["fields"]["raw"]["values"] != records["distribution"]["fields"]["raw"]["values"]


def test_no_text_becomes_a_formula_or_hides():
    table = hostile_table()
    rows = list(csv.reader(io.StringIO(record_data.to_csv({"tokens": ("", table)}).decode("utf-8-sig"), newline="")))
    cells = [row[10] for row in rows if row[:2] == ["tokens", "text"]]
    assert len(cells) == len(HOSTILE)
    for cell in cells:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert cell.isprintable()
    numbers = [row[10] for row in rows if row[:2] == ["tokens", "rank"]]
    assert numbers[0] == "-1"
    content = record_data.to_json({"tokens": ("", table)}, {})
    assert content.isascii()
    read = json.loads(content)["records"]["tokens"]["fields"]
    assert read["text"]["values"] == list(HOSTILE)
    assert read["entropy"]["values"][0] is None
    assert "nats" in read["surprisal"]["meaning"]
    assert read["surprisal"]["axes"] == ["token"]


@given(st.text())
def test_a_cell_is_seen_whole_and_is_never_a_formula(text):
    cell = record_data.safe_cell(text)
    assert cell.isprintable()
    assert not cell.startswith(("=", "+", "-", "@"))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_reads_back_as_itself(number):
    weights = np.full((1, 1), number, np.float32)
    record = AttentionMap(0, 0, 0, weights, np.ones((1, 1), np.bool_), np.zeros(1, np.float32), None, "float32")
    read = json.loads(record_data.to_json({"a": ("", record)}, {}))["records"]["a"]["fields"]["weights"]["values"]
    assert np.float32(read[0][0]) == np.float32(number)


def test_too_much_is_refused_before_it_is_written():
    @dataclass(frozen=True)
    class Large:
        values: np.ndarray

    with pytest.raises(InputError, match="2,000,001"):
        record_data.to_csv({"large": ("", Large(np.zeros(2_000_001, np.float32)))})


def test_the_recording_is_the_models_own(model, view, monkeypatch):
    file = made("recording", model, view)
    assert np.array_equal(load(file.content)["streams"][2], model.hidden(view.moment, 2))
    estimate = exports._recording_size(model.card(), len(view.moment.ids))
    assert 0.9 < len(file.content) / estimate < 1.3
    monkeypatch.setattr(exports, "MOST_RECORDING", 1000)
    with pytest.raises(InputError, match="save_recording"):
        made("recording", model, view)


@pytest.mark.parametrize("tab", ["attention", "lens", "contributions", "choosing"])
def test_a_notebook_gives_the_numbers_of_the_page(model, view, tab):
    view = replace(view.at(view.moment.without([(0, 1)]), 3), tab=tab, layer=1, head=2, hide="first")
    content = json.loads(made("notebook", model, view).content)
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    known = {}
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), known)
    scene = scene_of(model, view)
    asked = asked_of(scene)
    for name, (_, expected) in answers_of(scene, asked).items():
        found = known[name]
        for field in fields(expected):
            value = getattr(expected, field.name)
            if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
                np.testing.assert_allclose(getattr(found, field.name), value, rtol=1e-4, atol=1e-5)
    drawn = known["figure"].data[0]
    picture = asked.picture.of({name: answer for name, (_, answer) in answers_of(scene, asked).items()})
    np.testing.assert_allclose(drawn.z if picture.ndim == 2 else drawn.y, picture, rtol=1e-4, atol=1e-5)


@given(st.text(max_size=40), st.text(max_size=10))
def test_no_text_becomes_code_in_a_notebook(name, stop):
    call = Call("model.draws", (Name("moment"), Decoding(stop=(stop,) if stop else ())), (("name", name),))
    tree = ast.parse(json.loads(json.dumps(call.source())).encode("utf-8", "backslashreplace").decode(), mode="eval")
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert len(calls) == 2
    assert ast.literal_eval(calls[0].keywords[0].value) == name


class Reader(HTMLParser):
    """Lists the tags, attributes and text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.mark.parametrize("tab", ["attention", "heads", "contributions", "map"])
def test_a_report_stands_alone_and_holds_the_numbers(model, view, tab):
    page = made("report", model, replace(view, tab=tab, layer=1, head=2)).content.decode("utf-8")
    assert len(page) < 1_000_000
    found = read(page)
    assert not {"script", "img", "link", "iframe", "object", "a"} & set(found.tags)
    assert not [value for name, value in found.attributes if name in ("src", "href") or name.startswith("on")]
    assert "url(" not in page
    assert "prefers-color-scheme: dark" in page
    for probability in model.distribution(view.moment, view.cursor, top=20).raw:
        assert f"{float(probability):.6g}" in found.text
    if tab == "attention":
        weights = model.attention(view.moment, 1, 2).weights
        opacities = [float(value) for name, value in found.attributes if name == "fill-opacity"]
        assert opacities == pytest.approx((weights[weights > 0] / weights.max()).tolist(), abs=6e-4)
        told = [text.rpartition(": ")[2] for text in found.text if text.startswith(("The 0, ", "·is 4, "))]
        shown = [weight for row in (0, 4) for weight in weights[row] if weight > 0]
        assert told == [f"{float(weight):.6g}" for weight in shown]  # what a cell says under the pointer


def test_hostile_tokens_stay_text_in_a_report():
    table = hostile_table()
    labels = labels_of(table)
    shape = np.linspace(0.2, 0.01, len(HOSTILE), dtype=np.float32)
    record = Distribution(
        position=1,
        ids=table.ids,
        text=HOSTILE,
        raw=shape,
        final=shape.copy(),
        logits=shape.copy(),
        stages=(),
        chosen=None,
        choice=0,
        entropy=1.0,
        vocabulary_size=99,
        other_raw=0.1,
        other_final=0.1,
    )
    drawing = Drawing("<b>", shape, (), labels)
    answers = {"<i>": ("</code><script>", table)}
    page = write_report({"<u>": '"><script>alert(1)</script>'}, table, labels, record, drawing, answers, ["<s>"])
    found = read(page)
    assert not {"script", "b", "i", "u", "s"} & set(found.tags)
    assert "".join(found.text).count('"><script>alert(1)</script>') == 1
    assert all(character.isprintable() or character == "\n" for character in page)
    assert page.encode("utf-8").decode("utf-8") == page
    for label in labels:
        assert label in found.text


def test_a_long_text_makes_no_large_report():
    count = 30_000
    table = TokenTable(
        ids=np.arange(count),
        text=("word",) * count,
        bytes=(b"word",) * count,
        surprisal=np.ones(count, np.float32),
        rank=np.arange(count),
        entropy=np.ones(count, np.float32),
        special=np.zeros(count, np.bool_),
        prompt_length=2,
    )
    one = np.ones(1, np.float32)
    after = Distribution(count - 1, np.zeros(1, np.int64), ("x",), one, one, one, (), None, 0, 0.0, 1, 0.0, 0.0)
    drawing = Drawing("a map", np.random.default_rng(0).random((900, 900)), ["r"] * 900, ["c"] * 900)
    page = write_report({}, table, ["word"] * count, after, drawing, {"tokens": ("", table)}, [])
    assert len(page) < 5_000_000
    assert "Of 900 x 900 values the last 64 x 64 are drawn." in page


def test_a_report_tells_what_a_model_does_not_have(model, view, monkeypatch):
    def off(*args, **named):
        raise FeatureUnavailable("The lens of this model is switched off.")

    monkeypatch.setattr(type(model), "lens", off)
    page = made("report", model, replace(view, tab="lens")).content.decode("utf-8")
    assert "The lens of this model is switched off." in page
    assert "<svg" not in page
    with pytest.raises(FeatureUnavailable):
        made("json", model, replace(view, tab="lens"))


def test_a_file_is_named_safely(view):
    moment = replace(view.moment, model='../../a b\u202e/c:"x"')
    assert file_name(replace(view, branches=(moment.to_text(),)), "csv") == f"c--x--attention-{view.cursor}.csv"
