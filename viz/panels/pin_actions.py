"""What a user can do about pins: pin the selected head or several as one, now or kept as it is, and take pins back."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from viz.panels.actions import Action, Outcome, Request
from viz.panels.head_facts import similarity_of
from viz.panels.pins import METHODS, MOST_PINS, SCOPES, Pin
from viz.panels.view import View, one_of, whole

if TYPE_CHECKING:
    from model_runtime.head_records import Head
    from model_runtime.model import Model


def pin(model: "Model", view: View, request: Request) -> Outcome:
    """Pins the selected head, or several heads as one map."""
    detail = request.detail
    method = one_of(detail.get("method", "head"), METHODS, "way to combine heads")
    scope = one_of(detail.get("scope", "head"), SCOPES, "choice of heads")
    if (method == "head") != (scope == "head"):
        return Outcome(view, "Choose how to combine the heads: mean, maximum or rollout.")
    if len(view.pins) >= MOST_PINS:
        return Outcome(view, f"{MOST_PINS} maps are pinned, which is the most. Unpin one first.")
    heads: tuple[Head, ...] = ()
    if scope in ("head", "layer"):
        heads = ((view.layer, view.head),)
    elif scope == "pinned":
        heads = tuple(dict.fromkeys(head for one in view.pins if one.scope == "head" for head in one.heads))
        if not heads:
            return Outcome(view, "No single head is pinned that could be combined. Pin some first.")
    kept = view.branches[view.branch] if one_of(detail.get("keep", False), (False, True), "choice to keep") else ""
    new = Pin(method, scope, heads, kept, view.cursor if kept else 0)
    if new in view.pins:
        return Outcome(view, f"{new.name} is pinned already.")
    told = " with the text as it is now" if kept else ""
    where = "" if view.tab == "compare" else " The tab “Compare” shows it."
    return Outcome(replace(view, pins=(*view.pins, new)), f"Pinned {new.name}{told}.{where}")


def unpin(model: "Model", view: View, request: Request) -> Outcome:
    """Takes one pin back, or all."""
    if "index" not in request.detail:
        return Outcome(replace(view, pins=()))
    if not view.pins:
        return Outcome(view)
    index = whole(request.detail["index"], 0, len(view.pins) - 1, "pin")
    return Outcome(replace(view, pins=view.pins[:index] + view.pins[index + 1 :]))


def liken(model: "Model", view: View, request: Request) -> Outcome:
    """Compares all heads, which takes a while where there are many; the picture then finds the answer ready."""
    similarity_of(model, view.moment, None if view.hide == "none" else view.hide)
    return Outcome(view)


PIN_ACTIONS: Final[dict[str, Action]] = {"pin": pin, "unpin": unpin, "liken": liken}
