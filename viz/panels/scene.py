"""What every panel draws from: the model, the view, and the tokens they come to."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from model_runtime import Moment, TokenTable
from model_runtime.attention_views import hide_sink
from model_runtime.records import AttentionMap, ModelCard
from viz.panels.view import View
from viz.token_strip import labels_of
from viz.window import Window, window_to

if TYPE_CHECKING:
    from model_runtime.model import Model


@dataclass(frozen=True)
class Scene:
    """One answer's material, computed once for all panels.

    Attributes:
        model: The model that the moment was made with.
        card: Its facts.
        view: What is shown, its cursor inside the text.
        moment: The moment that is shown.
        tokens: Its tokens.
        labels: [token] their visible labels.
    """

    model: "Model"
    card: ModelCard
    view: View
    moment: Moment
    tokens: TokenTable
    labels: list[str]

    @property
    def window(self) -> Window:
        """The tokens that pictures show."""
        return window_to(self.view.cursor, len(self.labels), self.view.window)

    @property
    def hide(self) -> str | None:
        """What the switch for the first token hides, as the model's questions take it."""
        return None if self.view.hide == "none" else self.view.hide

    @cached_property
    def attention(self) -> AttentionMap:
        """The selected head, without what the switch hides.

        Raises:
            FeatureUnavailable: This model or layer shows no attention.
        """
        attention = self.model.attention(self.moment, self.view.layer, self.view.head)
        return hide_sink(attention, self.model.hiding(self.moment, self.hide))


def scene_of(model: "Model", view: View) -> Scene:
    """Asks the model for the tokens of a view, which also runs it over what is new.

    Raises:
        TokenscopeError: The moment does not fit the model, or the text the context.
    """
    moment = view.moment
    tokens = model.tokens(moment)
    return Scene(model, model.card(), view.at(moment, view.cursor), moment, tokens, labels_of(tokens))
