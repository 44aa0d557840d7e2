"""What a user can do about single tokens of the vocabulary: choose the one whose embedding is shown."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from viz.panels.actions import Action, Outcome, Request
from viz.panels.question import token_of
from viz.panels.view import View, whole
from viz.sentences import later

if TYPE_CHECKING:
    from model_runtime.model import Model


def entry(model: "Model", view: View, request: Request) -> Outcome:
    """Shows a token's embedding, by its id or a typed text; none for the token under the cursor.

    Raises:
        InputError: There is no such token.
    """
    view = replace(view, tab="embeddings")
    text = request.detail.get("text")
    if isinstance(text, str):
        found, told = token_of(model, view.moment, text)
        return Outcome(replace(view, entry=found), told)
    token = request.detail.get("token")
    if token is not None:
        token = whole(token, 0, model.card().vocabulary_size - 1, later("token id"))
    return Outcome(replace(view, entry=token))


VOCABULARY_ACTIONS: Final[dict[str, Action]] = {"entry": entry}
