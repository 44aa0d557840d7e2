"""What a user can do about pins: pin the selected head or several as one, now or kept as it is, and take pins back."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from viz.panels.actions import Action, Outcome, Request
from viz.panels.head_facts import similarity_of
from viz.panels.pins import METHODS, MOST_PINS, SCOPES, Pin
from viz.panels.view import View, one_of, whole
from viz.sentences import later, say

if TYPE_CHECKING:
    from model_runtime.head_records import Head
    from model_runtime.model import Model


def pin(model: "Model", view: View, request: Request) -> Outcome:
    """Pins the selected head, or several heads as one map."""
    detail = request.detail
    method = one_of(detail.get("method", "head"), METHODS, later("way to combine heads"))
    scope = one_of(detail.get("scope", "head"), SCOPES, later("choice of heads"))
    if (method == "head") != (scope == "head"):
        return Outcome(view, say("Choose how to combine the heads: mean, maximum or rollout."))
    if len(view.pins) >= MOST_PINS:
        return Outcome(view, say("{count} maps are pinned, which is the most. Unpin one first.", count=MOST_PINS))
    heads: tuple[Head, ...] = ()
    if scope in ("head", "layer"):
        heads = ((view.layer, view.head),)
    elif scope == "pinned":
        heads = tuple(dict.fromkeys(head for one in view.pins if one.scope == "head" for head in one.heads))
        if not heads:
            return Outcome(view, say("No single head is pinned that could be combined. Pin some first."))
    kept = (
        view.branches[view.branch] if one_of(detail.get("keep", False), (False, True), later("choice to keep")) else ""
    )
    new = Pin(method, scope, heads, kept, view.cursor if kept else 0)
    if new in view.pins:
        return Outcome(view, say("{name} is pinned already.", name=new.name))
    told = (
        say("Pinned {name} with the text as it is now.", name=new.name)
        if kept
        else say("Pinned {name}.", name=new.name)
    )
    if view.tab != "compare":
        told = " ".join([told, say("The tab “Compare” shows it.")])
    return Outcome(replace(view, pins=(*view.pins, new)), told)


def unpin(model: "Model", view: View, request: Request) -> Outcome:
    """Takes one pin back, or all."""
    if "index" not in request.detail:
        return Outcome(replace(view, pins=()))
    if not view.pins:
        return Outcome(view)
    index = whole(request.detail["index"], 0, len(view.pins) - 1, later("pin"))
    return Outcome(replace(view, pins=view.pins[:index] + view.pins[index + 1 :]))


def liken(model: "Model", view: View, request: Request) -> Outcome:
    """Compares all heads, which takes a while where there are many; the picture then finds the answer ready."""
    similarity_of(model, view.moment, None if view.hide == "none" else view.hide)
    return Outcome(view)


PIN_ACTIONS: Final[dict[str, Action]] = {"pin": pin, "unpin": unpin, "liken": liken}
