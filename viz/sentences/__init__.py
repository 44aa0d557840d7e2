"""The interface's sentences: each is looked up in the language of this process by its English text, as gettext does.

English stays where it is used. `make sentences` lists it all in `tokenscope.pot`; a translation is a .po file beside
that, from which `make sentences` also writes the .json file that is read here. `docs/translating.md` says how.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from gettext import c2py
from pathlib import Path
from typing import Any, Final

from model_runtime.errors import LanguageUnknown

HERE: Final = Path(__file__).resolve().parent
ENGLISH: Final = "en"
_NAME: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True)
class _Language:
    """A language as its .json file has it.

    Attributes:
        name: As BCP 47 writes it, such as pt-BR.
        plural: Which form goes with a number n, as gettext's files write it: an expression of C.
        texts: The forms of a translation by its English text; one form where it counts nothing.
        form_of: The expression, to be called.
    """

    name: str = ENGLISH
    plural: str = "n != 1"
    texts: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def form_of(self) -> Callable[[int], int]:
        return c2py(self.plural)


_spoken = _Language()


def languages(folder: Path = HERE) -> list[str]:
    """Returns the names of the languages that the interface speaks, English first."""
    return [ENGLISH, *sorted(path.stem for path in folder.glob("*.json"))]


def use(name: str, folder: Path = HERE) -> None:
    """Chooses the language of this process, before the page is built.

    Args:
        name: Its name, as BCP 47 writes it: en, de, pt-BR.
        folder: Where the translations lie.

    Raises:
        LanguageUnknown: There is no translation into it.
    """
    global _spoken
    if name == ENGLISH:
        _spoken = _Language()
        return
    if not _NAME.fullmatch(name) or name not in languages(folder):
        raise LanguageUnknown(
            f"There is no translation into {name!r}; use {' or '.join(languages(folder))},"
            " or add one as docs/translating.md says."
        )
    read = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    c2py(read["plural"])  # refuses what is no such expression; the page's script computes with it too
    _spoken = _Language(name, read["plural"], read["texts"])


def language() -> str:
    """Returns the name of the language of this process, as BCP 47 writes it."""
    return _spoken.name


def say(text: str, /, **values: object) -> str:
    """Returns a sentence in the language of this process.

    Args:
        text: The English sentence, written out where it is used, or one that was marked with `later`.
        values: What takes the places in braces, formatted already. Without values, braces stand for themselves.
    """
    said = _spoken.texts.get(text, [text])[0]
    return said.format(**values) if values else said


def say_many(one: str, many: str, count: int, /, **values: object) -> str:
    """Returns a sentence that counts something, in the form that the language has for this number.

    Args:
        one: The English sentence for 1.
        many: The English sentence for other numbers.
        count: The number.
        values: What takes the places in braces; `{count}` is the number, with commas between thousands.
    """
    forms = _spoken.texts.get(one)
    said = forms[_spoken.form_of(count)] if forms else (one if count == 1 else many)
    return said.format(**{"count": f"{count:,}", **values})


def later(text: str) -> str:
    """Marks a text of a table as a sentence, which is said where it is drawn: `say(TABLE[key])`."""
    return text


def script() -> str:
    """Returns the language as JavaScript, for `sentences.js`."""
    told: dict[str, Any] = {"language": _spoken.name, "plural": _spoken.plural, "texts": _spoken.texts}
    # No sign of markup, so that no translation can end the script.
    return f"window.tokenscopeSentences = {json.dumps(told)};".replace("<", "\\u003c")
