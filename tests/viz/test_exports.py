"""Data exports: every number arrives, no text does harm, and what is exported is what the model answers."""

import csv
import io
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load

from model_runtime import InputError, load_model
from model_runtime.records import AttentionMap, TokenTable
from viz import record_data
from viz.panels import exports
from viz.panels.asked import answers_of, asked_of
from viz.panels.attention import _in_units
from viz.panels.exports import EXPORTS, file_name
from viz.panels.scene import scene_of
from viz.panels.tabs import ALL
from viz.panels.view import View

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


def made(name, model, view):
    (download,) = [each for each in EXPORTS if each.name == name]
    return download.make(model, view)


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


def test_a_file_is_named_safely(view):
    moment = replace(view.moment, model='../../a b\u202e/c:"x"')
    assert file_name(replace(view, branches=(moment.to_text(),)), "csv") == f"c--x--attention-{view.cursor}.csv"
