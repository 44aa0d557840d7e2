"""Steering: from two texts to another answer, seen in the bars, kept while stepping, and taken back."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.actions import bars, open_tab, play, start, step, text, tokens

TAB = "#steering"
JAPAN = "The capital of Japan is"


def steer(page: Page, strength: str, stream: int) -> None:
    page.locator(f"{TAB} .ts-steer-streams button").nth(stream).click()
    page.fill(f"{TAB} .ts-scan-form .ts-steer-number", strength)
    page.click(f"{TAB} .ts-steer-add")
    expect(page.locator("#message")).to_contain_text("is added to stream")


def test_an_example_steers_what_comes_next(page: Page) -> None:
    start(page, JAPAN)
    expect(bars(page).first).to_contain_text("·Tokyo")
    open_tab(page, "Steering")
    page.get_by_role("button", name="France, not Japan").click()
    expect(page.locator(f"{TAB} .ts-steer-streams [aria-checked=true] .ts-steer-name")).to_have_text("5")
    page.click(f"{TAB} .ts-steer-add")
    expect(bars(page).first).to_contain_text("·Paris")
    expect(page.locator("#next-token .ts-foot")).to_contain_text("unsteered")
    expect(page.locator("#heads-off")).to_contain_text("stream 5 + 1.2 \u00d7 (“France” \u2212 “Japan”)")
    step(page)
    assert text(page).endswith("Paris")
    page.fill(f"{TAB} .ts-steer-row .ts-steer-number", "0")
    page.keyboard.press("Tab")
    expect(page.locator("#heads-off")).to_contain_text("stream 5 + 0 \u00d7")
    page.locator("#heads-off .ts-steered-list .ts-on").click()
    expect(page.locator("#heads-off .ts-off")).to_be_hidden()
    expect(page.locator(f"{TAB} .ts-steer-none")).to_be_visible()
    assert text(page).endswith("Paris")


def test_tokens_and_streams_are_chosen_by_hand(page: Page) -> None:
    start(page, JAPAN)
    open_tab(page, "Steering")
    page.fill(f"{TAB} [data-side=plus] input", "We saw France")
    page.fill(f"{TAB} [data-side=minus] input", "We saw Japan there")
    chosen = page.locator(f"{TAB} [data-side=minus] [aria-pressed=true]")
    expect(chosen).to_have_text("·there")
    page.locator(f"{TAB} [data-side=minus] .ts-steer-tokens button", has_text="·Japan").click()
    expect(chosen).to_have_text("·Japan")
    page.locator(f"{TAB} .ts-steer-streams [aria-checked=true]").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(f"{TAB} .ts-steer-streams [aria-checked=true] .ts-steer-name")).to_have_text("2")
    page.select_option(f"{TAB} .ts-steer-start", label="the first token on")
    steer(page, "2", 1)
    expect(page.locator(f"{TAB} .ts-steer-words")).to_have_text("stream 1, everywhere: “France” \u2212 “Japan·there”")
    page.fill(f"{TAB} .ts-scan-form .ts-steer-number", "4000")
    expect(page.locator(f"{TAB} .ts-steer-sum")).to_contain_text("from \u22121000 to 1000")
    expect(page.locator(f"{TAB} .ts-steer-add")).to_be_disabled()


def test_a_text_that_cannot_be_read_says_so_at_its_box(page: Page) -> None:
    open_tab(page, "Steering")
    wrong = page.locator(f"{TAB} [data-side=plus] .ts-form-error")
    page.fill(f"{TAB} [data-side=plus] input", "\u2603" * 600)
    expect(wrong).to_contain_text("tokens")
    expect(page.locator(f"{TAB} .ts-steer-add")).to_be_disabled()
    page.fill(f"{TAB} [data-side=plus] input", "The capital of Italy is")
    expect(wrong).to_be_hidden()
    expect(page.locator(f"{TAB} .ts-steer-add")).to_be_enabled()


def test_a_text_is_steered_from_a_token_written_long_ago(page: Page) -> None:
    start(page, JAPAN)
    play(page, 21)
    tokens(page).nth(6).click()
    open_tab(page, "Steering")
    expect(page.locator(f"{TAB} .ts-steer-start option").first).to_contain_text("(6)")
    steer(page, "3", 5)
    expect(page.locator(f"{TAB} .ts-steer-words")).to_contain_text("from position 6 on")
    expect(page.locator("#next-token")).to_contain_text("unsteered")
    tokens(page).nth(4).click()  # nothing before the first steered token changes
    expect(bars(page).first).to_contain_text("83.0 % → 83.0 %")
    page.click("#heads-off .ts-restore")
    expect(page.locator("#message")).to_contain_text("nothing is steered")


def test_both_tabs_fit_a_narrow_dark_window(open_page: Callable[..., Page]) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    for name, place in (("Patching", "#patching"), ("Steering", TAB)):
        open_tab(page, name)
        expect(page.locator(f"{place} section")).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
