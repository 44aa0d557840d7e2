"""Lists every sentence in `tokenscope.pot` and brings the translations up to date: `make sentences`.

Babel reads the Python and JavaScript files as gettext does; the templates are read by `templates.texts`. A translation
keeps what still fits, gets what is new, untranslated, and is written as the .json file that the page reads.
"""

import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from viz.sentences import HERE
from viz.sentences.templates import TAG, texts

ROOT: Final = HERE.parent.parent
TEMPLATE: Final = HERE / "tokenscope.pot"
# Which reader a file has, and which words mark a sentence; of pairs the first is for 1, the second for other numbers.
_READERS: Final = [
    ("app.py", "python"),
    ("viz/**.py", "python"),
    ("viz/components/vendor/**", "ignore"),
    ("viz/**.js", "javascript"),
    ("viz/**.html", "viz.sentences.gather:template_sentences"),
]
_OPTIONS: Final[dict[str, dict[str, Any]]] = {"viz/**.js": {"parse_template_string": True}}
_KEYWORDS: Final[dict[str, tuple[int, ...] | None]] = {
    "say": None,
    "later": None,
    "say_many": (1, 2),
    "sayMany": (1, 2),
}
_HEADER: Final[dict[str, Any]] = {"project": "Tokenscope", "version": "1", "charset": "utf-8", "fuzzy": False}
_WIDTH: Final = 110
_PLACE: Final = re.compile(r"\{\w+\}")


def template_sentences(
    file: IO[bytes], keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Reads the sentences of a template, as Babel asks its readers."""
    for line, text in texts(file.read().decode("utf-8")):
        yield line, "say", text, []


def gathered(root: Path = ROOT) -> Catalog:
    """Returns every sentence of the interface with the files that hold it."""
    catalog = Catalog(**_HEADER)
    catalog.header_comment = "# The sentences of Tokenscope's page. Written by `make sentences`; docs/translating.md."
    for file, _, text, comments, _ in extract_from_dir(root, _READERS, _OPTIONS, _KEYWORDS, ("Translators:",), _log):
        # Without lines, which would change with everything that is written above.
        catalog.add(text, locations=[(Path(file).as_posix(), 0)], auto_comments=comments)
    return catalog


def written(catalog: Catalog) -> str:
    """Writes a catalogue as a .po or .pot file; the same sentences make the same text, whenever that is."""
    file = io.BytesIO()
    write_po(file, catalog, width=_WIDTH, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    lines = file.getvalue().decode("utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(_DATED))


# Who to ask and when it was written is the repository's affair.
_DATED: Final = (
    '"POT-Creation-Date',
    '"PO-Revision-Date',
    '"Last-Translator',
    '"Language-Team',
    '"Generated-By',
    '"Report-Msgid-Bugs',
)


def spoken(catalog: Catalog) -> dict[str, Any]:
    """Returns what `viz.sentences.use` reads: the plural's rule, and the forms of all that is translated well."""
    found = {_ids(one)[0]: _forms(one) for one in catalog if one.id and not one.fuzzy and all(_forms(one))}
    for wrong in misplaced(catalog):
        del found[wrong]
    return {"plural": catalog.plural_expr, "texts": found}


def misplaced(catalog: Catalog) -> list[str]:
    """Returns the sentences whose translation has other places in braces, or other tags, than they have themselves.

    A form may do without `{count}`, as "one file" does.
    """
    wrong = []
    for message in catalog:
        wanted = [_places(text) for text in _ids(message)]
        known, needed = set.union(*wanted), set.intersection(*wanted) - {"{count}"}
        if message.id and any(form and not needed <= _places(form) <= known for form in _forms(message)):
            wrong.append(_ids(message)[0])
    return wrong


def update(path: Path, sentences: Catalog) -> None:
    """Brings a translation up to date with the sentences, and writes what the page reads of it.

    Args:
        path: The .po file, which is begun where there is none; its name is the language's.
        sentences: What `gathered` returns.
    """
    locale = path.stem.replace("-", "_")
    if path.is_file():
        with path.open("rb") as file:
            catalog = read_po(file, locale=locale)
    else:
        catalog = Catalog(locale=locale, **_HEADER)
    catalog.update(sentences, no_fuzzy_matching=True, keep_user_comments=True)
    catalog.header_comment = f"# Tokenscope's page in {path.stem}. docs/translating.md says how to go on."
    for wrong in misplaced(catalog):
        sys.stderr.write(f"{path.name}: other places in braces than in {wrong!r}; left in English until they agree.\n")
    path.write_text(written(catalog), encoding="utf-8")
    told = json.dumps(spoken(catalog), ensure_ascii=False, indent=0, sort_keys=True)
    path.with_suffix(".json").write_text(told + "\n", encoding="utf-8")


def main(begun: list[str], folder: Path = HERE) -> None:
    """Brings everything up to date.

    Args:
        begun: Names of languages to begin, as BCP 47 writes them.
        folder: Where the translations lie.
    """
    sentences = gathered()
    (folder / TEMPLATE.name).write_text(written(sentences), encoding="utf-8")
    for path in sorted({*folder.glob("*.po"), *(folder / f"{name}.po" for name in begun)}):
        update(path, sentences)


def _ids(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


def _places(text: str) -> set[str]:
    return set(_PLACE.findall(text)) | set(TAG.findall(text))


def _forms(message: Message) -> list[str]:
    if not message.string:  # new, without even an empty translation
        return [""]
    return [message.string] if isinstance(message.string, str) else list(message.string)


def _log(file: str, method: str, options: Mapping[str, Any]) -> None:
    """Babel tells here which file it reads; nobody asks."""


if __name__ == "__main__":
    main(sys.argv[1:])
