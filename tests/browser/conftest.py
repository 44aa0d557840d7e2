"""The page, served in this process with a small model, and a browser; a test fails on errors and outside requests."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect, sync_playwright

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


@pytest.fixture
def open_page(browser: BrowserContext, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page, ready to step. Errors of the page and requests to anywhere else fail the test."""
    faults: list[str] = []
    pages: list[Page] = []

    def guard(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            faults.append(f"request to {request.url}")

    def opened(query: str = "", width: int = 1440, height: int = 1000, ready: str = ATTENTION) -> Page:
        page = browser.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.add_init_script("if (window === top) localStorage.clear()")  # a sandboxed frame has none
        page.on("request", guard)  # a route would see more, but switches the cache off
        page.on("pageerror", lambda error: faults.append(f"page error: {error}"))
        page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
        page.goto(address + query)
        page.wait_for_selector(ready, timeout=READY)
        return page

    yield opened
    for page in pages:
        page.close()
    assert faults == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The page as it opens."""
    return open_page()
