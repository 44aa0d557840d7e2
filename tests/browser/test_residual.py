"""The residual stream: lengths, turns, the map, likeness, one vector."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.actions import HOSTILE, count, cursor, play, start, tokens

GRID = "#residual .ts-table-grid"
MAP = "#residual .ts-map-box"


def open_residual(page: Page) -> None:
    page.evaluate("() => tokenscope.act('open_tab', { tab: 'residual' })")
    expect(page.locator(GRID)).to_have_attribute("data-drawn", re.compile(r"\d"))


def press_times(page: Page, selector: str, times: int) -> None:
    for _ in range(times):
        page.click(selector)


def test_a_cell_moves_the_cursor_and_the_stream_everywhere(page: Page) -> None:
    open_residual(page)
    cells = page.locator(f"{GRID} canvas").bounding_box()
    names = page.locator(f"{GRID} .ts-grid-names").bounding_box()
    assert cells
    assert names
    row = names["height"] / page.locator(f"{GRID} .ts-grid-names > div").count()
    page.mouse.move(cells["x"] + 4, cells["y"] + row / 2)
    expect(page.locator(".ts-tip")).to_contain_text("(0), stream")
    expect(page.locator(".ts-tip")).to_contain_text("length")
    page.mouse.click(cells["x"] + 4, cells["y"] + row / 2)  # the top row: what leaves the last block
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", "0")
    expect(page.locator("#residual .ts-residual-title")).to_contain_text("(0) in stream")
    expect(page.locator("#residual [data-by='1']")).to_be_disabled()
    page.locator(GRID).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", "1")
    expect(page.locator("#residual [data-by='1']")).to_be_enabled()


def test_the_four_grids(page: Page) -> None:
    open_residual(page)
    of = page.locator("#residual .ts-of")
    for name, word in (
        ("turn", "cosine"),
        ("attention", "attention"),
        ("mlp", "MLP"),
        ("norm", "length of the vector"),
    ):
        page.click(f"#residual [data-grid={name}]")
        expect(of).to_contain_text(word)
        expect(page.locator(f"#residual [data-grid={name}]")).to_have_attribute("aria-pressed", "true")


def test_the_vector_that_is_listed_is_the_cursors_in_the_stream(page: Page) -> None:
    open_residual(page)
    first = page.locator("#residual .ts-largest .ts-number").first
    before = first.text_content()
    shown = int(page.locator("#residual .ts-stepper output").text_content() or 0)
    press_times(page, "#residual [data-by='-1']", 2)
    expect(page.locator("#residual .ts-vector-of")).to_contain_text(f"in stream {shown - 2}")
    expect(first).not_to_have_text(str(before))
    listed = page.locator("#residual .ts-largest .ts-number").all_text_contents()
    sizes = [abs(float(text.replace("\u2212", "-"))) for text in listed]
    assert sizes == sorted(sizes, reverse=True)
    top = page.locator("#residual .ts-vector-high").text_content()
    assert abs(sizes[0] - float(str(top).removeprefix("+"))) <= 0.01 * sizes[0]


def test_the_map_moves_and_its_marks_are_buttons(page: Page) -> None:
    open_residual(page)
    expect(page.locator(f"{MAP} [data-position]")).to_have_count(count(page))
    here = page.locator(f"{MAP} .ts-here")
    before = here.get_attribute("style")
    page.locator("#residual .ts-slider").focus()
    page.keyboard.press("End")
    expect(page.locator(MAP)).not_to_have_attribute("data-stream", "0")
    expect(here).not_to_have_attribute("style", str(before))
    expect(page.locator("#residual .ts-stepper output")).not_to_have_text("0")
    expect(page.locator(f"{MAP} .ts-map-stop")).to_have_count(int(page.get_attribute(MAP, "data-stream") or 0) + 1)
    here.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", str(count(page) - 2))


def test_a_token_of_twenty_steps_ago(page: Page) -> None:
    open_residual(page)
    first = cursor(page)
    play(page, 20)
    tokens(page).nth(first + 1).click()
    expect(page.locator("#residual .ts-residual-title")).to_contain_text(f"({first + 1}) in stream")
    page.click("#residual [data-pairs=centred]")
    expect(page.locator("#residual .ts-own-title")).to_contain_text(f"({first + 1}) from stream to stream")
    expect(page.locator("#residual .ts-pairs-grid")).to_have_attribute("data-row", str(first + 1))


def test_hostile_tokens_in_a_narrow_dark_window(open_page: Callable[..., Page]) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    start(page, HOSTILE)
    open_residual(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.locator("#residual img").count() == 0
    expect(page.locator(f"{MAP} [data-position]").first).to_be_attached()
