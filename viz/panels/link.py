"""A view as text that fits into an address, and back. The text comes from anywhere, so nothing in it is trusted.

The text is base64 for addresses of a compressed JSON: the view without what is as in a fresh one, and the prompt box
where the text came from it. The same text is what a `.tokenscope` file holds.
"""

import base64
import binascii
import json
import zlib
from dataclasses import dataclass
from typing import Any, Final

from model_runtime import BadMoment, Moment
from viz.panels.arriving import readable
from viz.panels.view import View
from viz.sentences import later, say

VERSION: Final = 1
MOST_LINK: Final = 6_000  # characters of a link: mail programs, chats and proxies cut longer ones off
MOST_TEXT: Final = 2_000_000  # characters of what is read, from a file too
MOST_JSON: Final = 4_000_000  # bytes after decompression: what keeps a small file from filling the memory
MOST_PROMPT: Final = 200_000  # characters of the prompt box
_BROKEN: Final = later("The shared view was cut off or altered. Ask for it again, and copy all of it.")


@dataclass(frozen=True)
class Shared:
    """What a link or a file holds.

    Attributes:
        view: The view.
        prompt: The text of the prompt box that the view's text began with; "" where it began otherwise.
        chat: Whether that is a chat message.
    """

    view: View
    prompt: str = ""
    chat: bool = False


def to_text(shared: Shared) -> str:
    """Writes a view as URL-safe text (A-Z, a-z, 0-9, -, _), which `from_text` reads."""
    usual = _usual()
    view = {name: value for name, value in shared.view.to_json().items() if value != usual[name]}
    content: dict[str, Any] = {"tokenscope": VERSION, "view": view}
    if shared.prompt:
        content |= {"prompt": shared.prompt, "chat": shared.chat}
    packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode("ascii"), 9)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def from_text(text: object) -> Shared:
    """Reads what `to_text` wrote.

    Raises:
        InputError: The text is damaged, too large, of another version, or a field of it is no view's.
    """
    content = _unpack(text)
    version = content.get("tokenscope")
    if version != VERSION or isinstance(version, bool | float):
        told = say(
            "The shared view is of version {version}; this program reads version {own}. Update either.",
            version=str(version)[:20],
            own=VERSION,
        )
        raise BadMoment(told)
    sent, prompt, chat = content.get("view"), content.get("prompt", ""), content.get("chat", False)
    if not isinstance(sent, dict) or not isinstance(prompt, str) or not isinstance(chat, bool):
        raise BadMoment(say(_BROKEN))
    if len(prompt) > MOST_PROMPT:
        told = say(
            "The shared view's prompt has {count} characters; at most {most} can be read.",
            count=len(prompt),
            most=MOST_PROMPT,
        )
        raise BadMoment(told)
    view = View.from_json({**_usual(), **sent})
    for branch in view.branches:
        Moment.from_text(branch)
    return Shared(view, prompt, chat)


def _usual() -> dict[str, Any]:
    """A fresh view as JSON, beside whose fields a link's are left out; it has no text of its own."""
    return View(branches=()).to_json()


def _unpack(text: object) -> dict[str, Any]:
    """Undoes base64, compression and JSON, and trusts none of them."""
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        most = f"{MOST_TEXT:,}"
        raise BadMoment(say("The shared view is longer than {most} characters, or no text at all.", most=most))
    broken = say(_BROKEN)
    text = "".join(text.split())  # a mail program may have broken the lines of a file
    try:
        packed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, MOST_JSON)
        if not inflater.eof:  # cut short, or larger than any real view
            raise BadMoment(broken)
        content = json.loads(raw.decode("ascii"))
    except (UnicodeError, binascii.Error, zlib.error, ValueError, RecursionError) as error:
        raise BadMoment(broken) from error
    if not isinstance(content, dict):
        raise BadMoment(broken)
    restored: dict[str, Any] = readable(content)
    return restored
