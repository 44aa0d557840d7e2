"""The headers that every answer of the server carries: what the page may load, run and be framed by.

Measured with gradio 6.31 in Chromium. It needs inline scripts (its configuration, and the page's head) and inline
styles, and `unsafe-eval`, since it makes functions of the scripts of components; so no nonce or hash can take their
place. What is left to forbid is everything that would reach another host or take the page's name: a script that got
in all the same could send nothing anywhere. Workers and images come as `blob:` and `data:`.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import unquote

from viz.panels.faults import WORDS, log_fault
from viz.sentences import later, say

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Who may show the page in a frame: Hugging Face, which shows every Space in one, and the page itself.
FRAMED_BY: Final = ("'self'", "https://huggingface.co", "https://*.hf.space")
POLICY: Final[dict[str, tuple[str, ...]]] = {
    "default-src": ("'self'",),
    "script-src": ("'self'", "'unsafe-inline'", "'unsafe-eval'"),
    "style-src": ("'self'", "'unsafe-inline'"),
    "img-src": ("'self'", "data:", "blob:"),
    "font-src": ("'self'", "data:"),
    "connect-src": ("'self'", "data:", "blob:"),
    "worker-src": ("'self'", "blob:"),
    "frame-src": ("'self'",),
    "object-src": ("'none'",),
    "base-uri": ("'self'",),
    "form-action": ("'self'",),
    "frame-ancestors": FRAMED_BY,
}
# What no picture of numbers needs; the clipboard takes links.
_SWITCHED_OFF: Final = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
HEADERS: Final[dict[str, str]] = {
    "content-security-policy": "; ".join(f"{name} {' '.join(sources)}" for name, sources in POLICY.items()),
    "x-content-type-options": "nosniff",
    # A link to the page holds the text that it shows: other hosts are not to learn it.
    "referrer-policy": "no-referrer",
    "permissions-policy": ", ".join(f"{name}=()" for name in _SWITCHED_OFF),
}
LARGEST_UPLOAD: Final = "2mb"  # nothing that the page opens is larger than a view
LARGEST_REQUEST: Final = 32_000_000  # bytes: a view of a dozen long texts has a tenth of it
# Gradio's own ways to other hosts, to its development tools, and to write files that a stranger sends or chooses: the
# page uses none of them.
_CLOSED: Final = (
    *("/file=http:", "/file=https:", "/proxy="),
    *("/vibe-", "/undo-vibe-", "/dev/reload"),
    *("/upload", "/process_recording", "/deep_link"),
)
_NO_ADDRESS: Final = later("There is no such address here.")
_TOO_LARGE: Final = later("That is more than this page takes at once.")
_ENCODED: Final = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


class Shield:
    """Puts `HEADERS` on every answer over HTTP, in place of any of the same name; streams pass as they come."""

    def __init__(self, app: App) -> None:
        """Takes the application that answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        if is_closed(str(scope["path"])):
            await _refuse(send, 404, _NO_ADDRESS)
            return
        if _announced(scope) > LARGEST_REQUEST:
            await _refuse(send, 413, _TOO_LARGE)
            return

        begun, taken = False, 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST_REQUEST:
                raise _TooLargeError
            return message

        async def shielded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = [pair for pair in message.get("headers", ()) if pair[0].lower().decode() not in HEADERS]
                message["headers"] = [*own, *_ENCODED]
            await send(message)

        try:
            await self._app(scope, counted, shielded)
        except _TooLargeError:
            if not begun:
                await _refuse(send, 413, _TOO_LARGE)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server would log its message
            log_fault(error)
            if not begun:
                await _refuse(send, 500, WORDS)


class _TooLargeError(Exception):
    """More came than may."""


async def _refuse(send: Send, status: int, words: str) -> None:
    """Answers with a sentence."""
    await send({"type": "http.response.start", "status": status, "headers": [*_ENCODED]})
    await send({"type": "http.response.body", "body": say(words).encode()})


def _announced(scope: Scope) -> int:
    """How many bytes a request says that it has, 0 where it does not say."""
    told = next((value for name, value in scope["headers"] if name.lower() == b"content-length"), b"0")
    return int(told) if told.isdigit() else 0


def is_closed(path: str) -> bool:
    """Whether an address is one of gradio's that would reach another host, or that only developers of gradio need."""
    plain = unquote(path).lower().replace("\\", "/")
    return any(f"gradio_api{closed}" in plain for closed in _CLOSED)
