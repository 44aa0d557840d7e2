"""How a token is written: the marks for what the eye cannot see, and the one door out of plain text.

Token text is hostile: it comes from prompts and from vocabularies and may hold markup, templates or control characters.
Inside the project it travels as plain labels made by `visible`. The page writes labels through `textContent`, which
needs no escaping. The only reader of markup is plotly (its tick labels and cell texts understand a few tags), and
`plotly_text` is the only way to it.
"""

import html
import unicodedata
from functools import lru_cache

SPACE_MARK = "·"
NEWLINE_MARK = "↵"
TAB_MARK = "⇥"
EMPTY_MARK = "∅"
ELLIPSIS = "…"

_MARKS = {" ": SPACE_MARK, "\n": NEWLINE_MARK, "\t": TAB_MARK}
_CONTROL_PICTURES = 0x2400  # the Unicode block that pictures U+0000 to U+001F, in the same order
# Format, surrogate, private, unassigned, other separators: they show nothing, or turn the text around them.
_UNSEEN = frozenset({"Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Cc"})


@lru_cache(maxsize=2**16)  # every step writes the whole text again
def visible(text: str, data: bytes | None = None) -> str:
    """Writes a token so that all of it can be seen: `·` for a space, `↵` for a newline, bytes for half a character.

    Args:
        text: The token as the tokenizer decodes it.
        data: The bytes it stands for, where they are known. If they are no whole UTF-8 text they are shown as
            hexadecimal, since `text` then only holds replacement characters.

    Returns:
        Plain text on one line, never empty. It is not escaped: give it to `textContent`, or to `plotly_text`.
    """
    if data is not None and "�" in text and not _is_text(data):
        return "".join(f"\\x{byte:02X}" for byte in data)
    return "".join(_visible_character(character) for character in text) or EMPTY_MARK


def shorten(label: str, limit: int) -> str:
    """Cuts a label to at most `limit` characters, an ellipsis standing for what was cut."""
    return label if len(label) <= limit else label[: limit - 1] + ELLIPSIS


def plotly_text(label: str, limit: int = 12) -> str:
    """Makes a visible label safe for plotly, which reads tags and entities in texts: `<s>` would come out empty.

    Args:
        label: What `visible` returned.
        limit: The most characters to keep, counted before escaping.
    """
    return html.escape(shorten(label, limit), quote=False)


def quoted(label: str, limit: int = 24) -> str:
    """Puts a label into quotation marks for use inside a sentence."""
    return f"“{shorten(label, limit)}”"


def _visible_character(character: str) -> str:
    if character in _MARKS:
        return _MARKS[character]
    if character < " ":
        return chr(_CONTROL_PICTURES + ord(character))
    if unicodedata.category(character) in _UNSEEN or (character.isspace()):
        return f"⟨U+{ord(character):04X}⟩"
    return character


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
