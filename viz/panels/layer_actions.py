"""What a user can do about layers and parts: what is explained, which row of the lens is read, what is followed."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from model_runtime.errors import OutOfRange
from viz.labels import quoted, visible
from viz.lens_grid import LENS_COLOURS
from viz.panels.actions import Action, Outcome, Request
from viz.panels.question import token_of
from viz.panels.view import MOST_FOLLOWED, NOTHING, TABS, View, one_of, whole
from viz.sentences import later, say

if TYPE_CHECKING:
    from model_runtime.model import Model


def target(model: "Model", view: View, request: Request) -> Outcome:
    """Chooses the token to explain, by its id or a typed text; none for the model's first choice."""
    text = request.detail.get("text")
    if isinstance(text, str):
        found, told = token_of(model, view.moment, text)
        return Outcome(replace(view, target=found), told)
    token = request.detail.get("token")
    return Outcome(replace(view, target=None if token is None else _token(model, token)))


def against(model: "Model", view: View, request: Request) -> Outcome:
    """Chooses what the explained logit is compared with, a token by its id or a typed text."""
    text = request.detail.get("text")
    if isinstance(text, str):
        found, told = token_of(model, view.moment, text)
        return Outcome(replace(view, against=found), told)
    chosen = request.detail.get("against")
    most = model.card().vocabulary_size - 1
    return Outcome(replace(view, against=whole(chosen, NOTHING, most, later("token to compare with"))))


def reading(model: "Model", view: View, request: Request) -> Outcome:
    """Selects a row of the lens, and with a position a cell, which moves the cursor."""
    row = whole(request.detail.get("reading"), 0, 2 * model.card().layers, later("row of the lens"))
    position = request.detail.get("position", view.cursor)
    end = len(view.moment.ids) - 1
    return Outcome(replace(view, reading=row, cursor=whole(position, 0, end, later("position"))))


def lens_colour(model: "Model", view: View, request: Request) -> Outcome:
    """Chooses what the lens's colour says."""
    return Outcome(
        replace(view, lens_colour=one_of(request.detail.get("colour"), LENS_COLOURS, later("colour of the lens")))
    )


def middle(model: "Model", view: View, request: Request) -> Outcome:
    """Shows the midpoints between attention and MLP, or leaves them out."""
    return Outcome(
        replace(view, middle=one_of(request.detail.get("middle"), (False, True), later("switch for midpoints")))
    )


def follow(model: "Model", view: View, request: Request) -> Outcome:
    """Follows a token through the layers, by its id or a typed text; an id that is followed is so no more.

    Raises:
        InputError: There is no such token, or too many are followed already.
    """
    text = request.detail.get("text")
    if isinstance(text, str):
        token, told = token_of(model, view.moment, text)
        if token in view.follow:
            return Outcome(view, told or say("{token} is followed already.", token=quoted(visible(model.text(token)))))
    else:
        token, told = _token(model, request.detail.get("token")), ""
    if token in view.follow:
        return Outcome(replace(view, follow=tuple(one for one in view.follow if one != token)))
    if len(view.follow) >= MOST_FOLLOWED:
        raise OutOfRange(say("{count} tokens are followed already; take one of them back first.", count=MOST_FOLLOWED))
    told = told or say("{token} is followed through the layers.", token=quoted(visible(model.text(token))))
    return Outcome(replace(view, follow=(*view.follow, token)), told)


def clear_follow(model: "Model", view: View, request: Request) -> Outcome:
    """Follows no chosen token any more."""
    return Outcome(replace(view, follow=()))


def layer(model: "Model", view: View, request: Request) -> Outcome:
    """Selects a block; the head stays."""
    return Outcome(replace(view, layer=whole(request.detail.get("layer"), 0, model.card().layers - 1, later("layer"))))


def open_tab(model: "Model", view: View, request: Request) -> Outcome:
    """Goes to another tab, with a block, a head or a row of the lens selected."""
    detail, card = request.detail, model.card()
    return Outcome(
        replace(
            view,
            tab=one_of(detail.get("tab"), TABS, later("tab")),
            layer=whole(detail.get("layer", view.layer), 0, card.layers - 1, later("layer")),
            head=whole(detail.get("head", view.head), 0, card.heads - 1, later("head")),
            reading=whole(detail.get("reading", view.reading), 0, 2 * card.layers, later("row of the lens")),
        )
    )


LAYER_ACTIONS: Final[dict[str, Action]] = {
    "target": target,
    "against": against,
    "reading": reading,
    "lens_colour": lens_colour,
    "middle": middle,
    "follow": follow,
    "clear_follow": clear_follow,
    "layer": layer,
    "open_tab": open_tab,
}


def _token(model: "Model", value: object) -> int:
    return whole(value, 0, model.card().vocabulary_size - 1, later("token id"))
