"""A part of a head is the same as that part of the whole, and costs what the part costs."""

from base64 import b64decode

import numpy as np
import pytest

from model_runtime import OutOfRange
from model_runtime.attention_views import hide_sink, merge_words
from tests.runtime.comparison import BOUND, moment_of, some_ids, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import VOCABULARY
from viz.attention_map import attention_measure
from viz.panels import attention as panel
from viz.panels.scene import Scene, scene_of
from viz.panels.view import View

IDS = some_ids(24, VOCABULARY)
WORDS = np.array([0, 0, 1, 2, 2, 2, 3, 4, 4, 5, 5, 6, 6, 6, 7, 8, 8, 9, 10, 10, 11, 12, 12, 13])


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma2", "gpt_oss"])
@pytest.mark.parametrize(("begin", "end"), [(0, 24), (9, 17), (23, 24), (0, 1)])
def test_some_queries_of_a_head_are_those_of_stock(family, begin, end):
    pair, model = pair_of(family)
    expected = stock_answers(pair.stock, IDS).attention
    for layer in range(3):
        shown = model.attention(moment_of(model, IDS), layer, 2, begin, end)
        assert shown.weights.shape == shown.visible.shape == (end - begin, end)
        assert np.abs(shown.weights - expected[layer][2, begin:end, :end]).max() < BOUND
        assert np.allclose(shown.weights.sum(1) + shown.sink, 1, atol=1e-6)


@pytest.mark.parametrize("hidden", [(), (0,), (0, 5, 20)])
@pytest.mark.parametrize(("begin", "end"), [(3, 11), (9, 24), (0, 7)])
def test_hiding_and_words_of_a_part_are_those_of_the_whole(llama, hidden, begin, end):
    """The parts begin and end where words do."""
    moment = moment_of(llama, IDS)
    whole = merge_words(hide_sink(llama.attention(moment, 1, 1), hidden), WORDS)
    part = merge_words(
        hide_sink(llama.attention(moment, 1, 1, begin, end), [one for one in hidden if one < end]), WORDS[:end]
    )
    rows, columns = slice(WORDS[begin], WORDS[end - 1] + 1), WORDS[end - 1] + 1
    assert part.begin == WORDS[begin]
    assert np.allclose(part.weights, whole.weights[rows, :columns], atol=1e-6)
    assert np.array_equal(part.visible, whole.visible[rows, :columns])
    assert (part.hidden is None) == (not hidden)
    if hidden:
        assert np.allclose(part.hidden, whole.hidden[rows], atol=1e-6)


@pytest.mark.parametrize(("begin", "end"), [(-1, 4), (4, 4), (5, 4), (3, 25)])
def test_queries_that_do_not_exist_are_refused(llama, begin, end):
    with pytest.raises(OutOfRange, match="positions 0 to 23"):
        llama.attention(moment_of(llama, IDS), 0, 0, begin, end)


def test_the_panel_asks_for_its_window_only(llama, monkeypatch):
    """What is drawn is the same as from the whole map, however little was computed."""
    moment = moment_of(llama, IDS * 2)
    asked: list[int] = []
    ask = llama.attention

    def counted(moment, layer, head, begin=0, end=None):
        asked.append(end - begin)
        return ask(moment, layer, head, begin, end)

    def everything(scene, begin, end):
        return hide_sink(ask(moment, 1, 2), llama.hiding(moment, scene.hide))

    monkeypatch.setattr(llama, "attention", counted)
    for words, hide in ((False, "none"), (False, "first"), (True, "none")):
        view = View(branches=(moment.to_text(),), cursor=44, window=16, layer=1, head=2, words=words, hide=hide)
        drawn, side = panel.draw(scene_of(llama, view)), panel.draw_side(scene_of(llama, view))
        with monkeypatch.context() as patch:
            patch.setattr(Scene, "attention_from", everything)
            if words:
                patch.setattr(panel, "merge_words", lambda whole, part: merge_words(whole, llama.words(moment)))
            expected, beside = panel.draw(scene_of(llama, view)), panel.draw_side(scene_of(llama, view))
        shares = [payload.pop("hidden") for payload in (drawn, expected)]
        assert (shares[0] is None) == (hide == "none")
        assert shares[0] is None or shares[0]["row"] == pytest.approx(shares[1]["row"], abs=1e-6)
        assert_close(drawn, expected)
        assert_close(side | {"hidden": None}, beside | {"hidden": None})
    assert max(asked) < len(moment.ids)


def assert_close(found, expected):
    """Payloads whose packed arrays agree."""
    assert type(found) is type(expected)
    if isinstance(found, dict) and "bdata" in found:
        mine, theirs = (np.frombuffer(b64decode(part["bdata"]), part["dtype"]) for part in (found, expected))
        assert np.allclose(mine, theirs, atol=1e-6, equal_nan=True)
    elif isinstance(found, dict):
        assert found.keys() == expected.keys()
        for name in found:
            assert_close(found[name], expected[name])
    elif isinstance(found, list):
        assert len(found) == len(expected)
        for mine, theirs in zip(found, expected, strict=True):
            assert_close(mine, theirs)
    else:
        assert found == expected


def test_the_strip_is_shaded_as_by_the_whole_map(llama):
    moment = moment_of(llama, IDS)
    part = attention_measure(llama.attention(moment, 1, 2, 10, 20), 17, len(IDS)).values
    assert np.allclose(part, attention_measure(llama.attention(moment, 1, 2), 17).values, atol=1e-7, equal_nan=True)


def test_a_mosaic_that_would_take_minutes_is_not_drawn_and_says_why(llama, monkeypatch):
    """What is known already is not counted: a step adds its own row to each head."""
    moment = moment_of(llama, IDS)
    llama._shelf.clear()
    view = View(branches=(moment.to_text(),), cursor=20)
    assert llama.mosaic_weights(moment) == 3 * 4 * len(IDS) ** 2
    monkeypatch.setitem(panel.MOST_WEIGHTS, "cpu", 1000)
    told = panel.draw_mosaic(scene_of(llama, view))["unavailable"]
    assert "12 heads over 24 tokens" in told
    llama.mosaic(moment)
    longer = llama.step(moment)
    assert llama.mosaic_weights(longer) == 3 * 4 * (len(IDS) + 1)
    assert "cells" in panel.draw_mosaic(scene_of(llama, view.at(longer)))
