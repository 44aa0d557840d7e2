"""What a user can do about choosing a token: try other settings on the present distribution."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from viz.panels.actions import Action, Outcome, Request, read_decoding
from viz.panels.playground import COUNTS, Playground
from viz.panels.view import View, one_of
from viz.sentences import later

if TYPE_CHECKING:
    from model_runtime.model import Model


def playground(model: "Model", view: View, request: Request) -> Outcome:
    """Tries the settings of the fields; without any, the page's own again. The text and its settings stay.

    Raises:
        BadDecoding: A field holds no number, or one outside its range.
    """
    settings = request.detail.get("settings")
    count = one_of(request.detail.get("count", view.playground.count), COUNTS, later("number of draws"))
    decoding = read_decoding({**settings, "stop": ""}) if isinstance(settings, dict) else None
    if decoding == replace(view.moment.decoding, stop=()):
        decoding = None  # so that it follows when the page's own change
    return Outcome(replace(view, playground=Playground(decoding, count)))


CHOOSING_ACTIONS: Final[Mapping[str, Action]] = {"playground": playground}
