"""The map of the model and one block."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.actions import HOSTILE, count, open_tab, start, step

FLOW = "#model-map .ts-flow"


def test_the_map_shows_the_prompts_shapes_and_leads_everywhere(page: Page) -> None:
    start(page, "The capital of Japan is")
    open_tab(page, "Map")
    tokens = count(page)
    shapes = page.locator(f"{FLOW} .ts-shape code:first-child")
    expect(shapes).to_contain_text([f"[1, {tokens}]", f"[1, {tokens}, 256]", f"[1, {tokens}, 4096]"])
    step(page)
    expect(shapes.first).to_have_text(f"[1, {tokens}]")  # the prompt's, whatever was written since
    expect(page.locator("#model-map .ts-treemap .ts-figure")).to_have_attribute("data-drawn", re.compile(r"\d"))
    page.locator(f"{FLOW} .ts-box-blocks button", has_text="3").click()
    expect(page.locator("#block .ts-block-title")).to_contain_text("Block 3 of 0 to 5")
    open_tab(page, "Map")
    page.locator("#model-map .ts-map-part", has_text="attention of all blocks").click()
    expect(page.get_by_role("tab", name="Attention", exact=True)).to_have_attribute("aria-selected", "true")


def test_the_tree_folds_and_opens_views_by_the_keyboard(page: Page) -> None:
    open_tab(page, "Map")
    tree = page.locator("#model-map .ts-tree")
    expect(tree).to_contain_text("(0-5): 6 x Phi3DecoderLayer(")
    mlp = tree.locator("[data-path$='.mlp'] > code")
    expect(mlp).to_be_visible()
    page.click("#model-map [data-fold=close]")
    expect(mlp).to_be_hidden()
    tree.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(tree.locator("[data-path=lm_head] > code")).to_be_visible()
    expect(mlp).to_be_hidden()
    page.click("#model-map [data-fold=open]")
    tree.locator("button[data-of$='.mlp']").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Neurons", exact=True)).to_have_attribute("aria-selected", "true")


def test_a_block_beside_the_original(page: Page) -> None:
    open_tab(page, "Block")
    host = page.locator("#block .ts-block-own .ts-block-host")
    expect(host).to_have_attribute("data-drawn", re.compile(r"\d"))
    expect(host.locator(".ts-residual-line")).to_have_count(2)
    expect(page.locator("#block .ts-block-old .ts-node")).to_have_count(6)
    expect(page.locator("#block .ts-block-facts tr", has_text="Kind of norm")).to_contain_text("≠RMSNormLayerNorm")
    expect(page.locator("#block [data-by='-1']")).to_be_disabled()
    page.click("#block [data-by='1']")
    expect(page.locator("#block .ts-stepper output")).to_have_text("1")
    host.locator(".ts-node-MLP").click()
    expect(page.get_by_role("tab", name="Neurons", exact=True)).to_have_attribute("aria-selected", "true")
    open_tab(page, "Block")
    expect(page.locator("#block .ts-stepper output")).to_have_text("1")
    page.locator("#block .ts-block-told button", has_text="open Attention").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Attention", exact=True)).to_have_attribute("aria-selected", "true")


def test_hostile_tokens_in_a_narrow_dark_window(open_page: Callable[..., Page]) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    start(page, HOSTILE)
    for tab, shown in (("Map", "#model-map .ts-map-part"), ("Block", "#block .ts-node")):
        open_tab(page, tab)
        expect(page.locator(shown).first).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        assert page.locator("#model-map img, #block img").count() == 0
