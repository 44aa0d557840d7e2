"""Two people on one page: both play at once, each sees only its own text, and who has to wait sees its place."""

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.actions import count, start, text, wait_for
from tests.browser.conftest import ATTENTION, READY, model_name

if TYPE_CHECKING:
    from model_runtime import Library


def test_two_visitors_play_at_once(
    open_page: Callable[..., Page], browser: BrowserContext, address: str, library: "Library"
) -> None:
    model = library.get(model_name())
    mine = open_page()
    assert isinstance(browser.browser, Browser)
    context = browser.browser.new_context(reduced_motion="reduce")  # somebody else's browser
    other = context.new_page()
    other.goto(address)
    other.wait_for_selector(ATTENTION, timeout=READY)
    # Texts of some two hundred tokens, so that neither ends before the other was looked at.
    prompts = {mine: "A dog and a cat", other: "A cat sat on the"}
    lengths = {}
    for page, prompt in prompts.items():
        start(page, prompt)
        expect(page.locator("#token-strip")).to_contain_text(prompt.split()[1])
        lengths[page] = count(page)
        page.fill("#steps input", "400")
    for page in prompts:
        page.click("#play")
    other.wait_for_function("n => document.querySelectorAll('[data-position]').length > n", arg=lengths[other])
    expect(mine.locator("body")).to_have_class(re.compile("ts-playing"))  # so it did not wait for the end of this one
    seen = count(mine)
    mine.wait_for_function("n => document.querySelectorAll('[data-position]').length > n", arg=seen)
    for page in prompts:
        page.evaluate("() => tokenscope.stop()")
        expect(page.locator("body")).not_to_have_class(re.compile("ts-playing"), timeout=READY)
        page.wait_for_function("() => tokenscope.busyFor() === 0")
    for page, prompt in prompts.items():
        moment = model.begin(prompt)
        *_, moment = model.play(moment, count(page) - lengths[page])
        for written in (model.text(token) for token in moment.ids[lengths[page] :]):
            assert written.strip() in text(page)
    context.close()


def test_the_place_is_shown_while_another_has_the_model(page: Page, library: "Library") -> None:
    turns = library.get(model_name()).turns
    before = count(page)
    with turns:
        page.click("#step")
        expect(page.locator("#message")).to_contain_text("1 visitor before you")
        assert count(page) == before
    wait_for(page, before + 1)
    expect(page.locator("#message")).to_contain_text("answered in")


def test_a_closed_tab_gives_its_place_up(open_page: Callable[..., Page], library: "Library") -> None:
    turns = library.get(model_name()).turns
    page = open_page()
    with turns:
        page.click("#step")
        expect(page.locator("#message")).to_contain_text("before you")
        (visitor,) = turns._waiting
        page.close()
        end = time.monotonic() + 20
        while turns.before(visitor) is not None:
            assert time.monotonic() < end
            time.sleep(0.05)
