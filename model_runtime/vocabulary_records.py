"""What the vocabulary answers: texts cut into pieces, tokens found and told apart, prompts as received, neighbours."""

from dataclasses import dataclass
from typing import Final

from model_runtime.records import Floats, Integers, seal

# What a token is, read from its bytes; each token is exactly one of these, the first that fits.
SPECIAL, ADDED, BYTE, PART, SPACE, WORD, LETTERS, NUMBER, PUNCTUATION, MIXED, NONE = KINDS = (
    *("special", "added", "byte", "part", "space", "word", "letters", "number", "punctuation", "mixed", "none"),
)
# How a search compares a token with the text.
CONTAINS, BEGINS, IS = MATCHES = ("contains", "begins", "is")
# What a special token is for; a token may have several of these.
ROLES: Final = (
    *("begin", "end", "unknown", "padding", "separator", "class", "mask"),
    *("stop", "template", "put before", "put after"),
)


@dataclass(frozen=True)
class Pieces:
    """A text cut into pieces.

    Attributes:
        unit: What the pieces are: "word" (whatever stands between white space), "token", "character" or "byte".
        ids: [piece] token ids, None where the pieces are no tokens.
        text: [piece] the pieces as text; part of a character reads as the replacement character.
        bytes: [piece] their bytes.
        special: [piece] whether it is a token that the tokenizer calls special.
        lossless: Whether the pieces' bytes, one after the other, are the text's own UTF-8, but for one space that some
            tokenizers put before a text. Never so of words: the white space between them is lost.
    """

    unit: str
    ids: Integers | None
    text: tuple[str, ...]
    bytes: tuple[bytes, ...]
    special: tuple[bool, ...]
    lossless: bool

    def __post_init__(self) -> None:
        count = (len(self.text),)
        shapes = {"bytes": count, "special": count}
        seal(self, **(shapes if self.ids is None else {**shapes, "ids": count}))


@dataclass(frozen=True)
class Entries:
    """Some tokens of a vocabulary.

    Attributes:
        ids: [token] token ids.
        text: [token] each as it stands inside a text; `<id 32050>` beyond the tokenizer.
        bytes: [token] the bytes it stands for; none beyond the tokenizer.
        kinds: [token] one of `KINDS`: special; added by hand, not special; the stand-in for one byte; part of a
            character, no whole UTF-8; white space only; letters after a space; letters; a number; punctuation and
            symbols; several of these mixed; none, an id that the model has and the tokenizer does not.
    """

    ids: Integers
    text: tuple[str, ...]
    bytes: tuple[bytes, ...]
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        count = (len(self.ids),)
        seal(self, text=count, bytes=count, kinds=count)


@dataclass(frozen=True)
class VocabularyFacts:
    """A vocabulary as a whole.

    Attributes:
        size: Ids that the model gives a probability to.
        known: Ids among them that the tokenizer knows.
        counts: [kind] how many ids are of each of `KINDS`; they sum to `size`.
        longest: The token of the most bytes, special and added ones left out; the lowest id of several. -1 where there
            is none.
    """

    size: int
    known: int
    counts: tuple[int, ...]
    longest: int


@dataclass(frozen=True)
class VocabularyPage:
    """A page of what a search found, in the order of the ids.

    Attributes:
        total: How many tokens were found in all.
        begin: How many of them stand before this page.
        entries: The tokens of this page.
    """

    total: int
    begin: int
    entries: Entries


@dataclass(frozen=True)
class SpecialTokens:
    """The tokens that are no text.

    Attributes:
        entries: The special tokens, those with a role first, then by id.
        roles: [token] what each is for, of `ROLES`: begins a text, ends one, stands for what cannot be spelled, fills
            batches up, separates, classifies, masks (the tokenizer's own names); stops generation (the model's
            settings); is written by the chat template; is put before, or after, every raw text by the tokenizer. Empty
            where nothing here says what it is for.
    """

    entries: Entries
    roles: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        seal(self, roles=(len(self.entries.ids),))


@dataclass(frozen=True)
class PromptForms:
    """One message as a base model and as a chat model receives it.

    Attributes:
        text: The message.
        raw: The tokens of the text as it is, with what the tokenizer puts around every text.
        chat: The tokens of the message in the chat template, None where there is none.
        rendered: What the template makes of the message, as text; "" where there is none.
        sent: Which of the two a moment began with, "raw" or "chat"; "" where it was neither.
    """

    text: str
    raw: Pieces
    chat: Pieces | None
    rendered: str
    sent: str = ""


@dataclass(frozen=True)
class NearestTokens:
    """A token's row in the input embedding matrix, and the rows that point in the most similar directions.

    The matrix is taken as it is stored: what a model does with a row afterwards (scaling, a norm, positions) is not in
    it. Rows of zeros have no direction and are nobody's neighbours.

    Attributes:
        token: The token's id.
        text: Its text.
        centred: Whether the mean row of the vocabulary was taken off all rows before their directions were compared.
            Without, most rows look somewhat alike, as they share one common direction.
        vector: [width] its row, as it is stored.
        norm: The length of the row as it is stored, as are the other lengths.
        shorter: The share of the vocabulary's rows that are shorter, 0 to 1.
        ids: [neighbour] the nearest other tokens by cosine, exact over the vocabulary, ties by id.
        cosine: [neighbour] -1 to 1.
        norms: [neighbour] their rows' lengths.
        mean: The mean cosine between this row and all others: what is usual here.
        deviation: The standard deviation of these cosines.
        points: [1 + neighbour, 2] the token's and the neighbours' places on two axes, the principal components of
            these rows, each first divided by its length (less the mean row where `centred`).
        explained: [2] the share of the variance along each axis, 0 to 1.
        tied: Whether the output head uses this very matrix; None where the head's matrix cannot be found.
        head_cosine: The cosine between this row and the token's row in the head: 1 where they are tied, NaN where the
            head has no such row.
    """

    token: int
    text: str
    centred: bool
    vector: Floats
    norm: float
    shorter: float
    ids: Integers
    cosine: Floats
    norms: Floats
    mean: float
    deviation: float
    points: Floats
    explained: Floats
    tied: bool | None
    head_cosine: float

    def __post_init__(self) -> None:
        count = len(self.ids)
        seal(self, cosine=(count,), norms=(count,), points=(1 + count, 2), explained=(2,))
