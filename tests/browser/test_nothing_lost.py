"""Nothing is lost: the browser's Back, Forward and reload, and a server that dies in the middle of a play."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.actions import count, cursor, open_tab, start, step, text, tokens, wait_for

ROOT = Path(__file__).resolve().parent.parent.parent


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


class Server:
    """The page in a process of its own, which can be killed and started again on the same port."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        command = [sys.executable, "app.py", "--port", str(self.port)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, **quiet)
        late = time.monotonic() + 120
        while time.monotonic() < late:
            try:
                urllib.request.urlopen(f"{self.address}/gradio_api/app_id", timeout=5).close()
                return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError("the page was not served within two minutes")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.begin()
    yield server
    server.kill()


def test_a_server_that_dies_in_mid_play_costs_one_click(browser: BrowserContext, server: Server) -> None:
    page = browser.new_page()
    page.goto(server.address)
    expect(tokens(page)).to_have_count(5, timeout=120_000)
    start(page, "Once upon a time there was a little fox who")
    begun = count(page)
    page.fill("#steps input", "300")
    page.click("#play")
    page.wait_for_function(f"document.querySelectorAll('#token-strip [data-position]').length > {begun + 5}")
    server.kill()
    message = page.locator("#message")
    expect(message).to_contain_text("The server is gone. Your text is kept on this page")
    expect(page.locator(".toast-wrap")).to_be_hidden()
    before, reached = text(page), count(page)
    server.begin()
    expect(message).to_contain_text("is back", timeout=120_000)
    assert text(page) == before
    page.get_by_role("button", name="Go on").click()
    page.wait_for_function(f"document.querySelectorAll('#token-strip [data-position]').length > {reached + 3}")
    assert text(page).startswith(before)
    expect(message).to_contain_text(re.compile(rf"of up to {300 + begun - reached} tokens"))
    expect(page.get_by_role("button", name="Go on")).to_be_hidden()
    page.close()


def test_a_press_that_met_no_server_is_done_after_all(browser: BrowserContext, server: Server) -> None:
    page = browser.new_page()
    page.goto(server.address)
    expect(tokens(page)).to_have_count(5, timeout=120_000)
    server.kill()
    page.click("#step")
    expect(page.locator("#message")).to_contain_text("The server is gone")
    server.begin()
    page.get_by_role("button", name="Go on").click(timeout=150_000)
    wait_for(page, 6)
    step(page)
    page.close()


def test_a_restart_that_nobody_saw_costs_nothing(browser: BrowserContext, server: Server) -> None:
    page = browser.new_page()
    page.goto(server.address)
    expect(tokens(page)).to_have_count(5, timeout=120_000)
    server.kill()
    server.begin()
    page.click("#step")
    expect(tokens(page)).to_have_count(6, timeout=120_000)
    page.fill("#steps input", "3")
    page.click("#play")
    wait_for(page, 9)
    page.close()


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
