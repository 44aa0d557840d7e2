"""What one can keep: pictures, data, and a report that opens without a network."""

import json
import struct
from pathlib import Path
from xml.etree import ElementTree

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.actions import HOSTILE, count, open_tab, start

SVG = "{http://www.w3.org/2000/svg}"


def saved(page: Page, name: str) -> bytes:
    """Saves a picture of the open tab."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    assert download.value.suggested_filename.replace("-", "").replace(".", "").isalnum()
    return Path(download.value.path()).read_bytes()


def shared(page: Page, title: str) -> bytes:
    """Takes a download of the popover."""
    if page.locator("#share-panel").is_hidden():
        page.click(".ts-share-open")
    with page.expect_download(timeout=60_000) as download:
        page.locator(".ts-share-entry", has_text=title).click()
    return Path(download.value.path()).read_bytes()


def test_pictures_are_saved_as_they_are_shown(page: Page) -> None:
    box = page.locator("#panel-attention .ts-save-pictures")
    box.locator("summary").click()
    tokens = count(page)
    drawing = ElementTree.fromstring(saved(page, "save attention weights as SVG"))
    assert not list(drawing.iter(f"{SVG}image"))
    colours = [rect.get("fill") for rect in drawing.iter(f"{SVG}rect") if str(rect.get("fill")).startswith("rgb(")]
    assert len(colours) == tokens * (tokens + 1) // 2  # what is masked is left out
    assert len(set(colours)) > 2
    shown = page.locator("#attention-map .ts-figure").bounding_box()
    assert shown
    for name in ("attention weights", "all heads"):
        image = saved(page, f"save {name} as PNG")
        assert image.startswith(b"\x89PNG")
        assert len(image) > 3_000
        if name == "attention weights":
            assert struct.unpack(">II", image[16:24]) == (2 * round(shown["width"]), 2 * round(shown["height"]))
    expect(page.get_by_role("button", name="save all heads as SVG")).to_have_count(0)
    open_tab(page, "Who wrote this?")
    page.locator("#panel-contributions svg text").first.wait_for()  # the answer, after which the list is made anew
    page.locator("#panel-contributions .ts-save-pictures summary").click()
    button = page.locator("#panel-contributions").get_by_role("button", name="as SVG").first
    drawing = ElementTree.fromstring(saved(page, str(button.get_attribute("aria-label"))))
    assert list(drawing.iter(f"{SVG}text"))
    assert "fill:" in str(next(drawing.iter(f"{SVG}text")).get("style"))


def test_a_report_opens_from_a_disk_without_a_network(page: Page, browser: BrowserContext, tmp_path: Path) -> None:
    start(page, HOSTILE)
    records = json.loads(shared(page, "Data as JSON"))["records"]
    assert "".join(records["tokens"]["fields"]["text"]["values"]).endswith(HOSTILE)
    file = tmp_path / "report.html"
    file.write_bytes(shared(page, "Report"))
    assert file.stat().st_size < 5_000_000
    report = browser.new_page()
    asked, faults = [], []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_() if route.request.url == file.as_uri() else route.abort()

    report.route("**/*", refuse)
    report.on("dialog", lambda dialog: faults.append(dialog.message))
    report.on("console", lambda line: faults.append(line.text))
    report.goto(file.as_uri())
    expect(report.locator("h1")).to_have_text("A view of Tokenscope")
    expect(report.locator(".token")).to_have_count(count(page))
    backgrounds = set()
    for scheme in ("light", "dark"):
        report.emulate_media(color_scheme=scheme)
        backgrounds.add(report.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
    assert (asked, faults) == ([file.as_uri()], [])
    report.close()
