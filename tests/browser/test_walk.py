"""The walk through the chapter, with the keyboard alone; a stop opened by a link; a reload; what a try does."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.actions import cursor, step, text
from viz.chapter import STOPS

COUNT = "#walk .ts-walk-count"
# What is drawn: the largest of these has a size that a person could read something from.
DRAWN = "svg, canvas, table, ol, ul, textarea, [role=group], [role=img], [role=slider], [role=tree]"
SHOWS = """tab => {
  const panel = document.querySelector(`#panel-${tab}`);
  const drawn = [...panel.querySelectorAll('%s')].map((one) => one.getBoundingClientRect());
  return panel.getBoundingClientRect().width > 0 && panel.innerText.trim().length > 20
    && drawn.some(({ width, height }) => width > 120 && height > 10);
}"""


def at_stop(page: Page, number: int) -> None:
    """Waits for a stop, its address and its tab, with something drawn in it."""
    stop = STOPS[number - 1]
    expect(page.locator(COUNT)).to_have_text(f"Stop {number} of 12")
    expect(page).to_have_url(re.compile(rf"[?&]stop={number}\b"))
    expect(page.locator("body")).to_have_attribute("data-tab", stop.tab)
    page.wait_for_function(SHOWS % DRAWN, arg=stop.tab)
    expect(page.locator("#walk .ts-walk-try")).to_have_count(len(stop.tries))
    assert not page.locator("#message .ts-error").count()


def press_until(page: Page, key: str, focused: str) -> None:
    """Presses a key until the element has the focus."""
    for _ in range(60):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement?.matches(selector)", focused):
            return
    raise AssertionError(f"{focused} is not reached by {key}")


def test_from_1_to_12_with_the_keyboard_alone(page: Page) -> None:
    expect(page.locator("#walk .ts-walk-stop")).to_be_hidden()
    press_until(page, "Tab", "#walk .ts-walk-open")
    page.keyboard.press("Enter")
    at_stop(page, 1)
    before = text(page)
    for number in range(2, 13):
        page.keyboard.press("Enter" if number % 2 else ".")  # the button to the next stop has the focus
        at_stop(page, number)
    assert text(page) == before  # looking around keeps the text
    expect(page.locator("#walk .ts-walk-next")).to_be_disabled()
    press_until(page, "Tab", "#panel-parts .ts-begin")
    page.keyboard.press("Enter")
    expect(page.locator("#panel-parts .ts-parts-strip")).not_to_be_empty()
    page.keyboard.press(",")
    at_stop(page, 11)
    press_until(page, "Shift+Tab", "#walk .ts-walk-close")
    page.keyboard.press("Enter")
    expect(page.locator("#walk .ts-walk-stop")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("stop="))
    page.keyboard.press(".")  # a closed walk goes nowhere
    expect(page.locator("#walk .ts-walk-stop")).to_be_hidden()


def test_a_link_opens_a_stop_and_a_reload_keeps_the_tab(open_page: Callable[..., Page]) -> None:
    page = open_page("/?other=1&stop=5", ready=COUNT)
    at_stop(page, 5)
    expect(page).to_have_url(re.compile(r"\?other=1&stop=5$"))
    page.evaluate("() => tokenscope.act('open_tab', { tab: 'loop' })")
    expect(page.locator("body")).to_have_attribute("data-tab", "loop")
    page.reload()
    expect(page.locator(COUNT)).to_have_text("Stop 5 of 12")
    expect(page.locator("body")).to_have_attribute("data-tab", "loop")
    page.select_option("#walk .ts-walk-all", "0")
    at_stop(page, 1)


def test_a_stop_that_does_not_exist_opens_nothing(open_page: Callable[..., Page]) -> None:
    page = open_page("/?stop=13")
    expect(page.locator("#walk .ts-walk-open")).to_be_visible()
    expect(page.locator("#walk .ts-walk-stop")).to_be_hidden()


def test_a_try_begins_anew_and_selects_what_it_is_about(open_page: Callable[..., Page]) -> None:
    page = open_page("/?stop=7", ready=COUNT)
    at_stop(page, 7)
    before = text(page)
    assert "squirrel" not in before
    tries = page.locator("#walk .ts-walk-try")
    expect(tries.first).to_contain_text("begins anew with “The dog chased")
    tries.first.click()
    expect(page.locator("#token-strip .ts-cursor")).to_have_text(re.compile("it$"))
    expect(page.locator("#token-strip .ts-asked")).to_have_count(2)
    page.keyboard.press(".")
    at_stop(page, 8)
    tries.first.click()
    expect(page.locator("#panel-inside")).to_contain_text("L4 H3")
    page.select_option("#walk .ts-walk-all", "0")
    at_stop(page, 1)
    tries.nth(1).click()
    expect(page.locator("#steps input")).to_have_value("500")
    expect(page.locator("#prompt textarea")).to_have_value(re.compile("university"))


def test_the_loop_and_the_streams(page: Page) -> None:
    page.evaluate("() => tokenscope.act('open_tab', { tab: 'loop' })")
    rows = page.locator("#loop .ts-loop-row")
    expect(rows).to_have_count(1)
    first = cursor(page)
    step(page)
    step(page)
    expect(rows).to_have_count(3)
    expect(page.locator("#loop .ts-loop-in h4")).to_have_text(f"Text in: {first + 3} tokens")
    expect(rows.first.locator(".ts-loop-token")).to_have_text("·Tokyo")
    rows.first.click()
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", str(first))
    expect(page.locator("#loop .ts-loop-out .ts-token")).to_have_text("·Tokyo")
    expect(page.locator("#loop .ts-loop-back")).to_contain_text(f"{first + 2} tokens")
    page.evaluate("() => tokenscope.act('open_tab', { tab: 'streams' })")
    tracks = page.locator("#streams .ts-stream")
    expect(tracks).to_have_count(first + 3)
    here = page.locator("#streams .ts-stream.ts-here")
    expect(here).to_have_attribute("data-position", str(first))
    expect(here.locator(".ts-stream-out")).to_have_text("·Tokyo")
    expect(here.locator(".ts-stream-came")).to_have_text("✓ · used")
    expect(page.locator("#streams .ts-later")).to_have_count(2)
    tracks.last.click()
    expect(here).to_have_attribute("data-position", str(first + 2))
    numbers = page.locator("#streams .ts-context-key b").all_text_contents()
    assert numbers == [str(first + 1), "2", f"{1024 - first - 3:,}", "1,024"]


def test_a_full_context_is_shown_with_its_error(page: Page) -> None:
    """The text is filled to the limit at once; a step then answers what the tab has announced."""
    page.evaluate("() => tokenscope.act('open_tab', { tab: 'streams' })")
    told = page.locator("#streams .ts-context-told")
    expect(told).to_contain_text("a step answers")
    page.evaluate("() => tokenscope.act('append', { text: ' a b c d e f g h'.repeat(127) + ' a b c' })")
    expect(page.locator("#streams .ts-context")).to_have_class(re.compile("ts-full"))
    expect(told).to_contain_text("The context is full.")
    words = str(told.text_content()).removeprefix("The context is full. ")
    page.click("#step")
    expect(page.locator("#message .ts-error")).to_have_text(words)
