"""A server that dies costs one click, in mid-play too: the page says so, waits, and goes on from where it was."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from model_runtime import Moment
from tests.browser.actions import count, open_tab, start, step, text, tokens, wait_for
from tests.own_server import OwnServer

if TYPE_CHECKING:
    from model_runtime import Library

LATE = 150_000  # milliseconds in which a server starts on a busy machine


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    """A server that each test ends and begins again."""
    server = OwnServer()
    server.begin()
    yield server
    server.end()


@pytest.fixture
def opened(browser: BrowserContext, server: OwnServer) -> Iterator[Callable[[], Page]]:
    """Opens the page in a tab of its own."""
    pages: list[Page] = []

    def page() -> Page:
        pages.append(browser.new_page())
        pages[-1].goto(server.address)
        expect(tokens(pages[-1])).to_have_count(5, timeout=LATE)
        return pages[-1]

    yield page
    for one in pages:
        one.close()


def view(page: Page) -> dict[str, Any]:
    """The view, once there is one: gradio loads a page anew, too, when it sees another server."""
    shown: dict[str, Any] = page.wait_for_function("() => window.tokenscope?.view()").json_value()
    return shown


def shown(page: Page) -> dict[str, Any]:
    """What one sees beside the text."""
    return {
        "decoding": page.text_content("#decoding .ts-summary"),
        "off": page.text_content("#heads-off"),
        "branches": page.locator("#branches button").all_text_contents(),
        "prompt": page.input_value("#prompt textarea"),
        "tab": page.get_attribute("body", "data-tab"),
    }


def act(page: Page, name: str, detail: dict[str, Any]) -> None:
    """Does an action and waits for its answer."""
    turn = page.get_attribute("body", "data-turn")
    page.evaluate("([name, detail]) => window.tokenscope.act(name, detail)", [name, detail])
    page.wait_for_function("before => document.body.dataset.turn !== before", arg=turn)


def arrange(page: Page) -> None:
    """A view in which everything is chosen that can be."""
    start(page, "Once upon a time there was a little fox who")
    for name, detail in (
        ("decode", {"temperature": 3.0, "min_p": 0.001, "seed": 4}),
        ("step", {}),
        ("step", {}),
        ("head", {"layer": 2, "head": 3}),
        ("pin", {}),
        ("switch", {"layer": 1, "head": 4, "by": "mean"}),
        ("take", {"position": count(page) - 1, "token": 300}),
        ("tab", {"tab": "lens"}),
    ):
        act(page, name, detail)
    kept = view(page)
    assert (len(kept["pins"]), len(kept["branches"]), kept["branch"], kept["tab"]) == (1, 2, 1, "lens")


def play(page: Page, number: int) -> int:
    """Begins to play; returns how many tokens there were, once some more have come."""
    begun = count(page)
    page.fill("#steps input", str(number))
    page.click("#play")
    more_than(page, begun + 5)
    return begun


def more_than(page: Page, number: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('#token-strip [data-position]').length > n", arg=number)


def test_a_server_that_dies_in_mid_play_costs_one_click(
    opened: Callable[[], Page], server: OwnServer, library: "Library"
) -> None:
    page = opened()
    arrange(page)
    begun = play(page, 300)
    server.kill()
    message = page.locator("#message")
    expect(message).to_contain_text("The server is gone. Your text is kept on this page")
    expect(page.locator(".toast-wrap")).to_be_hidden()
    before, seen, reached = view(page), shown(page), count(page)
    server.begin()
    expect(message).to_contain_text("is back", timeout=LATE)
    assert (view(page), shown(page)) == (before, seen)
    page.get_by_role("button", name="Go on").click()
    more_than(page, reached + 3)
    expect(message).to_contain_text(re.compile(rf"of up to {300 + begun - reached} tokens"))
    expect(page.get_by_role("button", name="Go on")).to_be_hidden()
    page.evaluate("() => window.tokenscope.stop()")
    expect(page.locator("body")).not_to_have_class(re.compile("ts-playing"))
    moment = Moment.from_text(before["branches"][1])
    written = Moment.from_text(view(page)["branches"][1])
    assert written == list(library.get("builtin").play(moment, len(written.ids) - len(moment.ids)))[-1]
    works(page)
    kept = view(page)
    page.reload()
    wait_for(page, len(written.ids))
    assert view(page) == kept


def works(page: Page) -> None:
    """Downloads, links, files and long questions reach the new server, which has never seen this page."""
    page.click(".ts-share-open")
    page.wait_for_function("() => document.querySelector('#share-link').value")
    with page.expect_download() as download:
        page.locator(".ts-share-entry", has_text="Data as CSV").click()
    assert download.value.path().read_text(encoding="utf-8").count("\n") > 5
    with page.expect_download() as download:
        page.click(".ts-share-save")
    kept = view(page)
    page.set_input_files(".ts-share-file", download.value.path())
    expect(page.locator("#message")).to_have_text("This is the shared view.")
    assert view(page) == kept
    open_tab(page, "Switch off")
    act(page, "head", {"layer": 0, "head": 1})
    page.evaluate("() => window.tokenscope.act('scan', { what: 'ablation', target: null, by: 'zero' })")
    expect(page.locator("#message")).to_contain_text("heads were switched off, one by one", timeout=LATE)


def test_presses_that_met_no_server_cost_one_click(opened: Callable[[], Page], server: OwnServer) -> None:
    page = opened()
    before = text(page)
    server.kill()
    page.evaluate("() => { for (const name of ['step', 'step', 'back', 'step']) window.tokenscope.act(name); }")
    expect(page.locator("#message")).to_contain_text("The server is gone")
    server.begin()
    page.get_by_role("button", name="Go on").click(timeout=LATE)
    wait_for(page, 7)
    page.wait_for_function("() => window.tokenscope.busyFor() === 0")
    assert count(page) == 7  # two steps, one back, one more
    assert text(page).startswith(before)
    step(page)


def test_a_restart_that_nobody_saw_costs_nothing(opened: Callable[[], Page], server: OwnServer) -> None:
    page, other = opened(), opened()
    start(other, "A cat sat on the")
    theirs = view(other)
    server.kill()
    server.begin()
    page.locator("body").press("ArrowRight")
    expect(tokens(page)).to_have_count(6, timeout=LATE)
    other.fill("#steps input", "3")
    other.click("#play")
    expect(tokens(other)).to_have_count(len(Moment.from_text(theirs["branches"][0]).ids) + 3, timeout=LATE)
    expect(other.locator("#message")).to_contain_text("Played 3 tokens", timeout=LATE)
    assert view(other)["branches"][0] != view(page)["branches"][0]
    other.locator("body").press("ArrowLeft")
    expect(tokens(other)).to_have_count(len(Moment.from_text(theirs["branches"][0]).ids) + 2, timeout=LATE)
    wait_for(page, 6)
