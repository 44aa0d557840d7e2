"""The questions about tokens themselves: how texts are cut, what the vocabulary holds, which embeddings are near."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

import numpy as np

from model_runtime.embeddings import Rows, embedding_matrix, nearest_tokens
from model_runtime.errors import EmptyPrompt, FeatureUnavailable, OutOfRange
from model_runtime.moment import Moment
from model_runtime.questions import Questions
from model_runtime.vocabulary_records import (
    ADDED,
    BEGINS,
    CONTAINS,
    IS,
    KINDS,
    MATCHES,
    NONE,
    ROLES,
    SPECIAL,
    Entries,
    NearestTokens,
    Pieces,
    PromptForms,
    SpecialTokens,
    VocabularyFacts,
    VocabularyPage,
)

_MATCHES: Final[dict[str, Callable[[str, str], bool]]] = {
    CONTAINS: lambda token, text: text in token,
    BEGINS: lambda token, text: token.startswith(text) or token.removeprefix(" ").startswith(text),
    IS: lambda token, text: text in (token, token.removeprefix(" ")),
}


class VocabularyQuestions(Questions):
    """Answers about the tokenizer and the embedding matrix. All methods may be called from any thread."""

    def cut(self, text: str) -> tuple[Pieces, ...]:
        """A text cut into words, into this model's tokens, into characters, and into bytes, in this order.

        Words are whatever stands between white space; tokens are without the special ones that are put around a text.
        """
        data = text.encode("utf-8", errors="replace")
        return (
            _plain("word", tuple(text.split()), lossless=False),
            self._vocabulary.pieces(text),
            _plain("character", tuple(text), lossless=True),
            Pieces(
                "byte",
                None,
                tuple(bytes([byte]).decode("utf-8", errors="replace") for byte in data),
                tuple(bytes([byte]) for byte in data),
                (False,) * len(data),
                lossless=True,
            ),
        )

    def plain(self, moment: Moment) -> str:
        """The text of a moment without its special tokens."""
        self._check(moment)
        return self._vocabulary.decode(self._ordinary(moment.ids))

    def vocabulary(self) -> VocabularyFacts:
        """How many tokens there are of each kind."""
        return self._facts

    def search(
        self, text: str = "", match: str = CONTAINS, kind: str | None = None, begin: int = 0, count: int = 50
    ) -> VocabularyPage:
        """The tokens that fit a text and a kind.

        Args:
            text: What is looked for, "" for anything; upper and lower case are alike.
            match: How: "contains", "begins" or "is". The latter two overlook one space before the token.
            kind: One of `KINDS`, None for any.
            begin: How many of the found tokens to leave out first.
            count: The most tokens to list.

        Raises:
            OutOfRange: There is no such match or kind, or begin is below 0 or count below 1.
        """
        if match not in MATCHES or (kind is not None and kind not in KINDS):
            raise OutOfRange(f"Cannot search for {match!r} of kind {kind!r}; use {MATCHES} and {KINDS}.")
        if begin < 0 or count < 1:
            raise OutOfRange(f"Cannot list {count} tokens from {begin} on; use 1 or more, from 0 or more.")
        wanted, fits = text.casefold(), _MATCHES[match]
        found: Sequence[int] = range(self._vocabulary.size)
        if kind is not None:
            found = [token for token in found if self._kinds[token] == kind]
        if wanted:
            found = [token for token in found if fits(self._folded[token], wanted)]
        return VocabularyPage(len(found), begin, self._entries(found[begin : begin + count]))

    def entries(self, ids: Iterable[int]) -> Entries:
        """Some tokens with their texts, bytes and kinds.

        Raises:
            OutOfRange: The model has no such id.
        """
        listed = list(ids)
        for token in listed:
            self._vocabulary.check(token)
        return self._entries(listed)

    def special_tokens(self) -> SpecialTokens:
        """The tokens that are no text, and what each is for."""
        roles: dict[int, set[str]] = {token: set() for token, kind in enumerate(self._kinds) if kind == SPECIAL}
        for role, token in self._vocabulary.named():
            roles.setdefault(token, set()).add(role)
        for token in self._card.end_ids:
            roles.setdefault(token, set()).add("stop")
        before, after = self._vocabulary.around()
        for role, tokens in (("put before", before), ("put after", after), ("template", self._template_ids())):
            for token in tokens:
                roles.setdefault(token, set()).add(role)
        ids = sorted((token for token in roles if token < self._vocabulary.size), key=lambda one: (not roles[one], one))
        told = tuple(tuple(role for role in ROLES if role in roles[token]) for token in ids)
        return SpecialTokens(self._entries(ids), told)

    def forms(self, text: str) -> PromptForms:
        """A message as it is and in the chat template, as the model receives both.

        Raises:
            EmptyPrompt: The text is empty, and the model has no token to begin a text with.
        """
        ids = self._vocabulary.prompt(text, chat=False)
        raw = self._vocabulary.named_pieces(ids)
        if not self._vocabulary.chat:
            return PromptForms(text, raw, None, "")
        chat = self._vocabulary.named_pieces(self._vocabulary.prompt(text, chat=True))
        return PromptForms(text, raw, chat, self._vocabulary.render(text))

    def asked(self, moment: Moment) -> PromptForms:
        """What a moment's prompt says, raw and in the template, and which of the two it is.

        A prompt that is neither, as one that was changed token by token, is taken as a raw text, special tokens
        written out.
        """
        self._check(moment)
        ids = moment.ids[: moment.prompt_length]
        plain = self._vocabulary.decode(self._ordinary(ids))
        for text, sent in ((self._vocabulary.said(ids), "chat"), (plain, "raw"), (plain.removeprefix(" "), "raw")):
            if text is not None and self._begins(text, ids, chat=sent == "chat"):
                return replace(self.forms(text), sent=sent)
        return self.forms(self._vocabulary.written(ids))

    def _begins(self, text: str, ids: tuple[int, ...], *, chat: bool) -> bool:
        """Whether these are the ids that a text is sent as."""
        try:
            return self._vocabulary.prompt(text, chat=chat) == ids
        except EmptyPrompt:
            return False

    def nearest(self, token: int, top: int = 20, centred: bool = False) -> NearestTokens:
        """A token's row in the input embedding matrix and the rows nearest to it by cosine, exact over the vocabulary.

        Args:
            token: Its id.
            top: How many neighbours to list; fewer where the vocabulary has fewer.
            centred: Whether to take the mean row of the vocabulary off all rows before.

        Raises:
            OutOfRange: The model has no such id, or top is below 1.
            FeatureUnavailable: The matrix cannot be read, or the token's row is all zeros.
        """
        self._vocabulary.check(token)
        if top < 1:
            raise OutOfRange(f"Cannot list {top} tokens; use 1 or more.")
        with self._lock, self._engine.running():
            rows = self._rows
            if token >= len(rows.matrix):
                raise FeatureUnavailable(
                    f"Token {token} has no row in the embedding matrix of {len(rows.matrix)} rows."
                )
            return nearest_tokens(self._engine.model, rows, self._vocabulary, token, top, centred)

    @cached_property
    def _rows(self) -> Rows:
        """The embedding matrix. The caller holds the lock."""
        return Rows.of(embedding_matrix(self._engine.model, self._vocabulary.size))

    def _ordinary(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(token for token in ids if self._kinds[token] != SPECIAL)

    @cached_property
    def _facts(self) -> VocabularyFacts:
        kinds = self._kinds
        ordinary = [token for token, kind in enumerate(kinds) if kind not in (SPECIAL, ADDED, NONE)]
        return VocabularyFacts(
            size=len(kinds),
            known=len(kinds) - kinds.count(NONE),
            counts=tuple(kinds.count(kind) for kind in KINDS),
            longest=max(ordinary, key=lambda token: len(self._vocabulary.bytes_of(token)), default=-1),
        )

    @cached_property
    def _kinds(self) -> tuple[str, ...]:
        """[token] the kind of every id."""
        return tuple(self._vocabulary.kind(token) for token in range(self._vocabulary.size))

    @cached_property
    def _folded(self) -> tuple[str, ...]:
        """[token] the text of every id, upper and lower case alike."""
        return tuple(self._vocabulary.text(token).casefold() for token in range(self._vocabulary.size))

    def _entries(self, ids: Sequence[int]) -> Entries:
        vocabulary = self._vocabulary
        return Entries(
            ids=np.array(ids, np.int64),
            text=tuple(vocabulary.text(token) for token in ids),
            bytes=tuple(vocabulary.bytes_of(token) for token in ids),
            kinds=tuple(self._kinds[token] for token in ids),
        )

    def _template_ids(self) -> set[int]:
        """The special tokens that the chat template writes around a message."""
        if not self._vocabulary.chat:
            return set()
        return {token for token in self._vocabulary.prompt("a", chat=True) if self._kinds[token] == SPECIAL}


def _plain(unit: str, pieces: tuple[str, ...], *, lossless: bool) -> Pieces:
    """Pieces that are no tokens."""
    data = tuple(piece.encode("utf-8", errors="replace") for piece in pieces)
    return Pieces(unit, None, pieces, data, (False,) * len(pieces), lossless)
