"""Sentences in HTML templates: `[[Step]]` in a text or an attribute becomes the sentence in the page's language."""

import html
import re
from collections.abc import Iterator
from typing import Final

from viz.sentences import say

_SENTENCE: Final = re.compile(r"\[\[(.+?)\]\]", re.DOTALL)
TAG: Final = re.compile(r"</?[a-z][^<>]*>")
# Gradio reads a template as a JavaScript template literal and as Handlebars: what means something there is given as
# a character reference.
_SIGNS: Final = str.maketrans({sign: f"&#{ord(sign)};" for sign in "\\`${"})


def fill(template: str) -> str:
    """Returns a template with its sentences in the language of this process, escaped.

    Tags inside a sentence, such as a `<code>` that a script fills, stay what they are; a translation may move them, and
    any others in it become plain text.
    """

    def said(found: re.Match[str]) -> str:
        tags = set(TAG.findall(found[1]))
        pieces = re.split(f"({TAG.pattern})", say(_text(found[1])))
        return "".join(piece if piece in tags else _escaped(piece) for piece in pieces)

    return _SENTENCE.sub(said, template)


def texts(template: str) -> Iterator[tuple[int, str]]:
    """Yields the sentences of a template with the numbers of their lines, from 1."""
    for found in _SENTENCE.finditer(template):
        yield template.count("\n", 0, found.start()) + 1, _text(found[1])


def _text(source: str) -> str:
    """A sentence as a translator sees it: on one line, without character references."""
    return " ".join(html.unescape(source).split())


def _escaped(text: str) -> str:
    return html.escape(text, quote=True).translate(_SIGNS)
