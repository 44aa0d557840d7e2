"""What one can keep: data, and a report that opens without a network."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.actions import HOSTILE, count, start
from viz.panels import exports
from viz.panels.sharing import LARGE


def shared(page: Page, title: str) -> bytes:
    """Takes a download of the popover."""
    if page.locator("#share-panel").is_hidden():
        page.click(".ts-share-open")
    with page.expect_download(timeout=60_000) as download:
        page.locator(".ts-share-entry", has_text=title).click()
    return Path(download.value.path()).read_bytes()


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
    report.emulate_media(media="print", color_scheme="dark")  # paper is white, whatever the screen is
    assert report.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert report.evaluate("() => getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert (asked, faults) == ([file.as_uri()], [])
    report.close()


def test_a_large_file_is_asked_about_and_what_is_too_large_is_said_before(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(page, "word " * 420)
    expect(page.locator("#token-strip [data-position]").nth(419)).to_be_attached()
    page.evaluate("() => window.tokenscope.act('window', { window: 1024 })")
    page.wait_for_function("() => window.tokenscope.view().window === 1024 && !window.tokenscope.busyFor()")
    monkeypatch.setattr(exports, "MOST_RECORDING", 1_000_000)
    page.click(".ts-share-open")
    recording = page.locator(".ts-share-entry[data-name=recording]")
    expect(recording).to_contain_text("more than the 1 MB that the page hands out")
    expect(recording).to_contain_text('model.save_recording(moment, "text.safetensors")')
    recording.click()
    expect(page.locator(".ts-share-told")).to_contain_text("save_recording")  # and nothing is begun
    expect(page.locator(".ts-share-cancel")).to_be_hidden()
    page.locator(".ts-share-entry[data-name=json]").click()
    expect(page.locator(".ts-share-take")).to_be_visible(timeout=120_000)
    expect(page.locator(".ts-share-told")).to_contain_text(re.compile(r"\.json has [\d.]+ MB"))
    page.click(".ts-share-cancel")
    expect(page.locator(".ts-share-take")).to_be_hidden()
    page.locator(".ts-share-entry[data-name=json]").click()
    expect(page.locator(".ts-share-take")).to_be_visible(timeout=120_000)
    with page.expect_download() as download:
        page.click(".ts-share-take")
    file = Path(download.value.path())
    assert file.stat().st_size > LARGE
    weights = json.loads(file.read_bytes())["records"]["attention"]["fields"]["weights"]
    assert weights["shape"] == [len(weights["values"])] * 2
