"""The page, served in this process with a small model, and a browser; a test fails on errors and outside requests."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Request, expect, sync_playwright

from tests.serving import address_of

if TYPE_CHECKING:
    from model_runtime import Library

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READY = 30_000  # the first page waits for the model's first run
ATTENTION = "#attention-map .ts-figure[data-drawn]"
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def library() -> "Library":
    """The models of the page, the one that it opens with loaded."""
    from model_runtime import Library

    library = Library()
    library.get(model_name())  # before the first test's clock runs
    return library


@pytest.fixture(scope="session")
def address(library: "Library") -> Iterator[str]:
    """Where the page is served."""
    from viz.panels.models import Models

    with address_of(Models(library, model_name())) as where:
        yield where


def model_name() -> str:
    """The model that the page opens with."""
    default = "builtin" if (ROOT / "builtin_model" / "weights" / "config.json").is_file() else ""
    name = os.environ.get("TOKENSCOPE_TEST_MODEL", default)
    if not name:
        pytest.skip("the built-in model has no weights here")
    return name


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserContext]:
    """One browser for all tests, so that the page's files are fetched once; each test opens its own tab in it."""
    path = os.environ.get("TOKENSCOPE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser.new_context(reduced_motion="reduce")
        browser.close()


class Tabs:
    """Tabs of the browser. One that a test is done with is used again: the page opens there in half the time."""

    def __init__(self, browser: BrowserContext) -> None:
        self._browser = browser
        self._spare: Page | None = None

    def take(self, address: str) -> Page:
        """An empty tab; the page at the address knows nothing of what was there before."""
        page, self._spare = self._spare, None
        if page is None:
            page = self._browser.new_page()
            page.add_init_script("if (window === top) localStorage.clear()")  # a sandboxed frame has none
        else:
            page.goto(f"{address}/gradio_api/app_id")  # some lines of text, from where its storage is reached
            page.evaluate("() => sessionStorage.clear()")
            page.mouse.move(0, 0)
        return page

    def leave(self, pages: list[Page]) -> None:
        """Keeps one of the tabs, unless a browser soon notes no more of its past, and closes the others."""
        for page in pages:
            if page.is_closed():
                continue
            if self._spare is None and page.evaluate("() => history.length") < 25:
                page.goto("about:blank")
                self._spare = page
            else:
                page.close()


@pytest.fixture(scope="session")
def tabs(browser: BrowserContext) -> Tabs:
    return Tabs(browser)


@pytest.fixture
def open_page(tabs: Tabs, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page, ready to step. Errors of the page and requests to anywhere else fail the test."""
    faults: list[str] = []
    pages: list[Page] = []

    def guard(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            faults.append(f"request to {request.url}")

    def told(line: ConsoleMessage) -> None:
        if line.type == "error":
            faults.append(f"console: {line.text}")

    def broke(error: Error) -> None:
        faults.append(f"page error: {error}")

    # A route would see more requests, but switches the cache off.
    watched: dict[str, Callable[..., None]] = {"request": guard, "pageerror": broke, "console": told}

    def opened(query: str = "", width: int = 1440, height: int = 1000, ready: str = ATTENTION) -> Page:
        page = tabs.take(address)
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        for event, listener in watched.items():
            page.on(event, listener)  # type: ignore[call-overload]  # one signature for each event
        page.goto(address + query)
        page.wait_for_selector(ready, timeout=READY)
        return page

    yield opened
    for page in pages:
        for event, listener in watched.items():
            page.remove_listener(event, listener)
    tabs.leave(pages)
    assert faults == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The page as it opens."""
    return open_page()
