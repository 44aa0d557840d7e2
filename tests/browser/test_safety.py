"""Hostile tokens in every tab of a real browser, and what the server answers to those who ask for other things."""

import http.client
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.actions import count, open_tab, start, step
from tests.browser.conftest import ATTENTION, READY
from tests.hostile import HOSTILE, NAME, hostile_model, hostile_prompt
from tests.serving import Kept, address_of
from viz.panels.models import Models
from viz.panels.shielding import HEADERS
from viz.panels.tabs import ALL

# What runs where it should not sets `broken`; what comes into being where it should not is of this class.
INTRUDERS = "() => [window.broken ?? null, document.querySelectorAll('.intruder').length]"
IDLE = "() => tokenscope.busyFor() === 0"
SEPARATOR = "\x1f"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the page is served with hostile tokens."""
    with address_of(Models(Kept({NAME: hostile_model()}), NAME)) as where:
        yield where


def settled(page: Page) -> None:
    """Waits until every answer has come and been drawn."""
    page.wait_for_function(IDLE)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def unharmed(page: Page) -> None:
    """Nothing ran and nothing came into being, in the page and in its frames."""
    for frame in page.frames:
        assert frame.evaluate(INTRUDERS) == [None, 0], frame.name


def test_no_tab_takes_a_token_for_more_than_text(open_page: Callable[..., Page]) -> None:
    page = open_page()  # which fails on requests to other hosts, errors, and lines in the console such as refusals
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    texts = [text for name, text in HOSTILE.items() if name not in ("null", "lines", "controls")]
    start(page, SEPARATOR.join(texts))  # a text area takes no control characters; they are appended below
    assert count(page) == len(texts)
    for text in ("a\x00b", HOSTILE["controls"], HOSTILE["lines"]):
        page.evaluate("text => tokenscope.act('append', { text })", text)
    expect(page.locator("#token-strip [data-position]")).to_have_count(len(HOSTILE))
    for tab in ALL:
        open_tab(page, tab.title)
        settled(page)
        unharmed(page)
        step(page)
    expect(page.locator("#token-strip")).to_contain_text("<img·class=intruder·src=//evil.example/x")
    page.click("#model-picker input")
    settled(page)
    unharmed(page)
    assert dialogs == []


def test_bertviz_runs_in_a_closed_frame(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.evaluate("text => tokenscope.act('append', { text })", hostile_prompt())
    settled(page)
    open_tab(page, "bertviz")
    page.click("#bertviz .ts-build")
    frame = page.frame_locator("#bertviz iframe")
    expect(frame.locator("#vis svg")).not_to_have_count(0)
    expect(frame.locator("#vis")).to_contain_text("<b")
    unharmed(page)
    assert page.get_attribute("#bertviz iframe", "sandbox") == "allow-scripts"
    inside = page.frames[-1]
    refused = "() => { try { return parent.document.title; } catch (error) { return error.name; } }"
    assert inside.evaluate(refused) == "SecurityError"
    assert "default-src 'none'" in str(inside.evaluate("document.querySelector('meta[http-equiv]').content"))


def test_half_a_character_breaks_no_answer(open_page: Callable[..., Page]) -> None:
    page = open_page()
    before = count(page)
    page.evaluate("tokenscope.act('append', { text: 'a\\ud800b' })")
    expect(page.locator("#token-strip [data-position]")).to_have_count(before + 1)
    page.evaluate("tokenscope.act('changed', { text: '\\udc00' }); tokenscope.act('tab', { tab: '\\ud800' })")
    expect(page.locator("#message")).to_contain_text("The tab is '\ufffd'; use one of")
    page.evaluate("tokenscope.act('scan', { what: 'tokenizer', ask: 'cut', text: '\\ud800' })")
    expect(page.locator("#message")).to_contain_text("The text is cut.")
    step(page)


def ask(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Asks for a path exactly as it is written."""
    host = address.split("//")[1]
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/file=/etc/passwd", "/theme.css", "/no/such/place"])
def test_every_answer_carries_the_headers(address: str, path: str) -> None:
    _, headers, _ = ask(address, "GET", path)
    assert {name: headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    "path",
    [
        "file=/etc/passwd",
        "file=../../../../../../etc/passwd",
        "file=%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "file=//etc/passwd",
        "file=/proc/self/environ",
        "file=app.py",
        "file=requirements.txt",
        "file=http://127.0.0.1:1/x",
        "file=%68ttp://127.0.0.1:1/x",
        "file=HTTPS://evil.example/x",
        "proxy=https://evil.hf.space/x",
        "vibe-code",
    ],
)
def test_no_file_and_no_other_host_is_reached_through_the_server(address: str, path: str) -> None:
    for prefix in ("/gradio_api/", "/"):
        status, _, content = ask(address, "GET", prefix + path)
        # An address that is none is answered with the page itself.
        assert status in (400, 403, 404, 405) or content.startswith(b"<!doctype html>"), (status, content[:80])
        assert b"root:" not in content


@pytest.mark.parametrize("path", ["upload", "process_recording"])
def test_nobody_can_put_a_file_on_the_server(address: str, path: str) -> None:
    edge = b"--x\r\nContent-Disposition: form-data; name=files; filename=x.json\r\n\r\n"
    form = {"Content_Type": "multipart/form-data; boundary=x"}
    status, _, answer = ask(address, "POST", f"/gradio_api/{path}", edge + b"{}\r\n--x--\r\n", **form)
    assert (status, answer) == (404, b"There is no such address here.")


def test_nobody_can_have_a_visitors_page_written_to_a_file(address: str) -> None:
    status, _, answer = ask(address, "GET", "/gradio_api/deep_link?session_hash=anybody")
    assert (status, answer) == (404, b"There is no such address here.")


def test_what_got_in_could_reach_no_other_host(browser: BrowserContext, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector(ATTENTION, timeout=READY)
    refused = page.evaluate(
        """async () => {
            const refused = [];
            document.addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective));
            const add = (name, settings) => document.body.append(Object.assign(document.createElement(name), settings));
            await fetch('https://evil.example/').catch(() => null);
            add('img', { src: 'https://evil.example/x.png' });
            add('script', { src: 'https://evil.example/x.js' });
            add('iframe', { src: 'https://evil.example/' });
            add('object', { data: 'https://evil.example/' });
            add('link', { rel: 'stylesheet', href: 'https://evil.example/x.css' });
            for (let turn = 0; turn < 500 && refused.length < 6; turn += 1) {
                await new Promise((done) => setTimeout(done, 20));
            }
            return refused;
        }"""
    )
    page.close()
    expected = ["connect-src", "frame-src", "img-src", "object-src", "script-src-elem", "style-src-elem"]
    assert sorted(refused) == expected
