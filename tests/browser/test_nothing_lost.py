"""Nothing is lost: the browser's Back, Forward and reload. What a dying server costs is in `test_dying_server`."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.actions import count, cursor, open_tab, start, step, text, tokens, wait_for


def shown_tab(page: Page) -> str:
    return page.get_attribute("body", "data-tab") or ""


def prompt(page: Page) -> str:
    return page.input_value("#prompt textarea")


def wait_for_tab(page: Page, name: str) -> None:
    """Waits until an answer has shown a tab; the bar alone is ahead of it."""
    page.wait_for_function("name => window.tokenscope.view().tab === name", arg=name)


def test_back_and_forward_go_through_what_was_done(page: Page) -> None:
    first = text(page)
    step(page)
    second = text(page)
    open_tab(page, "Logit lens")
    start(page, "Once upon a time")
    expect(page.locator("#token-strip")).to_contain_text("Once")
    third = text(page)
    page.go_back()
    expect(tokens(page).first).to_have_text("The")
    assert (text(page), shown_tab(page), prompt(page)) == (second, "lens", "The capital of Japan is")
    page.go_back()
    expect(page.locator("body")).to_have_attribute("data-tab", "attention")
    assert text(page) == second
    page.go_back()
    wait_for(page, len(first.split("·")))
    assert text(page) == first
    for _ in range(3):
        page.go_forward()
    expect(page.locator("#token-strip")).to_contain_text("Once")
    assert (text(page), shown_tab(page), prompt(page)) == (third, "lens", "Once upon a time")
    step(page)  # and from here on as ever


def test_looking_fills_no_history(page: Page) -> None:
    entries = page.evaluate("history.length")
    for position in (3, 2, 1):
        tokens(page).nth(position).click()
        expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", str(position))
    assert page.evaluate("history.length") == entries
    step(page)
    assert page.evaluate("history.length") == entries + 1
    page.go_back()
    wait_for(page, 5)
    assert cursor(page) == 1  # as the entry was left


def test_a_key_that_is_held_is_one_entry_and_each_press_one(page: Page) -> None:
    entries, before = page.evaluate("history.length"), text(page)
    page.locator("body").press("ArrowRight")
    wait_for(page, 6)
    once = text(page)
    for number in range(7, 12):
        page.keyboard.down("ArrowRight")  # from the second time on as a held key repeats
        wait_for(page, number)
    page.keyboard.up("ArrowRight")
    assert page.evaluate("history.length") == entries + 2
    page.go_back()
    wait_for(page, 6)
    assert text(page) == once
    page.go_back()
    wait_for(page, 5)
    assert text(page) == before


def test_a_second_tab_is_its_own(page: Page, open_page: Callable[..., Page]) -> None:
    step(page)
    mine = text(page)
    other = open_page()
    assert count(other) == 5
    start(other, "Once upon a time")
    expect(other.locator("#token-strip")).to_contain_text("Once")
    theirs = text(other)
    for one, kept in ((page, mine), (other, theirs)):
        one.reload()
        expect(tokens(one).first).to_be_visible()
        assert text(one) == kept


def test_a_play_is_one_entry_and_ends_where_it_was_stopped(page: Page) -> None:
    entries, before = page.evaluate("history.length"), text(page)
    page.fill("#steps input", "200")
    page.click("#play")
    page.wait_for_function("document.querySelectorAll('#token-strip [data-position]').length > 12")
    page.locator("#stop").focus()
    page.keyboard.press("p")
    expect(page.locator("#play")).to_be_visible()
    assert page.evaluate("history.length") == entries + 1
    open_tab(page, "Logit lens")
    wait_for_tab(page, "lens")
    played = text(page)
    page.go_back()
    wait_for_tab(page, "attention")
    assert text(page) == played
    page.go_back()
    wait_for(page, 5)
    assert text(page) == before
    page.go_forward()
    expect(tokens(page)).not_to_have_count(5)
    assert text(page) == played


def test_a_draft_in_the_prompt_box_outlives_going_back(page: Page) -> None:
    step(page)
    page.fill("#prompt textarea", "A draft")
    page.go_back()
    wait_for(page, 5)
    assert prompt(page) == "A draft"


def test_entries_survive_a_reload(page: Page) -> None:
    first = text(page)
    step(page)
    open_tab(page, "Logit lens")
    wait_for_tab(page, "lens")
    page.reload()
    expect(page.locator("body")).to_have_attribute("data-tab", "lens")
    wait_for(page, 6)
    page.go_back()
    expect(page.locator("body")).to_have_attribute("data-tab", "attention")
    page.go_back()
    wait_for(page, 5)
    assert text(page) == first


def test_a_reload_keeps_what_is_chosen_and_typed(page: Page) -> None:
    step(page)
    page.evaluate("() => window.tokenscope.act('head', { layer: 2, head: 3 })")
    tokens(page).nth(2).click()
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", "2")
    page.fill("#prompt textarea", "A draft")
    kept = page.evaluate("() => window.tokenscope.view()")
    page.reload()
    wait_for(page, 6)
    assert page.evaluate("() => window.tokenscope.view()") == kept
    assert cursor(page) == 2
    expect(page.locator("#prompt textarea")).to_have_value("A draft")


def test_back_while_a_play_runs_goes_back(open_page: Callable[..., Page]) -> None:
    page = open_page()
    step(page)
    page.fill("#steps input", "200")
    page.click("#play")
    page.wait_for_function("document.querySelectorAll('#token-strip [data-position]').length > 9")
    page.go_back()
    wait_for(page, 6)
    page.go_back()
    wait_for(page, 5)
