"""What kind of token some bytes are: a word after a space, letters, a number, part of a character, ..."""

import unicodedata

from model_runtime.vocabulary_records import LETTERS, MIXED, NUMBER, PART, PUNCTUATION, SPACE, WORD


def kind_of(data: bytes) -> str:
    """The kind of an ordinary token by its bytes; `Entries` says what each means."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return PART
    if not text or text.isspace():
        return SPACE
    rest = text.removeprefix(" ")
    if all(unicodedata.category(character)[0] in "LM" for character in rest):
        return LETTERS if rest == text else WORD
    if rest.isnumeric():
        return NUMBER
    if not any(character.isalnum() or character.isspace() for character in rest):
        return PUNCTUATION
    return MIXED
