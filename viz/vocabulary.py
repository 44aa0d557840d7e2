"""Tokens by themselves: texts cut into pieces, entries of the vocabulary, prompts as received, nearest embeddings."""

from typing import Any, Final

import numpy as np

from model_runtime.vocabulary_records import (
    KINDS,
    Entries,
    NearestTokens,
    Pieces,
    PromptForms,
    SpecialTokens,
    VocabularyFacts,
    VocabularyPage,
)
from viz.labels import quoted, visible
from viz.payload import pack
from viz.residual import vector_payload
from viz.sentences import later, say

MOST_PIECES: Final = 160  # of a text that are drawn; the numbers are about all
MOST_BYTES: Final = 16  # of a token that are written out
MOST_TOKENS: Final = 40  # special tokens that are listed
MOST_WRITTEN: Final = 2000  # characters of a prompt as it is received

KIND_NAMES: Final = {
    "special": later("special"),
    "added": later("added by hand"),
    "byte": later("single byte"),
    "part": later("part of a character"),
    "space": later("white space"),
    "word": later("letters after a space"),
    "letters": later("letters, no space before"),
    "number": later("number"),
    "punctuation": later("punctuation, symbols"),
    "mixed": later("mixed"),
    "none": later("beyond the tokenizer"),
}
_ROLE_NAMES: Final = {
    "begin": later("begins a text (BOS)"),
    "end": later("ends a text (EOS)"),
    "unknown": later("stands for what cannot be spelled"),
    "padding": later("fills up shorter texts of a batch"),
    "separator": later("separates two texts"),
    "class": later("stands for a whole text"),
    "mask": later("hides a token"),
    "stop": later("generation stops at it"),
    "template": later("the chat template writes it"),
    "put before": later("put before every raw text"),
    "put after": later("put after every raw text"),
}
_UNIT_NAMES: Final = {
    "word": later("words"),
    "token": later("tokens"),
    "character": later("characters"),
    "byte": later("bytes"),
}


def hexadecimal(data: bytes) -> str:
    """Bytes as two digits each, the first of them where there are many."""
    shown = " ".join(f"{byte:02X}" for byte in data[:MOST_BYTES])
    return f"{shown} …" if len(data) > MOST_BYTES else shown


def entries_payload(entries: Entries) -> dict[str, Any]:
    """Turns tokens into rows.

    Returns:
        `ids`, `labels`, `hex`, `lengths` in bytes, and `kinds` in words, all [token].
    """
    return {
        "ids": entries.ids.tolist(),
        "labels": [visible(text, data) for text, data in zip(entries.text, entries.bytes, strict=True)],
        "hex": [hexadecimal(data) for data in entries.bytes],
        "lengths": [len(data) for data in entries.bytes],
        "kinds": [say(KIND_NAMES[kind]) for kind in entries.kinds],
    }


def pieces_payload(pieces: Pieces, words: int, title: str = "") -> dict[str, Any]:
    """Turns a cut text into a row of pieces.

    Args:
        pieces: The pieces.
        words: How many words the text has.
        title: What to call them; by default their unit.

    Returns:
        The first `labels`, `ids` (empty where the pieces are no tokens) and `special`; `count` of all, `per_word`, None
        where there is no word; `lossless`.
    """
    shown = slice(MOST_PIECES)
    written = [hexadecimal(data) for data in pieces.bytes[shown]]
    if pieces.unit != "byte":
        written = [visible(text, data) for text, data in zip(pieces.text[shown], pieces.bytes[shown], strict=True)]
    return {
        "title": title or say(_UNIT_NAMES[pieces.unit]),
        "unit": pieces.unit,
        "labels": written,
        "ids": [] if pieces.ids is None else pieces.ids[shown].tolist(),
        "special": [index for index, special in enumerate(pieces.special[shown]) if special],
        "count": len(pieces.text),
        "per_word": len(pieces.text) / words if words else None,
        "lossless": pieces.lossless,
    }


def special_payload(tokens: SpecialTokens) -> dict[str, Any]:
    """Turns the special tokens into rows with what each is for."""
    count = len(tokens.roles)
    rows = entries_payload(tokens.entries)
    names = [", ".join(say(_ROLE_NAMES[role]) for role in roles) or say("no use is known") for roles in tokens.roles]
    return {
        **{name: rows[name][:MOST_TOKENS] for name in ("ids", "labels")},
        "roles": names[:MOST_TOKENS],
        "more": max(0, count - MOST_TOKENS),
    }


def forms_payload(forms: PromptForms) -> dict[str, Any]:
    """Turns the two ways of sending a message into two columns; `chat` is None where there is no template."""
    words = len(forms.text.split())
    return {
        "text": forms.text,
        "sent": forms.sent,
        "raw": {**pieces_payload(forms.raw, words), "written": _written(forms.raw)},
        "chat": None
        if forms.chat is None
        else {**pieces_payload(forms.chat, words), "written": _shown(forms.rendered)},
    }


def facts_payload(facts: VocabularyFacts) -> dict[str, Any]:
    """Turns the vocabulary as a whole into its size and the kinds that there are: [kind, name, count]."""
    kinds = [[kind, say(KIND_NAMES[kind]), count] for kind, count in zip(KINDS, facts.counts, strict=True) if count]
    return {"size": facts.size, "known": facts.known, "kinds": kinds}


def page_payload(page: VocabularyPage) -> dict[str, Any]:
    """Turns a page of a search into rows, with how many were found and where the page begins."""
    return {**entries_payload(page.entries), "total": page.total, "begin": page.begin}


def nearest_payload(raw: NearestTokens, centred: NearestTokens, labels: dict[int, str]) -> dict[str, Any]:
    """Turns a token's neighbours into two lists, a map and its row.

    Args:
        raw: Its neighbours by the rows as they are stored.
        centred: Its neighbours without the mean row.
        labels: [id] the visible label of the token and of all neighbours.
    """
    points = centred.points
    return {
        **vector_payload(raw.vector),
        "token": raw.token,
        "label": labels[raw.token],
        "lists": [_list_payload(near, labels) for near in (raw, centred)],
        "shorter": raw.shorter,
        "tied": tied_words(raw),
        "map": {
            "ids": [raw.token, *centred.ids.tolist()],
            "labels": [labels[token] for token in (raw.token, *centred.ids.tolist())],
            "points": pack(points),
            "edges": [[float(points[:, axis].min()), float(points[:, axis].max())] for axis in (0, 1)],
            "explained": [float(share) for share in centred.explained],
        },
    }


def _list_payload(near: NearestTokens, labels: dict[int, str]) -> dict[str, Any]:
    return {
        "ids": near.ids.tolist(),
        "labels": [labels[token] for token in near.ids.tolist()],
        "cosine": pack(near.cosine),
        "norms": pack(near.norms),
        "mean": _known(near.mean),
        "deviation": _known(near.deviation),
    }


def tied_words(near: NearestTokens) -> str:
    """Says how the embedding and the output head are related."""
    if near.tied:
        return say(
            "The output head is this very matrix (tied): a token is predicted by the same row that stands for it."
        )
    if near.tied is None or np.isnan(near.head_cosine):
        return say("The output head has a matrix of its own, which cannot be compared row by row.")
    cosine = f"{near.head_cosine:.3f}".replace("-", "\u2212")
    own = quoted(visible(near.text))
    return say(
        "The output head has a matrix of its own; its row for {own} has cosine {cosine} with this one.",
        own=own,
        cosine=cosine,
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _written(pieces: Pieces) -> str:
    return _shown(b"".join(pieces.bytes).decode("utf-8", errors="replace"))


def _shown(text: str) -> str:
    """A text with its spaces and lines as they are, and marks for whatever else cannot be seen."""
    lines = text[:MOST_WRITTEN].split("\n")
    more = " …" if len(text) > MOST_WRITTEN else ""
    return "\n".join(" ".join(visible(word) if word else "" for word in line.split(" ")) for line in lines) + more
