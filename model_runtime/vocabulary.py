"""What token ids say: their text and bytes, and how a text becomes ids."""

import hashlib
import json
import threading
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np
from jinja2 import TemplateError

from model_runtime.errors import EmptyPrompt, NoChatTemplate, OutOfRange
from model_runtime.pieces import SPACE, Between, is_byte, spelled, style_of
from model_runtime.token_kinds import kind_of
from model_runtime.vocabulary_records import ADDED, BYTE, NONE, SPECIAL, Pieces

# What tokenizers call the tokens that they have for a purpose, and the purpose.
_NAMED: Final = {
    "bos": "begin",
    "eos": "end",
    "unk": "unknown",
    "pad": "padding",
    "sep": "separator",
    "cls": "class",
    "mask": "mask",
}


class Tokenizer(Protocol):
    """The part of transformers' tokenizers that is used here."""

    chat_template: Any
    bos_token_id: int | None
    eos_token_id: int | None
    all_special_ids: list[int]
    added_tokens_decoder: dict[int, Any]

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Any:
        """Encodes a text."""

    def get_vocab(self) -> dict[str, int]:
        """Every piece with its id, added tokens included."""

    def decode(self, ids: list[int], **options: bool) -> str:
        """The text of ids."""

    def apply_chat_template(self, messages: list[dict[str, str]], **options: Any) -> Any:
        """Renders a conversation."""


class Vocabulary:
    """A tokenizer, and the size of the output head that it belongs to.

    Attributes:
        size: How many ids the model gives a probability to; may exceed the tokenizer's.
        special_ids: The tokenizer's special tokens.
        plain_ids: All ids that the tokenizer and the model know and that are not special, in order.
    """

    def __init__(self, tokenizer: Tokenizer, size: int) -> None:
        self._tokenizer = tokenizer
        self._lock = (
            threading.Lock()
        )  # transformers' fast tokenizers keep settings that two calls may not touch at once
        self.size = size
        self.special_ids = frozenset(tokenizer.all_special_ids)
        self._pieces = {token: piece for piece, token in tokenizer.get_vocab().items()}
        self.plain_ids = tuple(sorted(token for token in {*self._pieces} - self.special_ids if token < size))
        self._bytes: dict[int, bytes] = {}
        self._texts: dict[int, str] = {}
        added = tokenizer.added_tokens_decoder
        self._added: dict[int, str] = {token: str(entry.content) for token, entry in added.items()}
        self._marked = self.special_ids | {token for token, entry in added.items() if entry.special}
        self._python = getattr(tokenizer, "backend_tokenizer", None) is None
        pieces = {piece: token for token, piece in self._pieces.items() if token not in self._added}
        self._style = style_of(tokenizer, pieces)
        self._between = Between(pieces, self._plain, self.decode) if self._style == "other" else None

    @property
    def chat(self) -> bool:
        """Whether there is a chat template."""
        return bool(self._tokenizer.chat_template)

    @property
    def begin_id(self) -> int | None:
        """The token that texts begin with, None where there is none."""
        return self._tokenizer.bos_token_id

    @property
    def end_id(self) -> int | None:
        """The tokenizer's own end token, None where there is none."""
        return self._tokenizer.eos_token_id

    def encode(self, text: str, *, special: bool = True) -> tuple[int, ...]:
        """The ids of a text, as `tokenizer(text)` gives them; `special=False` leaves the added special tokens out.

        Raises:
            OutOfRange: The tokenizer gives an id that the model does not have.
        """
        with self._lock:
            ids = tuple(self._tokenizer(_sound(text), add_special_tokens=special).input_ids)
        unknown = next((token for token in ids if token >= self.size), None)
        if unknown is not None:
            raise OutOfRange(
                f"The tokenizer makes {self._pieces.get(unknown)!r} of this text, token id {unknown}, and the model "
                f"has ids 0 to {self.size - 1}: this is not its own tokenizer. Leave that out, or open the model with "
                "its own tokenizer."
            )
        return ids

    def _plain(self, text: str) -> tuple[int, ...]:
        return self.encode(text, special=False)

    def prompt(self, text: str, *, chat: bool) -> tuple[int, ...]:
        """The ids that a generation begins with.

        Raises:
            EmptyPrompt: No text, and no token to begin with.
            NoChatTemplate: A chat was asked for and the tokenizer has no template.
        """
        if chat:
            return self._chat_prompt(text)
        ids = self.encode(text)
        if ids:
            return ids
        if self.begin_id is None:
            raise EmptyPrompt("There is no text, and this model has no token to begin a text with. Type something.")
        return (self.begin_id,)

    def _chat_prompt(self, text: str) -> tuple[int, ...]:
        if not self.chat:
            raise NoChatTemplate(
                "This model's tokenizer has no chat template. Turn chat off to send the text as it is."
            )
        return self.encode(self.render(text), special=False)  # the template writes the BOS itself; two would be wrong

    def render(self, text: str) -> str:
        """What the chat template makes of a message of the user. There must be a template.

        Raises:
            NoChatTemplate: The template fails or refuses the message.
        """
        messages = [{"role": "user", "content": _sound(text)}]
        try:
            rendered: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except (TemplateError, ValueError, TypeError, LookupError, AttributeError) as error:  # it is the model's code
            raise NoChatTemplate(
                f"This model's chat template cannot write the message: {error}. "
                "Turn chat off to send the text as it is."
            ) from error
        return rendered

    def said(self, ids: tuple[int, ...]) -> str | None:
        """The text between what the chat template writes before and after a message, None where ids are no such."""
        if not self.chat:
            return None
        before, one, after = self.render("\ufffc").partition("\ufffc")
        whole = self.written(ids)
        fits = one and whole.startswith(before) and whole.endswith(after) and len(whole) >= len(before + after)
        return whole[len(before) : len(whole) - len(after)] if fits else None

    def pieces(self, text: str) -> Pieces:
        """A text cut into tokens, without the special ones that are put around it."""
        data = _sound(text).encode()
        pieces = self.named_pieces(self.encode(text, special=False))
        joined = b"".join(pieces.bytes)
        return replace(pieces, lossless=joined in (data, b" " + data))

    def named_pieces(self, ids: tuple[int, ...]) -> Pieces:
        """Tokens with what they say."""
        return Pieces(
            "token",
            np.array(ids, np.int64),
            tuple(self.text(token) for token in ids),
            tuple(self.bytes_of(token) for token in ids),
            tuple(token in self._marked for token in ids),
            lossless=True,
        )

    def named(self) -> list[tuple[str, int]]:
        """(role, id) of the tokens that the tokenizer has a name for."""
        ids = [(role, getattr(self._tokenizer, f"{name}_token_id", None)) for name, role in _NAMED.items()]
        return [(role, token) for role, token in ids if token is not None]

    def around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The ids that the tokenizer puts before and after every raw text."""
        plain, whole = self.encode("a", special=False), self.encode("a")
        for begin in range(len(whole) - len(plain) + 1):
            if whole[begin : begin + len(plain)] == plain:
                return whole[:begin], whole[begin + len(plain) :]
        return (), ()

    def kind(self, token: int) -> str:
        """What a token is, one of `vocabulary_records.KINDS`.

        Raises:
            OutOfRange: The model has no such id.
        """
        self.check(token)
        piece = self._pieces.get(token)
        if piece is None:
            return NONE
        if token in self._marked:
            return SPECIAL
        if token in self._added:
            return ADDED
        if is_byte(piece, self._style):
            return BYTE
        return kind_of(self.bytes_of(token))

    def decode(self, ids: tuple[int, ...]) -> str:
        """The text of several tokens together, special tokens included."""
        known = [token for token in ids if token in self._pieces]
        if self._python and self._style != "other":  # these decoders leave `<0x0A>` as it is, and drop outer spaces
            text = b"".join(map(self.bytes_of, known)).decode("utf-8", errors="replace")
            return text.removeprefix(" ") if self._style == "metaspace" else text
        exact = {"clean_up_tokenization_spaces": False, "spaces_between_special_tokens": False}
        with self._lock:
            return self._tokenizer.decode(known, skip_special_tokens=False, **exact)

    def written(self, ids: tuple[int, ...]) -> str:
        """A text, special tokens included, that `encode(text, special=False)` makes these ids of; else the nearest."""
        decoded = self.decode(ids)
        # A tokenizer that puts a space before a text drops it in decoding, behind a special token too.
        pieces = b"".join(map(self.bytes_of, ids)).decode("utf-8", errors="replace")
        return next((text for text in (decoded, pieces) if self.encode(text, special=False) == ids), decoded)

    def text(self, token: int) -> str:
        """One token as it stands inside a text, its leading space kept; `<id 32050>` beyond the tokenizer.

        A token that is only part of a character reads as the replacement character; `bytes_of` has its bytes.

        Raises:
            OutOfRange: The model has no such id.
        """
        known = self._texts.get(token)  # kept, as every step of a long text asks for all tokens of its lens
        if known is None:
            self.check(token)
            beyond = token not in self._pieces
            known = f"<id {token}>" if beyond else self.bytes_of(token).decode("utf-8", errors="replace")
            self._texts[token] = known
        return known

    def bytes_of(self, token: int) -> bytes:
        """The bytes that a token stands for, possibly part of a character; none beyond the tokenizer.

        Raises:
            OutOfRange: The model has no such id.
        """
        self.check(token)
        known = self._bytes.get(token)  # kept, as every step of a long text asks for all its tokens
        if known is None:
            known = self._bytes[token] = self._read(token)
        return known

    def _read(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            return b""
        if token in self._added or token in self.special_ids:
            content = self._added.get(token, piece)
            if self._style == "metaspace" and token not in self._marked:  # Gemma lists its runs of spaces so
                content = content.replace(SPACE, " ")
            return content.encode("utf-8", errors="replace")
        if self._between is not None:
            return self._between(token).encode("utf-8", errors="replace")
        return spelled(piece, self._style)

    def check(self, token: int) -> None:
        """Refuses ids that the model does not have."""
        if not 0 <= token < self.size:
            raise OutOfRange(f"Token id {token} does not exist; this model has ids 0 to {self.size - 1}.")

    def fingerprint(self) -> str:
        """A hash of every piece with its id."""
        pieces = sorted(self._tokenizer.get_vocab().items(), key=lambda item: (item[1], item[0]))
        return hashlib.sha256(json.dumps(pieces).encode()).hexdigest()


def _sound(text: str) -> str:
    """The text without lone surrogates, which no tokenizer can encode and a browser can send."""
    return text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
