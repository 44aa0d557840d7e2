"""What a user can do about heads: what is hidden, which tokens are asked about, which heads are switched off."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from viz.colours import TRANSFERS
from viz.head_names import head_name
from viz.labels import quoted, visible
from viz.panels.actions import Action, Outcome, Request
from viz.panels.view import HIDES, MOST_KEYS, View, one_of, positions, whole
from viz.sentences import later, say

if TYPE_CHECKING:
    from model_runtime.model import Model

WAYS: Final = ("zero", "mean")


def open_head(model: "Model", view: View, request: Request) -> Outcome:
    """Selects an attention head and opens the tab that shows it large."""
    layer, head = _head(model, request)
    return Outcome(replace(view, tab="attention", layer=layer, head=head))


def hide(model: "Model", view: View, request: Request) -> Outcome:
    """Hides the first token, or all special ones, wherever attention is drawn; or shows them again."""
    return Outcome(replace(view, hide=one_of(request.detail.get("hide"), HIDES, later("switch for the first token"))))


def colour(model: "Model", view: View, request: Request) -> Outcome:
    """Chooses how weights become colours."""
    return Outcome(replace(view, colour=one_of(request.detail.get("colour"), TRANSFERS, later("colour scale"))))


def words(model: "Model", view: View, request: Request) -> Outcome:
    """Merges tokens into words in the large head, or shows them one by one."""
    return Outcome(replace(view, words=one_of(request.detail.get("words"), (False, True), later("choice of words"))))


def key(model: "Model", view: View, request: Request) -> Outcome:
    """Chooses a token for "which head looks at this?", or takes it back."""
    moment = view.moment
    position = whole(request.detail.get("position"), 0, len(moment.ids) - 1, later("position"))
    chosen = {*view.keys} ^ {position}
    view = replace(view, keys=positions(sorted(chosen), MOST_KEYS))
    name = f"{quoted(visible(model.text(moment.ids[position])))} ({position})"
    if position not in chosen:
        return Outcome(view, say("{token} is no key token any more.", token=name))
    if view.tab == "looking":
        return Outcome(view, say("{token} is a key token.", token=name))
    return Outcome(
        view, say("{token} is a key token. The tab “Which head?” ranks the heads that look at it.", token=name)
    )


def clear_keys(model: "Model", view: View, request: Request) -> Outcome:
    """Takes all chosen tokens back."""
    return Outcome(replace(view, keys=()))


def switch(model: "Model", view: View, request: Request) -> Outcome:
    """Switches one head off, or on again; the text stays and is run anew."""
    place = _head(model, request)
    by = one_of(request.detail.get("by", "zero"), WAYS, later("way of switching off"))
    moment = view.moment
    off = any((one.layer, one.head) == place and one.by == by for one in moment.ablations)
    moment = moment.restored([place]) if off else moment.without([place], by)
    told = say("{head} is on again.", head=head_name(*place))
    if not off:
        told = say(
            "{head} is off ({by}): every panel shows the model without it.", head=head_name(*place), by=say(_WAYS[by])
        )
    return Outcome(view.at(moment, view.cursor), told)


def restore(model: "Model", view: View, request: Request) -> Outcome:
    """Switches all heads on again, and takes back what is steered."""
    steered = bool(view.moment.steers)
    told = say("All heads are on, and nothing is steered.") if steered else say("All heads are on.")
    return Outcome(view.at(replace(view.moment, interventions=()), view.cursor), told)


_WAYS: Final = {"zero": later("zero"), "mean": later("mean")}
HEAD_ACTIONS: Final[dict[str, Action]] = {
    "open_head": open_head,
    "hide": hide,
    "colour": colour,
    "words": words,
    "key": key,
    "clear_keys": clear_keys,
    "switch": switch,
    "restore": restore,
}


def _head(model: "Model", request: Request) -> tuple[int, int]:
    """The (layer, head) that came with an action."""
    card = model.card()
    layer = whole(request.detail.get("layer"), 0, card.layers - 1, later("layer"))
    return layer, whole(request.detail.get("head"), 0, card.heads - 1, later("head"))
