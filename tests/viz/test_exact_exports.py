"""Numbers in files are those of the records, in every tab; long answers are taken along and not asked again."""

import csv
import io
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from model_runtime import load_model
from model_runtime.model import Model
from viz.panels.exports import EXPORTS
from viz.panels.pins import Pin
from viz.panels.tabs import ALL
from viz.panels.view import View

ROOT = Path(__file__).resolve().parent.parent.parent
# What a page asks in each tab that has a question of its own, and the model's method behind it.
ASKED = {
    "ablation": ({"by": "mean"}, "scan"),
    "inputs": ({"method": "leave-one-out"}, "attribution"),
    "patching": ({"part": "stream"}, "patch"),
    "beams": ({"width": 2, "steps": 2}, "beams"),
    "parts": ({"following": 0}, "leave_parts_out"),
    "cache": ({"tokens": 20}, "time_cache"),
    "masks": ({"rounds": 10}, "time_attention"),
    "positions": ({"first": "Once upon a time", "second": "The capital of Japan is"}, "packing"),
}


@pytest.fixture(scope="module")
def model():
    return load_model("builtin")


@pytest.fixture(scope="module")
def view(model):
    parts = ("You are a poet.", "Write about rain.", "", "", "", "", "")
    moment = model.begin(" ".join(parts[:2]))
    changed = next(
        text
        for word in ("fish", "sun", "dogs", "the", "it", "you", "me")
        if len(model.begin(text := f"You are a poet. Write about {word}.").ids) == len(moment.ids)
    )
    pins = (Pin("head", "head", ((1, 2),)), Pin("mean", "layer", ((2, 0),)))
    return View((moment.to_text(),), cursor=len(moment.ids) - 1, parts=parts, changed=changed, pins=pins, keys=(1,))


def made(name, model, view, detail=None):
    (download,) = [each for each in EXPORTS if each.name == name]
    return download.make(model, view, detail)


def records_of(calls, model, view):
    """Asks again what a file says was asked, by its own words: an answer that no code of the exports has touched."""
    from model_runtime import Composition, Decoding, Moment
    from model_runtime.attention_views import hide_sink, merge_words
    from model_runtime.head_distance import distance_between
    from viz.steering import difference_lengths

    known = {"model": model, "moment": view.moment, "Moment": Moment, "Composition": Composition}
    known |= {"Decoding": Decoding, "replace": replace, "hide_sink": hide_sink, "merge_words": merge_words}
    known |= {"distance_between": distance_between, "difference_lengths": difference_lengths}
    return {name: eval(call, known) for name, call in calls.items()}


def arrays_of(record, path=""):
    """The arrays of numbers of a record and of the records in it, by name."""
    found = {}
    for field in fields(record):
        value, name = getattr(record, field.name), f"{path}{field.name}"
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            found[name] = value
        elif is_dataclass(value):
            found |= arrays_of(value, f"{name}.")
    return found


@pytest.mark.parametrize("tab", [tab.name for tab in ALL])
def test_every_number_of_a_tab_is_the_records_own(model, view, tab):
    view = replace(view, tab=tab)
    records = json.loads(made("json", model, view).content)["records"]
    expected = records_of({name: record["call"] for name, record in records.items()}, model, view)
    rows = list(csv.reader(io.StringIO(made("csv", model, view).content.decode("utf-8-sig"), newline="")))[1:]
    cells = {}
    for row in rows:
        cells.setdefault((row[0], row[1]), {})[tuple(int(index) for index in row[3:10:2] if index)] = row[10]
    compared = 0
    for name, record in expected.items():
        for path, array in (arrays_of(record) if is_dataclass(record) else {}).items():
            told = records[name]
            for part in path.split("."):
                told = told["fields"][part]
            values = np.array(told["values"], np.float64 if array.dtype.kind == "f" else array.dtype)
            assert np.array_equal(values.astype(array.dtype), array, equal_nan=array.dtype.kind == "f"), (name, path)
            written = cells.get((name, path), {})
            assert len(written) == array.size, (name, path)
            for place in np.ndindex(array.shape) if array.size < 2_000 else []:
                text = written[place]
                number = text == "True" if array.dtype.kind == "b" else array.dtype.type(float(text))
                assert number == array[place] or (np.isnan(number) and np.isnan(array[place])), (name, path, place)
            compared += array.size
    assert compared > 50


@pytest.mark.parametrize("tab", sorted(ASKED))
def test_a_long_answer_is_taken_along_and_not_asked_again(tab, view, monkeypatch):
    detail, method = ASKED[tab]
    model, view = load_model("builtin"), replace(view, tab=tab)
    asked = Counter()
    for name in {method for _, method in ASKED.values()}:
        plain = getattr(Model, name)

        def counted(self, *given, _plain=plain, _name=name, **named):
            asked[_name] += 1
            return _plain(self, *given, **named)

        monkeypatch.setattr(Model, name, counted)
    quick = asked.copy()
    before = json.loads(made("json", model, view, detail).content)
    assert "start it there" in before["about"]["missing"]
    report = made("report", model, view, detail).content.decode()
    assert before["about"]["missing"] in report
    quick = asked[method]  # what the tab asks by itself, such as a gradient
    (scan,) = [each.scan for each in ALL if each.name == tab]
    answered = asked[method]
    *_, last = scan(model, view, detail)
    assert asked[method] == answered + 1
    assert last.done == last.total
    after = asked[method]
    content = json.loads(made("json", model, view, detail).content)
    assert "missing" not in content["about"]
    (extra,) = set(content["records"]) - set(before["records"])
    assert method in content["records"][extra]["call"]
    assert made("csv", model, view, detail).content.count(f"\r\n{extra},".encode()) > 3
    assert asked[method] - after <= quick  # the file asked only what it asks in any case
    other = replace(view, cursor=view.cursor, branches=(model.step(view.moment).to_text(),))
    if tab not in ("positions", "patching"):  # packing is about no text; patching is about the text up to the cursor
        assert "missing" in json.loads(made("json", model, other, detail).content)["about"]


def test_a_part_of_a_long_answer_is_exported_as_far_as_it_has_come(view):
    model, view = load_model("builtin"), replace(view, tab="ablation")
    (scan,) = [each.scan for each in ALL if each.name == "ablation"]
    parts = scan(model, view, {"by": "zero"})
    next(parts)
    parts.close()
    fields_of = json.loads(made("json", model, view, {"by": "zero"}).content)["records"]["scan"]["fields"]
    known = [change for row in fields_of["change"]["values"] for change in row if change is not None]
    assert 0 < len(known) == fields_of["done"]["values"] < fields_of["total"]["values"]


@pytest.mark.parametrize(("tab", "record"), [("attention", "attention"), ("lens", "lens"), ("ablation", "scan")])
def test_a_notebook_runs_from_top_to_bottom_in_a_fresh_python(model, view, tab, record, tmp_path):
    """With the model from its folder, as somebody opens it who was sent the file; the numbers are the view's."""
    view = replace(view.at(view.moment.without([(0, 1)]), 4), tab=tab, layer=1, head=2, hide="first")
    detail = {"by": "zero"} if tab == "ablation" else None
    if detail:
        (scan,) = [each.scan for each in ALL if each.name == tab]
        list(scan(model, view, detail))
    content = json.loads(made("notebook", model, view, detail).content)
    assert not any(cell.get("outputs") for cell in content["cells"])
    code = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
    result = tmp_path / "numbers.npz"
    code.append(f"import numpy\nnumpy.savez({str(result)!r}, drawn=values, prediction=distribution.raw)")
    script = tmp_path / "notebook.py"
    script.write_text("\n".join(code), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, script], cwd=ROOT, env=environment, check=True, capture_output=True)
    found = np.load(result)
    exported = json.loads(made("json", model, view, detail).content)["records"]
    field = {"attention": "weights", "lens": "probability", "scan": "change"}[record]
    expected = np.array(exported[record]["fields"][field]["values"], np.float64)
    np.testing.assert_allclose(found["drawn"], expected, rtol=1e-4, atol=1e-6)
    raw = np.array(exported["distribution"]["fields"]["raw"]["values"])
    np.testing.assert_allclose(found["prediction"], raw, rtol=1e-4, atol=1e-7)
