"""What the server answers at every address that it has: headers, plain errors, nobody without the login."""

import re
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from tests.safety.server import Visitor, as_on_a_space
from tests.serving import served
from viz.panels.shielding import HEADERS, LARGEST_REQUEST

ROOT = Path(__file__).resolve().parents[2]
ENDLESS = ("heartbeat", "queue/data")  # streams that go on while the page is open: their beginning is read
# Addresses that answer without a login: the page that asks for it, what it is drawn with, and what tells nothing.
OPEN = (
    *("/", "/login", "/login/", "/logout", "/theme.css", "/gradio_api/theme.css", "/robots.txt", "/manifest.json"),
    *("/pwa_icon", "/favicon.ico", "/gradio_api/app_id", "/gradio_api/app_id/"),
    *("/gradio_api/user", "/gradio_api/user/", "/gradio_api/token", "/gradio_api/token/"),  # nobody, and none
    *("/gradio_api/heartbeat/{session_hash}", "/gradio_api/startup-events"),  # that the server lives
)


def addresses(page: gr.Blocks) -> Iterator[tuple[str, str, str]]:
    """(method, pattern, path) of every route that the server has."""
    for route in page.server_app.routes:
        for one in getattr(getattr(route, "original_router", None), "routes", [route]):
            for method in sorted(getattr(one, "methods", None) or {"GET"}):
                yield method, one.path, re.sub(r"\{[^}]*\}", "x", one.path)


def begin(visitor: Visitor, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    if any(name in path for name in ENDLESS):
        return (*visitor.head_of(method, path), b"")
    return visitor.ask(method, path)


def test_there_are_many_addresses(page: gr.Blocks) -> None:
    paths = {path for _, path, _ in addresses(page)}
    assert len(paths) > 30
    assert any(path.endswith("/component_server") for path in paths)
    assert any(path.endswith("/upload") for path in paths)


def test_every_address_answers_with_the_headers_and_plain_errors(page: gr.Blocks, visitor: Visitor) -> None:
    for method, _, path in addresses(page):
        status, headers, content = begin(visitor, method, path)
        assert {name: headers.get(name) for name in HEADERS} == HEADERS, (method, path)
        if status >= 400:
            text = content.decode("utf-8", "replace")
            assert len(text) < 3_000, (method, path)
            for leak in ("Traceback", "site-packages", str(ROOT), 'File "/'):
                assert leak not in text, (method, path)


@pytest.mark.parametrize("path", ["deep_link?session_hash=x", "file=http://127.0.0.1:1/x", "proxy=https://x.hf.space/"])
def test_what_is_closed_is_closed_behind_a_proxy_too(visitor: Visitor, path: str) -> None:
    for before in ("/gradio_api/", "/scope/gradio_api/", "//gradio_api/"):
        status, headers, content = visitor.ask("GET", before + path)
        assert (status, content) == (404, b"There is no such address here.")
        assert {name: headers.get(name) for name in HEADERS} == HEADERS


def test_a_request_has_a_largest_size(visitor: Visitor) -> None:
    status, _, content = visitor.ask("POST", "/gradio_api/run/predict", Content_Length=str(LARGEST_REQUEST + 1))
    assert (status, content) == (413, b"That is more than this page takes at once.")
    parts = (b"x" * 1_000_000 for _ in range(LARGEST_REQUEST // 1_000_000 + 2))  # whose number nobody announces
    assert visitor.send_in_parts("/gradio_api/run/predict", parts) in (400, 413)
    assert visitor.ask("GET", "/config")[0] == 200


def test_behind_a_proxy_the_page_keeps_its_place() -> None:
    with served(as_on_a_space(), root_path="/scope") as page:
        visitor = Visitor(page)
        for path in ("/", "/config", "/gradio_api/info", "/theme.css"):
            status, headers, _ = visitor.ask("GET", path)
            assert status == 200
            assert {name: headers.get(name) for name in HEADERS} == HEADERS
        assert b"/scope" in visitor.ask("GET", "/config")[2]


class TestLogin:
    @pytest.fixture(scope="class")
    def page(self) -> Iterator[gr.Blocks]:
        with served(as_on_a_space(), login=[("ada", "secret")]) as page:
            yield page

    def test_nobody_gets_in_without_it(self, page: gr.Blocks) -> None:
        stranger, answered = Visitor(page), set()
        for method, pattern, path in addresses(page):
            status, headers, content = begin(stranger, method, path)
            assert {name: headers.get(name) for name in HEADERS} == HEADERS, (method, path)
            assert b"components" not in content or b"auth_required" in content, (method, path)
            if status not in (401, 403, 404, 405, 422) and method != "HEAD":
                answered.add(pattern)
        assert answered <= set(OPEN)

    def test_a_wrong_password_is_refused_and_a_right_one_opens(self, page: gr.Blocks) -> None:
        visitor = Visitor(page)
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        for wrong in (b"username=ada&password=wrong", b"username=&password=", b"username=ada&password=secret%00"):
            assert visitor.ask("POST", "/login", wrong, **form)[0] in (400, 422)
            assert visitor.ask("GET", "/config")[0] == 401
        status, headers, _ = visitor.ask("POST", "/login", b"username=ada&password=secret", **form)
        assert status == 200
        assert "httponly" in headers["set-cookie"].lower()
        assert "secret" not in headers["set-cookie"]
        visitor.cookies = headers["set-cookie"].split(";")[0]
        assert visitor.ask("GET", "/config")[0] == 200
