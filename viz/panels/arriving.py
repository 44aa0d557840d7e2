"""What arrives from a browser, made fit to be worked with and sent back: JSON may hold halves of characters."""

import re
from typing import Any, Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
DEEPEST: Final = 16  # lists in lists; what a page sends is less than half as deep
LARGEST: Final = 2**53 - 1  # a page's own numbers are exact up to here; past 64 bits no answer could hold one
# JSON can write one half of a pair of UTF-16 units alone. It is no character: no text with it can be encoded, so an
# answer that holds it could never be sent.
_HALVES: Final = re.compile("[\ud800-\udfff]")


def readable(content: Any, deepest: int = DEEPEST, *, largest: int | None = None) -> Any:
    """Puts the replacement character in the place of each half of a character, in texts, lists and dictionaries.

    Tokenizers do the same with a half, so a prompt's tokens stay what they were.

    Args:
        content: Anything that JSON can say.
        deepest: How many levels are read; what lies deeper is left out, as nothing that a page asks for is.
        largest: Whole numbers beyond it, or below its negative, are left out, too; None for as they come.
    """
    if isinstance(content, int) and largest is not None and abs(content) > largest:
        return None
    if isinstance(content, str):
        return _HALVES.sub(REPLACEMENT, content)
    if isinstance(content, list | dict) and deepest == 0:
        return None
    if isinstance(content, list):
        return [readable(one, deepest - 1, largest=largest) for one in content]
    if isinstance(content, dict):
        return {readable(name): readable(one, deepest - 1, largest=largest) for name, one in content.items()}
    return content
