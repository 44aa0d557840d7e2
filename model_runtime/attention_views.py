"""Other ways to look at a map of attention: without the sink, and by words. Plain arithmetic on records."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model_runtime.errors import OutOfRange
from model_runtime.head_records import CombinedMap
from model_runtime.records import AttentionMap, Floats, Integers, TokenTable

Map = TypeVar("Map", AttentionMap, CombinedMap)
# Letters from here on are written without spaces between words: CJK, kana, Hangul and their kin.
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")


def hide_sink(attention: Map, positions: Sequence[int]) -> Map:
    """The map with some keys and the model's own sink taken out, and the rest of each row renormalised.

    Args:
        attention: A map whose rows and sinks sum to one; a "maximum" map is renormalised just the same.
        positions: The keys to hide, such as the first token's.

    Returns:
        The same kind of map: hidden keys are 0 and not visible, the sink is 0, and `hidden` says how much of each row
        was taken out. A row with nothing left is all zeros, and wholly hidden.

    Raises:
        OutOfRange: There is no such position.
    """
    if not len(positions):
        return attention
    hide = np.zeros(attention.weights.shape[1], np.bool_)
    for position in positions:
        if not 0 <= position < len(hide):
            raise OutOfRange(f"Position {position} does not exist; use 0 to {len(hide) - 1}.")
        hide[position] = True
    weights = np.where(hide, np.float32(0), attention.weights)
    total = attention.weights.sum(1) + attention.sink
    rest = weights.sum(1)
    share = np.divide(rest, total, out=np.zeros_like(rest), where=total > 0)
    return replace(
        attention,
        weights=_floats(weights / np.where(rest > 0, rest, 1)[:, None]),
        visible=attention.visible & ~hide,
        sink=np.zeros_like(attention.sink),
        hidden=_floats(np.clip(1 - (1 if attention.hidden is None else 1 - attention.hidden) * share, 0, 1)),
    )


def _floats(values: NDArray[np.floating]) -> Floats:
    return values.astype(np.float32)


def merge_words(attention: Map, words: Integers) -> Map:
    """The map over words instead of tokens: a word's rows are averaged, its columns summed.

    Rows that summed to one thereby still do.

    Args:
        attention: A map over tokens; of a part of the text it holds whole words.
        words: [token] the index of each token's word, from 0, never falling; see `words_of`. Those of its keys.

    Raises:
        OutOfRange: The words are not those of the map's tokens.
    """
    tokens = attention.weights.shape[1]
    if len(words) != tokens:
        raise OutOfRange(f"There are words for {len(words)} tokens, and the map has {tokens}.")
    starts = np.flatnonzero(np.diff(words, prepend=-1))
    rows = starts[starts >= attention.begin] - attention.begin
    sizes = np.diff(rows, append=tokens - attention.begin).astype(np.float32)
    columns = np.add.reduceat(attention.weights, starts, axis=1)
    return replace(
        attention,
        weights=_floats(np.add.reduceat(columns, rows, axis=0) / sizes[:, None]),
        visible=np.logical_or.reduceat(np.logical_or.reduceat(attention.visible, starts, axis=1), rows, axis=0),
        sink=_floats(np.add.reduceat(attention.sink, rows) / sizes),
        hidden=None if attention.hidden is None else _floats(np.add.reduceat(attention.hidden, rows) / sizes),
        begin=len(starts) - len(rows),
    )


def words_of(tokens: TokenTable) -> Integers:
    """[token] the index of each token's word, from 0, never falling.

    A word begins with white space, at a special token and after one, where letters or digits meet other signs, and with
    each letter of a script that is written without spaces. A token that goes on with a character begun before it stays
    with it.
    """
    text = b"".join(tokens.bytes)  # characters may be split over tokens
    offsets = np.cumsum([0, *map(len, tokens.bytes)])
    begins = np.zeros(len(tokens.ids), np.int64)
    for index in range(1, len(begins)):
        special = tokens.special[index] or tokens.special[index - 1] or not tokens.bytes[index]
        begins[index] = special or _parts(text, int(offsets[index]))
    return np.cumsum(begins)


def _parts(text: bytes, offset: int) -> bool:
    """Whether a word begins at a place in a text, by the characters on both sides."""
    if 0x80 <= text[offset] < 0xC0:  # in the middle of a character
        return False
    start = offset - 1
    while start > 0 and 0x80 <= text[start] < 0xC0:
        start -= 1
    first = text[offset : offset + 4].decode("utf-8", errors="ignore")[:1]
    last = text[max(0, start) : offset].decode("utf-8", errors="ignore")[-1:]
    if not first or not last or first.isspace():
        return True
    if last.isspace():  # the white space was the word's beginning, unless it ended a line
        return last == "\n"
    if unicodedata.name(first, "").startswith(UNSPACED):
        return True
    return (first.isalnum() or first == "_") != (last.isalnum() or last == "_")
