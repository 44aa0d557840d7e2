"""What one can keep: data, and a report that opens without a network."""

import json
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.actions import HOSTILE, count, start


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
    assert (asked, faults) == ([file.as_uri()], [])
    report.close()
