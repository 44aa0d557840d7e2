import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.actions import HOSTILE, count, cursor, open_tab, start, step, tokens

FIGURE = "#attention-map .ts-figure"


def test_a_click_on_a_token_moves_every_panel(page: Page) -> None:
    step(page)
    title = page.locator("#next-token .ts-title")
    before = title.text_content()
    tokens(page).nth(2).click()
    expect(title).not_to_have_text(str(before))
    assert cursor(page) == 2
    expect(page.locator("#head-side .ts-looks")).to_contain_text("(2)")


def test_layer_and_head(page: Page) -> None:
    page.click("#head-side [data-name=layer] [data-by='1']")
    expect(page.locator(FIGURE)).to_have_attribute("data-layer", "1")
    page.click("#head-side [data-name=head] [data-by='1']")
    page.click("#head-side [data-name=head] [data-by='1']")
    expect(page.locator(FIGURE)).to_have_attribute("data-head", "2")
    expect(page.locator(FIGURE)).to_have_attribute("data-layer", "1")
    page.locator("#attention-head").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(FIGURE)).to_have_attribute("data-head", "1")


def test_the_figure_holds_exact_weights(page: Page) -> None:
    rows = page.evaluate(
        """() => document.querySelector('#attention-map .ts-figure').calcdata[0][0].z
        .map(row => Array.from(row).filter(Number.isFinite).reduce((a, b) => a + b, 0))"""
    )
    assert len(rows) == count(page)
    assert all(abs(total - 1) < 1e-4 for total in rows)


def test_a_click_on_the_heatmap_moves_the_cursor(page: Page) -> None:
    plot = page.locator(f"{FIGURE} .nsewdrag").bounding_box()
    assert plot
    cell = plot["height"] / count(page)
    page.mouse.move(plot["x"] + cell / 2, plot["y"] + cell * 1.4)
    expect(page.locator(".ts-tip")).to_contain_text("weight")
    page.mouse.click(plot["x"] + cell / 2, plot["y"] + cell * 1.5)
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", "1")


def test_shading(page: Page) -> None:
    for shade in ("surprisal", "entropy", "attention"):
        page.select_option("#token-strip select", shade)
        expect(page.locator("#token-strip .ts-legend")).to_have_attribute("title", re.compile(shade))


def test_dark_mode_reaches_the_figure(page: Page) -> None:
    def background() -> str:
        return page.evaluate("() => document.querySelector('#attention-map .ts-figure').layout.plot_bgcolor")

    light = background()
    page.click("#theme")
    page.wait_for_function(
        "light => document.querySelector('#attention-map .ts-figure').layout.plot_bgcolor !== light", arg=light
    )
    assert page.evaluate("() => document.body.classList.contains('dark')")


def test_an_empty_prompt(page: Page) -> None:
    start(page, "")
    # A model with a start token begins from it; one without says what to do.
    assert count(page) == 1 or page.locator("#message .ts-error, #message.ts-error, .ts-message.ts-error").count() == 1
    start(page, "The")
    expect(page.locator(".ts-message.ts-error")).to_have_count(0)


def test_a_prompt_over_the_context_limit_keeps_the_text(page: Page) -> None:
    before = count(page)
    start(page, "so many words " * 3000)
    expect(page.locator(".ts-message.ts-error")).to_contain_text("tokens")
    expect(page.locator("#prompt")).to_have_attribute("data-error", page.locator(".ts-message-text").inner_text())
    assert count(page) == before
    step(page)


def test_hostile_text_is_only_text(page: Page) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    start(page, HOSTILE)
    shown = "".join(tokens(page).all_text_contents()).replace("·", " ").replace("<s>", "")
    assert HOSTILE in shown
    ticks = page.locator("#attention-map .ts-figure[data-drawn] .xtick text")
    expect(ticks).to_have_count(min(32, count(page)))
    open_tab(page, "Logit lens")
    page.wait_for_selector("#lens .ts-lens-grid[data-drawn]")
    step(page)
    assert page.locator(".gradio-container img[src='x']").count() == 0
    assert alerts == []


def test_narrow_and_dark_fits_the_window(open_page: Callable[..., Page]) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    step(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    expect(page.locator("#step")).to_be_in_viewport()


def test_an_unknown_model_leaves_the_page_as_it_is(page: Page) -> None:
    before = count(page)
    page.fill("#model-picker input", "/no/such/model")
    page.keyboard.press("Enter")
    expect(page.locator(".ts-message.ts-error")).to_contain_text("/no/such/model")
    assert count(page) == before
    step(page)
