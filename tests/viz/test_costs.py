import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import Moment
from model_runtime.cache_records import CacheTable, CacheTiming, CacheWay
from model_runtime.errors import InputError
from model_runtime.mask_records import KernelTime, KernelTiming, MaskChoice, MaskTable, OwnMask
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import VOCABULARY
from viz.cache import bytes_payload, formula, passes_payload, smoothed, timing_payload
from viz.masks import kernels_payload, masks_payload, sharing_payload
from viz.panels import cache as cache_panel
from viz.panels import masks as masks_panel
from viz.panels.scene import scene_of
from viz.panels.view import View
from viz.payload import unpack
from viz.sizes import bytes_text, layers_text, time_text
from viz.window import Window

LABELS = ["The", "·cat", "</script>", "${7*6}", "·on", "·a", "·mat"]
MOMENT = Moment("builtin", "", "print", tuple(range(7)), 4)


def integers(*values: int) -> Any:
    return np.array(values, np.int64)


def way(name: str, own: bool, shared: Any, window: Any, now: int = 10) -> CacheWay:
    return CacheWay(name, shared, window, own, per_token=2048, now=now, full=3 * 2**20)


def table(**changed: Any) -> CacheTable:
    shared, none = integers(2, 0, 2), integers(0, 0, 0)
    facts: dict[str, Any] = {
        "begin": integers(0, 4, 5, 6),
        "end": integers(4, 5, 6, 7),
        "heads": integers(4, 0, 4),
        "key_value_heads": shared,
        "key_width": integers(8, 0, 8),
        "value_width": integers(8, 0, 8),
        "window": integers(16, 0, 0),
        "held": integers(896, 0, 896),
        "states": integers(0, 640, 0),
        "item_bytes": 4,
        "context": 64,
        "ways": (
            way("MHA", False, integers(4, 0, 4), none),
            way("GQA", True, shared, none),
            way("MQA", False, integers(1, 0, 1), none),
            way("window", True, shared, integers(16, 0, 0)),
            way("window", False, shared, integers(32, 0, 32)),
        ),
        "reason": "",
    }
    return CacheTable(**(facts | changed))


class TestWords:
    def test_bytes(self) -> None:
        sizes = (1, 999, 1024, 6144, 12_582_912, 150 * 2**30)
        assert [bytes_text(size) for size in sizes] == [
            *("1 byte", "999 bytes", "1.00 KiB", "6.00 KiB", "12.0 MiB", "150 GiB"),
        ]

    def test_times(self) -> None:
        times = (2.5e-6, 0.0123, 0.5, 1.25, 61.0)
        assert [time_text(seconds) for seconds in times] == ["2.50 µs", "12.3 ms", "500 ms", "1.25 s", "61.0 s"]

    @given(st.sets(st.integers(0, 12)))
    def test_layers_name_each_and_no_other(self, layers: set[int]) -> None:
        named: set[int] = set()
        for run in filter(None, layers_text(sorted(layers)).split(", ")):
            ends = [int(end.removeprefix("L")) for end in run.split(" to ")]
            named |= set(range(ends[0], ends[-1] + 1))
        assert named == layers


class TestPasses:
    def test_the_prompt_then_a_pass_a_token(self) -> None:
        payload = passes_payload(table(), LABELS, 5, Window(0, 7, 7))
        assert payload["passes"] == [("prompt", 0, 4), ("4 ·on", 4, 5), ("5 ·a", 5, 6), ("6 ·mat", 6, 7)]
        assert payload["here"] == 2
        counts = payload["counts"]
        assert (counts["computed"], counts["cached"], counts["pass"], counts["passes"]) == (1, 5, 3, 4)
        assert (counts["with"], counts["without"]) == (7, 4 + 5 + 6 + 7)
        json.dumps(payload)

    def test_a_cursor_in_the_prompt_is_about_its_one_pass(self) -> None:
        payload = passes_payload(table(), LABELS, 2, Window(0, 7, 7))
        assert payload["here"] == 0
        assert (payload["counts"]["computed"], payload["counts"]["cached"]) == (4, 0)

    def test_a_window_shows_the_passes_that_reach_into_it(self) -> None:
        assert [row[0] for row in passes_payload(table(), LABELS, 6, Window(5, 7, 7))["passes"]] == ["5 ·a", "6 ·mat"]
        inside = passes_payload(table(), LABELS, 1, Window(0, 2, 7))
        assert [row[0] for row in inside["passes"]] == ["prompt"]
        assert inside["here"] == 0

    def test_without_a_cache_every_pass_computes_all_rows(self) -> None:
        payload = passes_payload(table(begin=integers(0, 0, 0, 0), reason="No cache"), LABELS, 6, Window(0, 7, 7))
        assert payload["counts"]["computed"] == 7
        assert payload["counts"]["with"] == payload["counts"]["without"] == 22
        assert payload["reason"] == "No cache"


class TestBytes:
    def test_ways_are_the_records(self) -> None:
        payload = bytes_payload(table(), 7)
        ways = payload["ways"]
        assert [one["name"] for one in ways] == ["MHA", "GQA", "MQA", "window", "window"]
        assert [one["own"] for one in ways] == [False, True, False, True, False]
        assert [one["window"] for one in ways] == [0, 0, 0, 0, 32]
        assert ways[0]["bytes"] == {"per_token": 2048, "now": 10, "full": 3 * 2**20}
        assert ways[0]["words"] == {"per_token": "2.00 KiB", "now": "10 bytes", "full": "3.00 MiB"}
        assert ways[1]["says"] == "2 key/value heads a layer, each for 2 query heads"
        other = table(ways=(way("GQA", False, integers(2, 0, 2), integers(0, 0, 0)),))
        assert bytes_payload(other, 7)["ways"][0]["says"].startswith("for example 2 key/value heads")
        assert ways[2]["says"] == "1 key/value head a layer for all 4 query heads"
        assert "newest 32 keys" in ways[4]["says"]
        assert (payload["held"], payload["tokens"], payload["context"]) == ("1.75 KiB", 7, 64)
        assert payload["states"] == "L1 keep a running state instead: 640 bytes, however long the text."
        assert payload["windowed"] == "This model's own windows: 16 tokens in L0."
        json.dumps(payload)

    def test_the_formula_is_the_arithmetic(self) -> None:
        assert formula(table()) == (
            "2 layers \u00d7 2 key/value heads \u00d7 2 \u00d7 8 numbers \u00d7 4 bytes = 256 bytes a token"
        )
        wide = table(key_width=integers(12, 0, 8))
        assert "(12 + 8) numbers" in formula(wide)
        assert formula(wide).endswith("= 288 bytes a token")

    def test_nothing_kept_has_no_formula(self) -> None:
        nothing = integers(0, 0, 0)
        bare = table(key_value_heads=nothing, key_width=nothing, value_width=nothing, held=nothing, ways=())
        assert formula(bare) == ""
        assert bytes_payload(bare, 7)["ways"] == []


def timing(cached: list[float], plain: list[float], other: bool = False) -> CacheTiming:
    ids = np.array([[5] * len(cached)] * 2, np.int64)
    ids[1, -1] += other
    seconds = np.array([cached, plain], np.float32)
    return CacheTiming(30, 40, seconds, ids, (" <b>",) * len(cached), "cpu", "float32")


class TestExperiment:
    def test_totals_ratio_and_ends(self) -> None:
        record = timing([0.1] + [0.01] * 20, [0.1] + [0.01 * count for count in range(1, 21)])
        payload = timing_payload(record)
        assert payload["totals"] == ["300 ms", "2.20 s"]
        assert payload["ratio"] == "7.33"
        assert payload["first"] == ["100 ms", "100 ms"]
        assert payload["early"] == ["10.0 ms", "55.0 ms"]
        assert payload["late"] == ["10.0 ms", "155 ms"]
        assert np.array_equal(unpack(payload["seconds"]), record.seconds)
        assert (payload["done"], payload["total"], payload["start"]) == (21, 40, 30)
        assert payload["same"]
        assert payload["written"].startswith("·<b>·<b>")
        json.dumps(payload)

    def test_different_tokens_are_told(self) -> None:
        assert not timing_payload(timing([0.1, 0.2], [0.1, 0.2], other=True))["same"]

    def test_after_one_token_there_are_no_ends(self) -> None:
        assert timing_payload(timing([0.1], [0.2]))["early"] == ["\u2013", "\u2013"]

    @given(st.lists(st.floats(2**-13, 8, width=32), min_size=1, max_size=40))
    def test_the_line_is_a_running_median_and_the_first_pass_is_not_in_it(self, times: list[float]) -> None:
        seconds = np.array([times, times[::-1]], np.float32)
        lines = smoothed(seconds)
        assert (lines[:, 0] == seconds[:, 0]).all()
        for run in (0, 1):
            for place in range(1, len(times)):
                near = sorted(seconds[run, max(1, place - 4) : place + 5].tolist())
                middle = len(near) // 2
                expected = near[middle] if len(near) % 2 else (near[middle - 1] + near[middle]) / 2
                assert lines[run, place] == pytest.approx(expected, rel=1e-6)


class TestMasks:
    masks = MaskTable(
        tokens=7,
        own=(
            OwnMask((0, 2), integers(0, 0, 0, 1, 2, 3, 4), 18),
            OwnMask((1,), np.zeros(7, np.int64), 28),
        ),
        without=(3,),
        choices=(MaskChoice("full", 0, 28), MaskChoice("sliding", 3, 18), MaskChoice("strided", 3, 21)),
        reason="",
    )

    def test_counts_and_shares(self) -> None:
        payload = masks_payload(self.masks, Window(3, 6, 7))
        assert [one["share"] for one in payload["choices"]] == [1.0, 18 / 28, 21 / 28]
        sliding, full = payload["own"]
        assert (sliding["layers"], sliding["full"], sliding["scores"]) == ("L0, L2", False, 18)
        assert unpack(sliding["starts"]).tolist() == [1, 2, 3]
        assert full["full"]
        assert payload["without"] == "L3 have no attention that can be read."
        json.dumps(payload)

    def test_a_reason_stands_for_all_layers(self) -> None:
        unknown = MaskTable(7, (), (0, 1), self.masks.choices, "Switched off.")
        payload = masks_payload(unknown, Window(0, 7, 7))
        assert (payload["own"], payload["without"], payload["reason"]) == ([], "", "Switched off.")

    def test_heads_are_the_layers(self) -> None:
        payload = sharing_payload(table(), 0)
        assert payload["heads"] == 4
        assert [(one["name"], one["shared"], one["own"]) for one in payload["sharing"]] == [
            *(("MHA", 4, False), ("GQA", 2, True), ("MQA", 1, False)),
        ]
        assert payload["sharing"][0]["per_token"] == "2.00 KiB"
        assert sharing_payload(table(), 1)["heads"] == 0


class TestKernels:
    def test_medians_quartiles_and_reasons(self) -> None:
        times = np.array([3e-3, 1e-3, 2e-3, 4e-3, 100.0], np.float32)
        record = KernelTiming(
            layer=1,
            tokens=7,
            heads=4,
            key_value_heads=2,
            head_width=8,
            kernels=(
                KernelTime("eager", "", times, 0.0, 784),
                KernelTime("SDPA", "", times / 2, 9.01e-7, 0),
                KernelTime("FlashAttention", "none here", times[:0], float("nan"), 0),
            ),
            done=5,
            total=30,
            measured=False,
            device="cpu",
            dtype="float32",
        )
        payload = kernels_payload(record)
        eager, sdpa, flash = payload["kernels"]
        assert (eager["median"], eager["quartiles"], eager["memory"]) == ("3.00 ms", "2.00 ms to 4.00 ms", "784 bytes")
        assert (eager["share"], sdpa["share"]) == (1.0, 0.5)
        assert (eager["error"], sdpa["error"], sdpa["memory"]) == ("0", "9.0e\u221207", "none")
        assert flash["reason"] == "none here"
        assert payload["of"] == "Layer 1, 7 tokens, 4 query heads on 2 key/value heads, 8 wide, float32 on cpu"
        json.dumps(payload)


class TestPanels:
    view = View((MOMENT.to_text(),), layer=9)

    @pytest.mark.parametrize("detail", [{"tokens": 7}, {"tokens": 10**9}, {"tokens": None}, {"tokens": "100"}])
    def test_other_numbers_of_tokens_are_refused(self, detail: dict[str, Any]) -> None:
        model: Any = None
        with pytest.raises(InputError, match="use one of"):
            next(cache_panel.scanned(model, self.view, detail))

    @pytest.mark.parametrize("detail", [{"rounds": 7}, {"rounds": 10**9}, {"rounds": True}])
    def test_other_numbers_of_rounds_are_refused(self, detail: dict[str, Any]) -> None:
        model: Any = None
        with pytest.raises(InputError, match="use one of"):
            next(masks_panel.scanned(model, self.view, detail))

    def test_the_last_part_says_what_was_found(self) -> None:
        parts = [timing([0.1] * count, [0.3] * count) for count in (1, 40)]
        model: Any = type("Stub", (), {"time_cache": staticmethod(lambda moment, tokens: iter(parts))})()
        *_, last = cache_panel.scanned(model, self.view, {"tokens": 20})
        assert (last.done, last.total) == (40, 20)
        assert last.payload["moment"] == MOMENT.to_text()
        assert last.payload["ratio"] == "3.00"


FAMILIES = ["phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3", "openai-gpt", "bloom", "lfm2", "mamba"]


@pytest.mark.parametrize("family", FAMILIES)
def test_both_tabs_draw_every_kind_of_model(family: str) -> None:
    _, model = pair_of(family)
    moment = moment_of(model, some_ids(20, VOCABULARY, seed=5), 12)
    scene = scene_of(model, View((moment.to_text(),), cursor=19, layer=1))
    cached, masked = cache_panel.draw(scene), masks_panel.draw(scene)
    json.dumps([cached, masked])
    assert cached["counts"]["without"] == sum(range(12, 21))
    assert cached["counts"]["computed"] == (20 if cached["reason"] else 1)
    assert bool(cached["formula"]) == bool(masked["heads"]) == (family not in ("openai-gpt", "mamba"))
    assert sum(way["own"] for way in cached["ways"] if way["name"] != "window") == bool(cached["formula"])
    assert bool(masked["own"]) != bool(masked["reason"])
