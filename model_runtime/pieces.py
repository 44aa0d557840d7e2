"""How tokenizers write their pieces, and what such a piece says inside a text.

Three kinds of pieces spell their bytes out and are read as they stand: those in GPT-2's alphabet for bytes, those with
one letter a byte, and sentencepiece's, where "▁" is a space and `<0x0A>` a byte. All others (WordPiece's "##", endings
such as "</w>" or "@@", characters) mean what their tokenizer makes of them between two letters.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, Final, Literal

Style = Literal["bytes", "letters", "metaspace", "other"]
Decode = Callable[[tuple[int, ...]], str]
Encode = Callable[[str], tuple[int, ...]]

SPACE: Final = "\u2581"  # how sentencepiece writes a space
_BYTE: Final = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# A piece of one letter, with the marks that tokenizers put before or after a piece.
_LETTER: Final = re.compile(r"(?:##)?([a-zA-Z])(?:@@|</w>)?")
_PAIR: Final = re.compile(r"([a-zA-Z])( ?)([a-zA-Z])")


def style_of(tokenizer: Any, pieces: Mapping[str, int]) -> Style:
    """How a tokenizer's pieces are written.

    Args:
        tokenizer: One of transformers'. Fast ones describe their decoder; the others are seen at work.
        pieces: Its ids by piece.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        return _described(json.dumps(json.loads(backend.to_str()).get("decoder")))
    joined = tokenizer.convert_tokens_to_string
    if {"Ã", "©"} <= pieces.keys() and joined(["Ã", "©"]) == "é":
        return "bytes" if "Ġ" in pieces else "letters"
    spaced = next((piece for piece in pieces if len(piece) > 1 and piece[0] == SPACE and piece[1:].isalpha()), None)
    if spaced is not None and " " in joined([spaced, spaced]):
        return "metaspace"
    return "other"


def _described(decoder: str) -> Style:
    if '"ByteLevel"' in decoder:
        return "bytes"
    if '"Metaspace"' in decoder or "\\u2581" in decoder or '"ByteFallback"' in decoder:
        return "metaspace"
    return "other"


def spelled(piece: str, style: Style) -> bytes:
    """The bytes of a piece that spells them out; `style` is not "other"."""
    if style == "metaspace":
        byte = _BYTE.fullmatch(piece)
        # Decoding one such token alone drops its leading space, so the piece itself is read.
        return bytes([int(byte[1], 16)]) if byte else piece.replace(SPACE, " ").encode("utf-8", errors="replace")
    alphabet = _alphabet() if style == "bytes" else _LATIN
    return b"".join(
        bytes([alphabet[letter]]) if letter in alphabet else letter.encode("utf-8", errors="replace")
        for letter in piece
    )


def is_byte(piece: str, style: Style) -> bool:
    """Whether a piece stands for one byte because it is one, and not for a character."""
    if style == "metaspace":
        return _BYTE.fullmatch(piece) is not None
    return style in ("bytes", "letters") and len(piece) == 1


class Between:
    """Reads tokens by what they add between two letters."""

    def __init__(self, pieces: Mapping[str, int], encode: Encode, decode: Decode) -> None:
        """Finds two tokens of one letter each to put others between.

        Args:
            pieces: The tokenizer's ids by piece.
            encode: Its ids for a text.
            decode: Its text for ids.
        """
        self._decode = decode
        letters = sorted(token for piece, token in pieces.items() if _LETTER.fullmatch(piece))
        self._around: tuple[int, int, str, str] | None = None
        for left, right in product(letters, letters):
            pair = _PAIR.fullmatch(decode((left, right)))
            # A space that the text needs in order to become these two tokens belongs to the second; one that is put
            # between any two tokens stands for nothing. Letters that join without a space show every token's own.
            if pair and (not pair[2] or (self._around is None and encode(pair[0]) == (left, right))):
                self._around = left, right, pair[1], pair[2] + pair[3]
                if not pair[2]:
                    break

    def __call__(self, token: int) -> str:
        """What a token adds to a text; read alone where the tokenizer has no letters."""
        if self._around is None:
            return self._decode((token,))
        left, right, before, after = self._around
        whole = self._decode((left, token, right))
        if not whole.startswith(before) or not whole.endswith(after.strip()):
            return self._decode((token,))
        return whole.removeprefix(before).removesuffix(after if whole.endswith(after) else after.strip())


@lru_cache(maxsize=1)
def _alphabet() -> dict[str, int]:
    """GPT-2's reversible alphabet: printable bytes stand for themselves, the rest for characters from 256 up."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


_LATIN: Final = {chr(byte): byte for byte in range(256)}
