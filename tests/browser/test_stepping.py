import json
import re

from playwright.sync_api import Page, expect

from tests.browser.actions import bars, count, cursor, start, step, text, tokens, wait_for


def test_opens_with_an_example_at_its_first_prediction(page: Page) -> None:
    assert "Japan" in text(page).replace("·", "")
    assert cursor(page) == count(page) - 1
    assert bars(page).count() == 20
    expect(page.locator("#next-token")).to_contain_text("Next token, after")
    expect(page.locator("#next-token .ts-other")).to_contain_text("other")


def test_a_step_takes_the_longest_bar(page: Page) -> None:
    before = count(page)
    for _ in range(3):
        label = bars(page).first.locator(".ts-label").text_content()
        step(page)
        assert tokens(page).last.text_content() == label
        assert cursor(page) == count(page) - 1
    assert count(page) == before + 3
    page.click("#back")
    wait_for(page, before + 2)


def test_a_click_on_a_bar_takes_that_token(page: Page) -> None:
    before = count(page)
    bar = bars(page).nth(3)
    label = bar.locator(".ts-label").text_content()
    bar.click()
    wait_for(page, before + 1)
    assert tokens(page).last.text_content() == label


def test_a_bar_before_the_end_starts_a_branch(page: Page) -> None:
    step(page)
    step(page)
    main = text(page)
    end = count(page) - 1
    tokens(page).nth(end - 2).click()
    expect(page.locator("#next-token .ts-taken")).to_have_count(1)
    page.locator("#next-token button[data-token-id]:not(.ts-taken)").nth(2).click()
    wait_for(page, end)
    branches = page.locator("#branches button")
    expect(branches).to_have_text(["main", "2"])
    branches.first.click()
    wait_for(page, end + 1)
    assert text(page) == main


def test_counted_presses_are_neither_lost_nor_doubled(page: Page) -> None:
    before = count(page)
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    wait_for(page, before + 6)
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    wait_for(page, before + 2)
    page.wait_for_function("document.body.dataset.turn")
    assert count(page) == before + 2


def test_a_held_key_never_runs_ahead(page: Page) -> None:
    before = count(page)
    # The browser repeats a held key at its own pace; each repeat while an answer is awaited is dropped.
    page.evaluate(
        """() => { for (let i = 0; i < 25; i += 1) document.body.dispatchEvent(
        new KeyboardEvent('keydown', { key: 'ArrowRight', repeat: i > 0, bubbles: true })); }"""
    )
    wait_for(page, before + 1)
    step(page)
    assert count(page) == before + 2


def test_play_and_stop(page: Page) -> None:
    start(page, "Once upon a time there was a little fox who")
    before = count(page)
    page.fill("#steps input", "200")
    page.click("#play")
    page.wait_for_function(f"document.querySelectorAll('#token-strip [data-position]').length >= {before + 2}")
    page.locator("#stop").focus()
    page.keyboard.press("p")
    expect(page.locator("#play")).to_be_visible()
    stopped = count(page)
    assert before + 2 <= stopped < before + 200
    step(page)
    assert cursor(page) == count(page) - 1


def test_play_ends_by_itself(page: Page) -> None:
    before = count(page)
    page.fill("#steps input", "3")
    page.click("#play")
    wait_for(page, before + 3)
    expect(page.locator("#play")).to_be_visible()
    expect(page.locator("#message")).to_contain_text("Played 3 tokens")


def test_bars_are_buttons_for_the_keyboard(page: Page) -> None:
    before = count(page)
    bars(page).nth(1).focus()
    label = bars(page).nth(1).locator(".ts-label").text_content()
    page.keyboard.press("Enter")
    wait_for(page, before + 1)
    assert tokens(page).last.text_content() == label


def test_appended_text_is_told_with_its_probabilities(page: Page) -> None:
    before = count(page)
    page.fill("#append input, #append textarea", " and the")
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelectorAll('#token-strip [data-position]').length > {before}")
    expect(page.locator("#message")).to_have_text(re.compile(r"Appended .*%"))


def test_decoding_settings_redraw_the_chart(page: Page) -> None:
    page.click("#decoding summary")
    page.fill("#decoding [name=temperature]", "0.8")
    page.fill("#decoding [name=top_k]", "3")
    page.keyboard.press("Tab")
    expect(page.locator("#decoding .ts-summary")).to_contain_text("T 0.8, top-k 3")
    expect(page.locator("#next-token .ts-is-cut")).to_have_count(17)
    expect(page.locator("#next-token .ts-is-cut").first).to_contain_text("cut by top-k 3")
    page.fill("#decoding [name=top_k]", "-1")
    page.keyboard.press("Tab")
    expect(page.locator("#message")).to_contain_text("top_k")
    expect(page.locator("#decoding")).to_have_attribute("data-error", re.compile("top_k"))


def test_start_begins_anew(page: Page) -> None:
    start(page, "Once upon a time")
    assert "Once" in text(page).replace("·", "")
    page.locator("#prompt textarea").focus()
    page.fill("#prompt textarea", "The")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("document.querySelectorAll('#token-strip [data-position]').length <= 4")


def test_a_reload_keeps_the_text(page: Page) -> None:
    step(page)
    step(page)
    before = text(page)
    page.reload()
    page.wait_for_selector("#attention-map .ts-figure[data-drawn]")
    assert text(page) == before


def test_nothing_is_kept_on_the_server(page: Page) -> None:
    step(page)
    before = text(page)
    # The same request to a server that has never seen this page: what a restart comes to.
    view = page.evaluate("() => JSON.parse(sessionStorage.getItem('tokenscope-view')).view")
    other = page.context.new_page()
    other.add_init_script(f"sessionStorage.setItem('tokenscope-view', JSON.stringify({{ view: {json.dumps(view)} }}))")
    other.goto(page.url)
    other.wait_for_selector("#attention-map .ts-figure[data-drawn]")
    assert text(other) == before
    step(other)
    other.close()
