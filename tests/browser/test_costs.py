"""The KV cache and cheaper attention: passes, bytes, the experiment, masks, heads and kernels on the page."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import HOSTILE, count, cursor, play, start, step

PASSES = "#cache .ts-cache-grid"
MASKS = "#masks .ts-mask"


def open_panel(page: Page, name: str) -> None:
    page.evaluate(f"() => tokenscope.act('open_tab', {{ tab: '{name}' }})")
    expect(page.locator(f"#{name} [data-drawn]").first).to_be_visible()


def number(text: str | None) -> float:
    return float(re.sub(r"[^\d.]", "", text or ""))


def test_each_step_is_a_pass_of_one_row(page: Page) -> None:
    open_panel(page, "cache")
    prompt = count(page)
    expect(page.locator("#cache .ts-cache-told")).to_contain_text(f"{prompt} rows are computed, 0 taken from the cache")
    step(page)
    step(page)
    told = page.locator("#cache .ts-cache-told")
    expect(told).to_contain_text(
        f"Pass 3 of 3, the cursor\u2019s: 1 row is computed, {prompt + 1} taken from the cache"
    )
    expect(told).to_contain_text(f"{prompt + 2} rows with the cache, {3 * prompt + 3} without")
    expect(page.locator(f"{PASSES} .ts-grid-names > div")).to_have_count(3)
    page.focus(PASSES)
    page.keyboard.press("ArrowLeft")
    expect(told).to_contain_text("Pass 2 of 3")
    assert cursor(page) == prompt


def test_bytes_of_the_ways_to_share(page: Page) -> None:
    open_panel(page, "cache")
    rows = page.locator("#cache .ts-cache-bytes tbody tr")
    expect(rows).to_have_count(4)
    own = rows.filter(has_text="this model")
    expect(own).to_contain_text("GQA")
    expect(own).to_contain_text("6.00 KiB")  # 2 x 6 layers x 4 heads x 32 x 4 bytes
    expect(page.locator("#cache .ts-cache-held")).to_contain_text(f"{6 * count(page):.1f} KiB")
    page.select_option("#cache .ts-cache-window select", "64")
    expect(rows.last).to_contain_text("newest 64 keys")
    expect(rows.last).to_contain_text("384 KiB")  # 64 tokens


def test_the_experiment_and_its_errors(page: Page) -> None:
    open_panel(page, "cache")
    page.select_option("#cache .ts-cache-tokens", "20")
    page.click("#cache .ts-start")
    expect(page.locator("#message")).to_contain_text("Both runs wrote 20 tokens", timeout=30_000)
    expect(page.locator("#cache .ts-cache-chart")).to_have_attribute("data-drawn", re.compile(r"\d"))
    expect(page.locator("#cache .ts-cache-chart .ts-time-line")).to_have_count(2)
    expect(page.locator("#cache .ts-cache-chart circle")).to_have_count(40)
    expect(page.locator("#cache .ts-cache-same")).to_contain_text("Both runs wrote the same 20 tokens")
    assert number(page.locator("#cache .ts-told").text_content().split("times")[0]) > 0
    before = page.locator("#cache .ts-cache-written").text_content()
    step(page)
    expect(page.locator("#cache .ts-told")).to_contain_text("run it again")
    written = page.locator("#token-strip [data-position]").last.text_content()
    assert before.startswith(written)
    page.locator("#cache .ts-cache-tokens option").first.evaluate("(option) => { option.value = option.text = '7'; }")
    page.select_option("#cache .ts-cache-tokens", "7")
    page.click("#cache .ts-start")
    expect(page.locator("#cache .ts-cache-wrong")).to_contain_text("number of new tokens is 7")


def test_the_experiment_can_be_cancelled(page: Page) -> None:
    open_panel(page, "cache")
    page.select_option("#cache .ts-cache-tokens", "400")
    page.click("#cache .ts-start")
    expect(page.locator("#cache .ts-cache-result")).to_be_visible()
    page.click("#cache .ts-cancel")
    expect(page.locator("#cache .ts-cancel")).to_be_hidden()
    step(page)
    done = page.locator("#cache .ts-done").text_content()
    assert number(done.split(" of ")[0]) < 400


@pytest.mark.parametrize("reach", [4, 8])
def test_masks_draw_the_cells_that_are_counted(page: Page, reach: int) -> None:
    start(page, "The dog chased the squirrel because it was fast.")
    open_panel(page, "masks")
    page.select_option("#masks .ts-mask-reach", str(reach))
    query, key = np.mgrid[: count(page), : count(page)]
    behind = query - key
    expected = {
        "Full": behind >= 0,
        "Sliding window": (behind >= 0) & (behind < reach),
        "Strided": (behind >= 0) & ((behind < reach) | (behind % reach == 0)),
    }
    expect(page.locator(MASKS)).to_have_count(3)
    for title, mask in expected.items():
        box = page.locator(MASKS).filter(has_text=title)
        expect(box.locator(".ts-token-grid")).to_have_attribute("data-cells", str(mask.sum()))
        expect(box.locator(".ts-mask-count")).to_contain_text(f"{mask.sum()} scores")
    expect(page.locator(f"{MASKS} .ts-mask-own")).to_have_text("this model: L0 to L5")


def test_shared_heads_and_their_layer(page: Page) -> None:
    open_panel(page, "masks")
    ways = page.locator("#masks .ts-sharing-picture")
    expect(ways).to_have_count(3)
    kept = [ways.nth(index).locator(".ts-kept-head").count() for index in range(3)]
    assert kept == [8, 4, 1]
    expect(ways.filter(has_text="this model")).to_contain_text("GQA")
    page.click("#masks [data-by='1']")
    expect(page.locator("#masks .ts-stepper output")).to_have_text("1")
    expect(page.locator("#masks [data-by='-1']")).to_be_enabled()


def test_kernels_on_a_token_of_twenty_steps_ago(page: Page) -> None:
    prompt = count(page)
    play(page, 20)
    open_panel(page, "masks")
    page.locator("#token-strip [data-position]").nth(prompt).click()
    page.select_option("#masks .ts-mask-rounds", "10")
    page.click("#masks .ts-start")
    expect(page.locator("#message")).to_contain_text("10 times", timeout=30_000)
    rows = page.locator("#masks .ts-kernels tbody tr")
    expect(rows).to_have_count(3)
    expect(page.locator("#masks .ts-told")).to_contain_text(f"Layer 0, {prompt + 20} tokens, 8 query heads on 4")
    expect(rows.first).to_contain_text("KiB")
    for row in rows.all()[1:]:
        difference = row.locator("td").last.text_content()
        assert "not here" in difference or float(difference.replace("\u2212", "-")) < 1e-5


def test_hostile_tokens_are_only_text(page: Page) -> None:
    start(page, HOSTILE)
    for name in ("cache", "masks"):
        open_panel(page, name)
        assert page.locator(f"#{name} img").count() == 0
