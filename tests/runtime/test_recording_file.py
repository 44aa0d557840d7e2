"""Saved recordings against the model's own records, stock attention, and the page that describes the format."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from model_runtime import BadRecording, FeatureUnavailable, OutOfRange, load_recording
from model_runtime.recording_arrays import ARRAYS
from tests.runtime.comparison import some_ids, stepped, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import HYBRID, VOCABULARY

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "recording-format.md").read_text(encoding="utf-8")
IDS = some_ids(20, VOCABULARY)


def saved(model, path, ids=IDS):
    moment = stepped(model, ids)
    model.save_recording(moment, path)
    return moment, load_recording(path)


@pytest.mark.parametrize("family", ["llama", "gemma2", "phi3", "bloom", "gpt_oss", "falcon:alibi", "lfm2"])
def test_a_file_gives_stock_attention_and_the_models_own_streams(family, tmp_path):
    pair, model = pair_of(family)
    moment, read = saved(model, tmp_path / "text.safetensors")
    assert (read.moment, read.ids.tolist(), read.text) == (moment, list(IDS), model.tokens(moment).text)
    stock = iter(weights for weights in stock_answers(pair.stock, IDS).attention if weights is not None)
    attending = 0
    for layer in range(3):
        if family in HYBRID and read.layers[layer] is None:
            with pytest.raises(FeatureUnavailable, match="no attention"):
                read.weights(layer, 0)
            continue
        attending += 1
        expected = next(stock)
        for head in range(4):
            found, own = read.weights(layer, head), model.attention(moment, layer, head)
            assert np.abs(found - expected[head][:, : len(IDS)]).max() < 1e-5
            assert np.abs(found - own.weights).max() < 1e-6
            assert np.abs(1 - found.sum(-1) - own.sink).max() < 1e-5
            assert np.array_equal(read.visible(layer), own.visible)
    assert attending == (1 if family in HYBRID else 3)
    for stream in range(4):
        assert np.array_equal(read.streams[stream], model.hidden(moment, stream))
    table, newest = model.tokens(moment), model.distribution(moment, top=None)
    assert np.array_equal(read.surprisal, table.surprisal, equal_nan=True)
    assert np.array_equal(read.rank, table.rank)
    assert np.array_equal(read.newest[newest.ids], newest.logits)


def test_what_attention_added_leads_to_the_midpoint(tmp_path):
    _, model = pair_of("llama")
    moment, read = saved(model, tmp_path / "text.safetensors")
    table = model.residual(moment)
    lengths = np.linalg.norm(read.attended.astype(np.float64), axis=-1)
    assert np.abs(lengths - table.attention_norm).max() < 1e-4 * table.attention_norm.max()


def test_interventions_travel_along(tmp_path):
    _, model = pair_of("llama")
    plain, before = saved(model, tmp_path / "plain.safetensors")
    moment = plain.without([(0, 1)])
    model.save_recording(moment, tmp_path / "off.safetensors")
    after = load_recording(tmp_path / "off.safetensors")
    assert after.moment == moment
    assert np.array_equal(after.streams[0], before.streams[0])
    assert np.abs(after.streams[1] - before.streams[1]).max() > 1e-3


def test_a_long_text_of_which_less_is_kept_is_saved_whole(tmp_path):
    from model_runtime.model import Model
    from tests.runtime.families import build
    from tests.runtime.tokenizers_for_tests import byte_level

    small = Model(build("llama", {}).model, byte_level(), name="small", recording="residual")
    moment, read = saved(small, tmp_path / "text.safetensors")
    assert np.abs(read.weights(1, 2) - small.attention(moment, 1, 2).weights).max() < 1e-6


def test_the_page_names_what_a_file_holds(tmp_path):
    names, headers = set(), set()
    for family in ("gpt_oss", "bloom"):  # with sinks, with a bias
        _, model = pair_of(family)
        saved(model, tmp_path / "text.safetensors")
        with safe_open(tmp_path / "text.safetensors", framework="numpy") as file:
            headers |= set(file.metadata())
            names |= {re.sub(r"\.\d+$", ".", name) for name in file.keys()}  # noqa: SIM118
    tables = re.findall(r"^\| `([a-z.]+)` \|", PAGE, re.MULTILINE)
    assert set(tables) == names | headers | {"seen."}
    assert set(ARRAYS) == names | {"seen."}
    rows = re.findall(r"^\| `([a-z.]+)` \| (.+?) \| (\w+) \|(.*?)\| (.+) \|$", PAGE, re.MULTILINE)
    assert {name: (axes, dtype, unit.strip(), meaning) for name, axes, dtype, unit, meaning in rows} == {
        name: (", ".join(facts.axes), facts.dtype, facts.unit, facts.meaning) for name, facts in ARRAYS.items()
    }


def test_keys_that_are_no_run_are_read_from_their_bits(tmp_path):
    _, model = pair_of("llama")
    _, read = saved(model, tmp_path / "text.safetensors")
    visible = np.tri(len(IDS), dtype=bool)
    visible[10, 3:8] = False  # the model's own choice may leave holes
    bits = np.zeros((len(IDS), 3), np.uint8)
    for query, key in np.argwhere(visible):
        bits[query, key // 8] |= 1 << (key % 8)
    chosen = replace(read, seen=(bits, None, None))
    assert np.array_equal(chosen.visible(0), visible)
    assert not chosen.weights(0, 0)[10, 3:8].any()


def test_reading_needs_no_torch(tmp_path):
    _, model = pair_of("llama")
    saved(model, tmp_path / "text.safetensors")
    code = (
        "import sys; from model_runtime import load_recording; load_recording(sys.argv[1]).weights(0, 0); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "text.safetensors")], cwd=ROOT, check=True)


def test_damaged_and_foreign_files_are_refused_by_name(tmp_path):
    _, model = pair_of("llama")
    path = tmp_path / "text.safetensors"
    _, read = saved(model, path)
    with pytest.raises(OutOfRange, match="Layer 3"):
        read.weights(3, 0)
    with pytest.raises(OutOfRange, match="Head 4"):
        read.weights(0, 4)
    with safe_open(path, framework="numpy") as file:
        header = file.metadata()
    arrays = load_file(path)
    cases = {
        "no recording": ({}, arrays),
        "version": ({**header, "version": "2"}, arrays),
        "fit": (header, {**arrays, "streams": arrays["streams"][:2]}),
        "do not fit": (header, {name: array for name, array in arrays.items() if name != "queries.1"}),
        "cannot be read": ({**header, "moment": "nonsense"}, arrays),
        "not float32": (header, {**arrays, "keys.0": arrays["keys.0"].astype(np.float64)}),
    }
    for message, (metadata, content) in cases.items():
        save_file(content, path, metadata)
        with pytest.raises(BadRecording, match=message):
            load_recording(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadRecording, match="cut short"):
        load_recording(path)
    with pytest.raises(FileNotFoundError):
        load_recording(tmp_path / "missing.safetensors")
