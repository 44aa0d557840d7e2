"""The logit lens: the grid, one cell in full, tokens followed through the layers."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import HOSTILE, bars, count, open_tab, play, start, step, tokens

GRID = "#lens .ts-lens-grid"


def open_lens(page: Page) -> Locator:
    open_tab(page, "Logit lens")
    page.wait_for_selector(f"{GRID}[data-drawn]")
    return page.locator(GRID)


def names(page: Page) -> list[str]:
    """The names of the rows, the output's first."""
    return page.locator("#lens .ts-reading option").all_text_contents()


def followed(page: Page) -> Locator:
    return page.locator("#lens .ts-followed code")


def height_of(page: Page) -> float:
    box = page.locator("#lens .ts-lens-all").bounding_box()
    assert box
    return box["height"]


def test_a_click_reads_a_cell_and_moves_the_cursor(page: Page) -> None:
    grid = open_lens(page)
    canvas = page.locator(f"{GRID} canvas").bounding_box()
    assert canvas
    page.mouse.move(canvas["x"] + 100, canvas["y"] + 36)
    expect(page.locator(".ts-tip")).to_contain_text("final choice")
    page.mouse.click(canvas["x"] + 100, canvas["y"] + 36)  # the second token, the row under the output
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", "1")
    expect(grid).to_have_attribute("data-position", "1")
    expect(page.locator("#lens .ts-cell-title")).to_contain_text("(1)")
    below = page.locator("#lens .ts-reading option").nth(1)
    expect(page.locator("#lens .ts-reading")).to_have_value(str(below.get_attribute("value")))


def test_arrow_keys_and_the_list_choose_a_row(page: Page) -> None:
    grid = open_lens(page)
    end = count(page) - 1
    page.select_option("#lens .ts-reading", "0")
    expect(grid).to_have_attribute("data-reading", "0")
    grid.focus()
    page.keyboard.press("ArrowUp")
    expect(grid).to_have_attribute("data-reading", "1")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", str(end - 1))
    assert "after attention 0" in str(grid.get_attribute("aria-valuetext"))
    assert count(page) == end + 1  # Left did not take a token back
    page.uncheck("#lens .ts-midpoints")
    expect(page.locator("#lens .ts-reading option", has_text="attention")).to_have_count(0)
    expect(page.locator("#lens .ts-reading")).to_have_value("2")
    assert names(page)[0].endswith("output")


def test_the_last_row_is_the_output(page: Page) -> None:
    open_lens(page)
    page.select_option("#lens .ts-reading", index=0)
    expect(page.locator("#lens .ts-lens-cell .ts-facts-line")).to_contain_text("divergence from the output 0.00 nats")
    rows = page.locator("#lens button.ts-lens-row")
    expect(rows.locator(".ts-label").first).to_have_text(str(bars(page).first.locator(".ts-label").text_content()))
    shares = rows.locator(".ts-number").all_text_contents()
    assert shares[0::2] == shares[1::2]


def test_colours_have_a_legend_with_unit_and_range(page: Page) -> None:
    grid = open_lens(page)
    ends = {
        "rank": ("rank ", "1"),
        "entropy": ("0 nats", "nats"),
        "divergence": ("0 nats", "nats"),
        "probability": ("0", "1"),
    }
    for colour, (low, high) in ends.items():
        drawn = grid.get_attribute("data-drawn")
        page.select_option("#lens .ts-colour", colour)
        expect(page.locator("#lens .ts-low")).to_contain_text(low)
        expect(page.locator("#lens .ts-high")).to_contain_text(high)
        expect(grid).not_to_have_attribute("data-drawn", str(drawn))


def test_tokens_are_followed_through_the_layers(page: Page) -> None:
    open_lens(page)
    expect(followed(page)).to_have_count(1)
    second = page.locator("#lens button.ts-lens-row").nth(1)
    label = second.locator(".ts-label").text_content()
    second.click()
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(followed(page)).to_contain_text([str(label)])
    number = followed(page).count()
    page.fill("#lens-follow input", "is")
    page.keyboard.press("Enter")
    expect(followed(page)).to_have_count(number + 1)
    curves = page.locator("#lens .ts-curves[data-name=rank]")
    expect(curves.locator(".ts-curve")).to_have_count(number + 1)
    assert "rank" in str(curves.get_attribute("aria-label"))
    page.locator("#lens button.ts-followed").last.click()
    expect(followed(page)).to_have_count(number)
    page.fill("#lens-follow input", "  ")
    page.keyboard.press("Enter")
    expect(page.locator("#lens-follow")).to_have_attribute("data-error", "Type the token to ask about.")
    page.fill("#lens-follow input", "qqqq zzzz")
    page.keyboard.press("Enter")
    expect(page.locator("#lens .ts-follow-said")).to_contain_text("tokens in this vocabulary")
    expect(page.locator("#lens-follow")).not_to_have_attribute("data-error", "Type the token to ask about.")


def test_a_token_written_twenty_steps_ago(page: Page) -> None:
    open_lens(page)
    before = count(page)
    play(page, 20)
    height = height_of(page)
    tokens(page).nth(before).click()
    expect(page.locator("#lens .ts-cell-title")).to_contain_text(f"({before})")
    expect(page.locator("#lens .ts-follow-title")).to_contain_text(f"({before})")
    final = page.locator("#lens span.ts-followed code").text_content()
    assert final == bars(page).first.locator(".ts-label").text_content()
    assert final == tokens(page).nth(before + 1).text_content()  # greedy: the final choice was taken
    drawn = page.locator(GRID).get_attribute("data-drawn")
    step(page)
    expect(page.locator("#lens .ts-cell-title")).to_contain_text(f"({before + 20})")
    expect(page.locator(GRID)).not_to_have_attribute("data-drawn", str(drawn))
    assert abs(height_of(page) - height) < 60  # a row or two of the list: nothing jumps


def test_hostile_tokens_in_the_narrow_dark_lens(open_page: Callable[..., Page]) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    start(page, HOSTILE)
    open_lens(page)
    page.locator("#lens button.ts-lens-row").first.click()
    expect(followed(page)).not_to_have_count(0)
    assert page.locator("#lens img").count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
