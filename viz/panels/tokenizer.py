"""The tab "Tokenizer": the text token by token, cut in other ways, the prompt as received, and the whole vocabulary."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from model_runtime import CATALOGUE, load_tokenizer
from model_runtime.errors import InputError, ModelError
from model_runtime.vocabulary_records import KINDS, MATCHES
from viz.calls import Call
from viz.components.vocabulary import TokenizerView
from viz.panels.progress import Progress
from viz.panels.scene import Scene
from viz.panels.view import View, one_of, short_text, whole
from viz.sentences import later, say, say_many
from viz.vocabulary import (
    KIND_NAMES,
    facts_payload,
    forms_payload,
    hexadecimal,
    page_payload,
    pieces_payload,
    special_payload,
)

if TYPE_CHECKING:
    from model_runtime.model import Model
    from model_runtime.vocabulary import Vocabulary

ROWS: Final = 20  # of the vocabulary on a page
MOST_TEXT: Final = 20_000  # characters of a typed text
MOST_SOUGHT: Final = 100
MOST_NAME: Final = 300
_BUILTIN: Final = ("builtin", "builtin-gpt2")


def build() -> TokenizerView:
    """Lays the tab out."""
    return TokenizerView(elem_id="tokenizer")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload: all that is about the present text, and the first page of the vocabulary."""
    model, moment, window = scene.model, scene.moment, scene.window
    part = slice(window.start, window.stop)
    return {
        "model": [scene.card.name, scene.card.fingerprint],
        "table": {
            "start": window.start,
            "ids": moment.ids[part],
            "labels": scene.labels[part],
            "hex": [hexadecimal(data) for data in scene.tokens.bytes[part]],
            "kinds": [say(KIND_NAMES[kind]) for kind in model.entries(moment.ids[part]).kinds],
            "prompt": moment.prompt_length,
            "cursor": scene.view.cursor,
            "shown": window.describe(),
        },
        "cut": _cut(model, model.plain(moment), "", ""),
        "offers": [name for name in (*_BUILTIN, *(offer.name for offer in CATALOGUE)) if name != scene.card.name],
        "special": special_payload(model.special_tokens()),
        "forms": forms_payload(model.asked(moment)),
        "facts": facts_payload(model.vocabulary()),
        "page": page_payload(model.search(count=ROWS)),
    }


def scanned(model: "Model", view: View, detail: Mapping[str, Any]) -> Iterator[Progress]:
    """Answers one of the tab's own questions: a text cut, a message as received, a page of a search.

    Raises:
        TokenscopeError: The question cannot be read, or the second tokenizer not be opened.
    """
    ask = one_of(detail.get("ask"), tuple(_ANSWERS), later("question about tokens"))
    payload, told = _ANSWERS[ask](model, view, detail)
    yield Progress({"ask": ask, **payload}, 1, 1, told)


def asking(model: "Model", view: View, detail: Mapping[str, Any]) -> Call:
    """Returns the question about tokens that a page asks, in this model's own tokenizer.

    Raises:
        InputError: The question cannot be read.
    """
    ask = one_of(detail.get("ask"), tuple(_ANSWERS), later("question about tokens"))
    text = short_text(detail.get("text", ""), MOST_TEXT, later("text"))
    if ask == "cut":
        return Call("model.cut", (text or model.plain(view.moment),))
    return Call("model.forms", (text,)) if ask == "forms" else Call("model.search", _sought(model, detail))


def _sought(model: "Model", detail: Mapping[str, Any]) -> tuple[str, str, str | None, int, int]:
    """The arguments of a search of the vocabulary."""
    kind = one_of(detail.get("kind", ""), ("", *KINDS), later("kind of token"))
    text = short_text(detail.get("text", ""), MOST_SOUGHT, later("text to search for"))
    match = one_of(detail.get("match", MATCHES[0]), MATCHES, later("way to search"))
    begin = whole(detail.get("begin", 0), 0, model.card().vocabulary_size - 1, later("token id"))
    return text, match, kind or None, begin, ROWS


def _answer_cut(model: "Model", view: View, detail: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    typed = short_text(detail.get("text", ""), MOST_TEXT, later("text to cut"))
    name = short_text(detail.get("model", ""), MOST_NAME, later("name of a tokenizer")).strip()
    answer = _cut(model, typed or model.plain(view.moment), typed, name)
    if answer["lacking"]:
        raise InputError(answer["lacking"])
    return answer, say("The text is cut.")


def _answer_forms(model: "Model", view: View, detail: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    text = short_text(detail.get("text", ""), MOST_TEXT, later("prompt"))
    return {"forms": forms_payload(model.forms(text))}, say("This is how the prompt box would be sent.")


def _answer_search(model: "Model", view: View, detail: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    page = model.search(*_sought(model, detail))
    return {"page": page_payload(page)}, say_many("{count} token is found.", "{count} tokens are found.", page.total)


_ANSWERS: Final = {"cut": _answer_cut, "forms": _answer_forms, "search": _answer_search}


def _cut(model: "Model", text: str, typed: str, name: str) -> dict[str, Any]:
    """A text cut in every way, by a second tokenizer too: the named one, else the other built-in model's.

    Returns:
        `rows`: words, this model's tokens, the second tokenizer's, characters, bytes; without a second one `lacking`
        says why. `typed`: the text where it is not the present one; `of` names the text, so that the page knows when
        the present one has become another.
    """
    name = name or _BUILTIN[model.card().name == _BUILTIN[0]]
    words, tokens, *rest = model.cut(text)
    count = len(words.text)
    rows = [
        pieces_payload(words, count),
        pieces_payload(tokens, count, say("tokens of {model}", model=model.card().name)),
    ]
    lacking = ""
    try:
        rows.append(pieces_payload(_opened(name).pieces(text), count, say("tokens of {model}", model=name)))
    except ModelError as error:
        lacking = str(error)
    rows += [pieces_payload(pieces, count) for pieces in rest]
    of = hashlib.blake2s(text.encode("utf-8", errors="replace"), digest_size=8).hexdigest()
    return {"rows": rows, "lacking": lacking, "typed": typed, "name": name, "of": of}


@lru_cache(maxsize=4)  # the text is cut anew at every step; a large tokenizer takes seconds to open
def _opened(name: str) -> "Vocabulary":
    return load_tokenizer(name)
