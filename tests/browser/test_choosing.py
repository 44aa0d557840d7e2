"""Choosing a token: settings that are tried, the filters, the nucleus, the draws; and the tree of a beam search."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.actions import HOSTILE, count, cursor, open_tab, play, start, text, tokens, wait_for

CARDS = "#choosing .ts-step-card"
NODES = "#beams .ts-node"


def open_choosing(page: Page) -> None:
    open_tab(page, "Choosing")
    expect(page.locator(CARDS).first).to_be_visible()


def search(page: Page, width: int, steps: int) -> None:
    page.select_option("#beams .ts-beam-width", str(width))
    page.select_option("#beams .ts-beam-steps", str(steps))
    page.click("#beams .ts-start")
    expect(page.locator("#message")).to_contain_text(f"with {width} beam")


def test_settings_are_tried_without_changing_the_pages(page: Page) -> None:
    open_choosing(page)
    expect(page.locator("#choosing .ts-no-filter")).to_be_visible()
    page.click("#choosing [data-try=careful]")
    expect(page.locator(CARDS)).to_have_count(3)
    expect(page.locator("#choosing .ts-try-says")).to_contain_text("T 0.7, top-p 0.9")
    expect(page.locator("#decoding .ts-summary")).to_have_text("greedy")
    page.locator("#choosing [data-name=top_k]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"{CARDS} h4").nth(2)).to_have_text("top-k 1")
    expect(page.locator(f"{CARDS} .ts-facts-line").nth(2)).to_contain_text("1 token kept")
    expect(page.locator("#choosing .ts-nucleus-says")).to_contain_text("The first 1 token")
    page.click("#choosing .ts-use")
    expect(page.locator("#decoding .ts-summary")).to_contain_text("T 0.7, top-k 1, top-p 0.9")
    expect(page.locator("#choosing .ts-use")).to_be_disabled()


def test_draws_are_counted_and_the_first_is_the_step(page: Page) -> None:
    open_choosing(page)
    page.click("#choosing [data-try=bold]")
    page.select_option("#choosing .ts-count", "10000")
    expect(page.locator("#choosing .ts-draws-says")).to_contain_text("10,000 fair draws")
    numbers = page.locator("#choosing .ts-draw-row .ts-number").all_text_contents()
    assert sum(int(number.split(" / ")[0].replace(",", "")) for number in numbers) == 10_000
    page.click("#choosing .ts-again")
    expect(page.locator("#choosing .ts-taken-says")).to_contain_text("with seed 1")
    said = str(page.locator("#choosing .ts-taken-says").text_content())
    drawn = said.rsplit("\u201c", 1)[1].split("\u201d")[0]
    page.click("#choosing .ts-use")
    expect(page.locator("#decoding .ts-summary")).to_contain_text("seed 1")
    before = count(page)
    page.click("#step")
    wait_for(page, before + 1)
    assert tokens(page).last.text_content() == drawn


def test_a_bad_setting_is_told_beside_the_form(page: Page) -> None:
    open_choosing(page)
    page.fill("#choosing input[name=top_p]", "3")
    expect(page.locator("#choosing-form")).to_have_attribute("data-error", re.compile("top_p is 3"))
    page.click("#choosing [data-try=greedy]")
    expect(page.locator("#choosing input[name=top_p]")).to_have_value("1")
    expect(page.locator("#choosing-form")).not_to_have_attribute("data-error", re.compile("top_p"))


def test_the_tree_and_its_results(page: Page) -> None:
    open_tab(page, "Beams")
    expect(page.locator("#beams .ts-winner")).to_be_visible()  # a short search needs no asking
    search(page, 3, 4)
    expect(page.locator("#beams .ts-beam-row")).to_have_count(4)
    scores = page.locator("#beams .ts-beam-row:not(.ts-greedy-row) .ts-number:last-child").all_text_contents()
    values = [float(score.replace("\u2212", "-")) for score in scores]
    assert values == sorted(values, reverse=True)
    assert page.locator(f"{NODES}.ts-best").count() == page.locator(f"{NODES}.ts-greedy").count() == 4
    assert page.locator(f"{NODES}.ts-fate-kept").count() == 12
    every = page.locator(NODES).count()
    page.uncheck("#beams .ts-show-dropped")
    assert page.locator(NODES).count() < every


def test_the_tree_by_keyboard_and_what_it_writes(page: Page) -> None:
    open_tab(page, "Beams")
    expect(page.locator("#beams .ts-winner")).to_be_visible()
    search(page, 2, 3)
    before = count(page)
    page.locator("#beams .ts-beam-tree").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#beams .ts-beam-said")).to_contain_text("total")
    expect(page.locator(f"{NODES}.ts-chosen")).to_have_count(1)
    assert count(page) == before  # the arrow key belongs to the tree
    row = page.locator("#beams .ts-beam-row").nth(1)
    row.click()
    expect(row).to_have_attribute("aria-pressed", "true")
    written = str(row.locator(".ts-beam-text").text_content())
    page.click("#beams .ts-write")
    wait_for(page, before + 3)
    assert text(page).endswith(written)
    expect(page.locator("#beams .ts-told")).to_contain_text("search again")


def test_a_token_of_twenty_steps_ago(page: Page) -> None:
    first = cursor(page)
    play(page, 20)
    tokens(page).nth(first).click()
    open_choosing(page)
    top = page.locator("#next-token .ts-label").first.text_content()
    expect(page.locator(f"{CARDS} .ts-label").first).to_have_text(str(top))
    open_tab(page, "Beams")
    search(page, 1, 5)
    written = "".join(tokens(page).all_text_contents()[first + 1 : first + 6])
    expect(page.locator("#beams .ts-beam-text").first).to_have_text(written)


def test_hostile_tokens_in_a_narrow_dark_window(open_page: Callable[..., Page]) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    start(page, HOSTILE)
    open_choosing(page)
    page.click("#choosing [data-try=bold]")
    expect(page.locator(CARDS)).to_have_count(3)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    open_tab(page, "Beams")
    expect(page.locator("#beams .ts-winner")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.locator("#beams img, #choosing img").count() == 0
