"""What a user can do about cause and effect: change the prompt to patch with, and steer the stream."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from model_runtime.errors import OutOfRange
from model_runtime.interventions import MAX_STRENGTH, Steer
from viz.panels.actions import Action, Outcome, Request
from viz.panels.direction import read_direction
from viz.panels.steering import source_of, words_for
from viz.panels.view import MOST_CHANGED, View, short_text, whole
from viz.sentences import later, say, say_many

if TYPE_CHECKING:
    from model_runtime.model import Model


def changed(model: "Model", view: View, request: Request) -> Outcome:
    """Takes another prompt to patch with. Whether it fits is said beside its box, where it stays as it was typed."""
    return Outcome(replace(view, changed=short_text(request.detail.get("text"), MOST_CHANGED, later("changed prompt"))))


def direction(model: "Model", view: View, request: Request) -> Outcome:
    """Takes other texts, or other tokens of them, to steer with. Whether they can be read is said beside them."""
    return Outcome(replace(view, direction=read_direction(dict(request.detail))))


def steer(model: "Model", view: View, request: Request) -> Outcome:
    """Steers with the present draft; the text stays and is run anew.

    Raises:
        TokenscopeError: The draft, the stream, the strength or the start cannot be used.
    """
    detail, draft = request.detail, view.direction
    made = Steer(
        layer=whole(detail.get("layer"), 0, model.card().layers, later("stream")),
        strength=_strength(detail.get("strength")),
        start=whole(detail.get("start"), 0, len(view.moment.ids) - 1, later("position to steer from")),
        plus=source_of(model, draft.plus, draft.plus_position),
        minus=source_of(model, draft.minus, draft.minus_position),
    )
    return Outcome(view.at(view.moment.steered(made), view.cursor), words_for(model, made))


def strengthen(model: "Model", view: View, request: Request) -> Outcome:
    """Gives a steering another strength.

    Raises:
        OutOfRange: There is no such steering, or no such strength.
    """
    moment = view.moment
    steers = list(moment.steers)
    index = whole(request.detail.get("index"), 0, len(steers) - 1, later("steering"))
    steers[index] = replace(steers[index], strength=_strength(request.detail.get("strength")))
    moment = replace(moment, interventions=(*moment.ablations, *steers))
    return Outcome(view.at(moment, view.cursor), words_for(model, steers[index]))


def unsteer(model: "Model", view: View, request: Request) -> Outcome:
    """Takes one steering back, or with no index all of them."""
    moment, index = view.moment, request.detail.get("index")
    if index is not None:
        index = whole(index, 0, len(moment.steers) - 1, later("steering"))
    moment = moment.unsteered(index)
    left = len(moment.steers)
    told = say("Nothing is steered any more.")
    if left:
        told = say_many("Taken back; {count} steering left.", "Taken back; {count} steerings left.", left)
    return Outcome(view.at(moment, view.cursor), told)


STEER_ACTIONS: Final[dict[str, Action]] = {
    "changed": changed,
    "direction": direction,
    "steer": steer,
    "strengthen": strengthen,
    "unsteer": unsteer,
}


def _strength(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        told = repr(str(value)[:20])
        raise OutOfRange(
            say("The strength is {value}; use a number of at most {most}.", value=told, most=f"{MAX_STRENGTH:g}")
        )
    return float(value)
