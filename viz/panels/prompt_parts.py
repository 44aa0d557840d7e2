"""The tab of prompt parts: compose a prompt, see whose each token is, what looks at it, what leaving it out does."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from model_runtime import Composition, FeatureUnavailable, Moment
from model_runtime.errors import InputError
from model_runtime.prompt_part_records import MOST_PART, PART_NAMES
from viz.calls import Call, of_model
from viz.components.prompt_parts import PromptPartsView
from viz.panels.actions import Action, Outcome, Request, start
from viz.panels.long_answers import asked_in_parts
from viz.panels.progress import Progress, paced
from viz.panels.scene import Scene
from viz.panels.view import View, one_of, read_parts, whole
from viz.prompt_parts import attention_payload, effects_payload, spans_payload
from viz.sentences import later, say
from viz.terms import term

if TYPE_CHECKING:
    from model_runtime.model import Model

MOST_FOLLOWING: Final = 100
# A prompt that the built-in model can answer, in the order of Hands-On LLMs, figures 6-6 to 6-11.
EXAMPLE: Final = (
    "You are an expert gardener.",
    "Write an email apologizing to Sarah for the tragic gardening mishap. Explain how it happened.",
    "The garden is her pride.",
    "Keep the email short.",
    "Sarah is my neighbor.",
    "Be polite.",
    "The mishap: I turned the hose on too hard.",
)


def build() -> PromptPartsView:
    """Lays the tab out."""
    return PromptPartsView(elem_id="prompt-parts")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload: the form, and what is known of the parts where the text begins with them."""
    moment, view = scene.moment, scene.view
    payload: dict[str, Any] = {
        "names": [term(name) for name in PART_NAMES],
        "most": MOST_PART,
        "texts": view.parts or EXAMPLE,
        "example": EXAMPLE,
        "chat": scene.card.chat,
        "spans": None,
        "attention": None,
        "about": _about(moment, view),
    }
    if not view.parts:
        return {**payload, "hint": say("Fill the parts in, or keep these, and press Start.")}
    composition = Composition(view.parts)
    try:
        spans = scene.model.part_spans(moment, composition)
    except (InputError, FeatureUnavailable) as error:
        return {**payload, "hint": str(error)}
    payload["spans"] = spans_payload(spans, scene.labels, moment.prompt_length)
    asked = _position(moment, view)
    payload["asked"] = [asked, scene.labels[asked], asked == moment.prompt_length - 1]
    try:
        attention = scene.model.part_attention(moment, composition, view.cursor)
        payload["attention"] = attention_payload(attention, scene.labels[view.cursor])
    except FeatureUnavailable as error:
        payload["unavailable"] = str(error)
    return payload


def marks(scene: Scene) -> list[int] | None:
    """Returns the part of each token for the strip, None where the text does not begin with the view's parts."""
    if not scene.view.parts:
        return None
    try:
        spans = scene.model.part_spans(scene.moment, Composition(scene.view.parts))
    except (InputError, FeatureUnavailable):
        return None
    return [int(part) for part in spans.part[: scene.moment.prompt_length]]


def asking(model: "Model", view: View, detail: Mapping[str, Any]) -> Call:
    """Returns the question what each part changes.

    Raises:
        InputError: The number of tokens cannot be used.
    """
    following = whole(detail.get("following", 40), 0, MOST_FOLLOWING, later("number of tokens that follow"))
    composition = Call("Composition", (view.parts or ("",) * len(PART_NAMES),))
    return of_model("leave_parts_out", composition, following, _position(view.moment, view), only_last=True)


def parts_asked(scene: Scene) -> dict[str, Call]:
    """Returns what the tab asks about the parts of the prompt, by name; nothing where the text has none.

    Raises:
        InputError: The text does not begin with these parts.
    """
    if not scene.view.parts:
        return {}
    scene.model.part_spans(scene.moment, Composition(scene.view.parts))
    composition = Call("Composition", (scene.view.parts,))
    return {
        "spans": of_model("part_spans", composition),
        "attention": of_model("part_attention", composition, scene.view.cursor),
    }


def scanned(model: "Model", view: View, detail: Mapping[str, Any]) -> Iterator[Progress]:
    """Leaves each part out in turn; gives what is known so far again and again, all of it at last.

    Raises:
        TokenscopeError: There are no parts in this text, or the number of tokens cannot be used.
    """
    moment = view.moment
    effects = asked_in_parts(model, moment, asking(model, view, detail))
    about = _about(moment, view)
    for part in paced(effects, lambda part: part.done == part.total):
        told = say("Leaving parts out: {done} of {total} tokens", done=part.done, total=part.total)
        if part.done == part.total:
            told = say("What each part changes is known.")
        yield Progress({**effects_payload(part), "about": about}, part.done, part.total, told)


def compose(model: "Model", view: View, request: Request) -> Outcome:
    """Begins anew from the parts.

    Raises:
        TokenscopeError: A part is too long, all are empty, or a chat is asked of a model without a template.
    """
    parts = read_parts(request.detail.get("texts"))
    chat = one_of(request.detail.get("chat"), (False, True), later("choice of chat"))
    if not any(text.strip() for text in parts):
        raise InputError(say("All parts are empty. Fill one in."))
    outcome = start(model, view, Request({}, Composition(parts).text(), chat))
    return Outcome(replace(outcome.view, parts=parts), say("The text begins with these parts, each in its colour."))


def filled(view: View, request: Request) -> dict[str, str]:
    """Returns what the prompt's own widgets show after composing."""
    return {"prompt": Composition(view.parts).text(), "mode": "chat" if request.detail.get("chat") else "raw"}


PART_ACTIONS: Final[dict[str, Action]] = {"compose": compose}


def _position(moment: Moment, view: View) -> int:
    """The token whose next one is asked about: the cursor's, or inside the prompt the prompt's last."""
    return max(moment.prompt_length - 1, view.cursor)


def _about(moment: Moment, view: View) -> str:
    """Names what an effect is about: one that carries another is about another text."""
    position = _position(moment, view)
    return json.dumps([view.parts, moment.ids[: position + 1], str(moment.ablations)])
