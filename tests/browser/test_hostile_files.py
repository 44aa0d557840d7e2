"""What was saved from a page of hostile tokens, opened in a browser: no script runs, nothing is asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.browser.actions import open_tab
from tests.hostile import NAME, hostile_model, hostile_prompt
from tests.serving import Kept, address_of
from viz.panels.models import Models
from viz.panels.sharing import DOWNLOADS

# Tabs with drawings of their own kind: plotly's, and those that are drawn in the page.
TABS = ("Attention", "Who wrote this?")
INTRUDERS = "() => [window.broken ?? null, document.querySelectorAll('.intruder').length]"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the page is served with hostile tokens."""
    with address_of(Models(Kept({NAME: hostile_model()}), NAME)) as where:
        yield where


@pytest.fixture
def hostile(open_page: Callable[..., Page]) -> Page:
    page = open_page()
    page.evaluate("text => tokenscope.act('append', { text })", hostile_prompt())
    page.wait_for_function("() => tokenscope.busyFor() === 0")
    return page


def unharmed(browser: BrowserContext, file: Path) -> None:
    """Opens a file from the disk: nothing runs, comes into being, is asked for or complains."""
    page = browser.new_page()
    asked: list[str] = []
    faults: list[str] = []

    def only_itself(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_() if route.request.url == file.as_uri() else route.abort()

    page.route("**/*", only_itself)
    page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text))
    page.goto(file.as_uri())
    assert page.evaluate(INTRUDERS) == [None, 0]
    assert (asked, faults) == ([file.as_uri()], [])
    page.close()


def test_every_download_opens_without_harm(hostile: Page, browser: BrowserContext, tmp_path: Path) -> None:
    hostile.click(".ts-share-open")
    entries = hostile.locator(".ts-share-entry")
    assert entries.count() >= len(DOWNLOADS)
    for index in range(entries.count()):
        with hostile.expect_download(timeout=60_000) as download:
            entries.nth(index).click()
        name = download.value.suggested_filename
        assert name.replace("-", "").replace(".", "").isalnum()
        assert name.isascii()
        if name.endswith((".html", ".svg")):
            download.value.save_as(tmp_path / name)
            unharmed(browser, tmp_path / name)


@pytest.mark.parametrize("tab", TABS)
def test_every_drawing_opens_without_harm(hostile: Page, browser: BrowserContext, tmp_path: Path, tab: str) -> None:
    open_tab(hostile, tab)
    hostile.wait_for_function("() => tokenscope.busyFor() === 0")
    box = hostile.locator(".ts-tab-panel:visible .ts-save-pictures")
    box.locator("summary").click()
    buttons = box.locator("button", has_text="SVG")
    buttons.first.wait_for()
    for index in range(buttons.count()):
        with hostile.expect_download() as download:
            buttons.nth(index).click()
        file = tmp_path / f"{index}.svg"
        download.value.save_as(file)
        elements = list(ElementTree.parse(file).iter())
        kinds = {element.tag.rsplit("}")[-1] for element in elements}
        assert not {"script", "foreignObject", "image", "iframe", "a", "use", "animate", "set"} & kinds
        assert not [
            name for element in ElementTree.parse(file).iter() for name in element.attrib if name.startswith("on")
        ]
        unharmed(browser, file)
