"""What every panel draws from: the model, the view, and the tokens they come to."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypedDict

from model_runtime import Moment, TokenTable
from model_runtime.attention_views import hide_sink
from model_runtime.records import AttentionMap, ModelCard
from viz.labels import visible
from viz.panels.view import AVERAGE, NOTHING, View
from viz.token_strip import labels_of
from viz.window import Window, window_to

if TYPE_CHECKING:
    from model_runtime.model import Model

CHOICES: Final = 20  # tokens that a select offers


class Question(TypedDict):
    """Which logit is explained: the arguments that `contributions`, `neurons` and their like share."""

    position: int
    target: int | tuple[int, int]
    centred: bool


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
        """The selected head from the window's tokens, without what the switch hides.

        Raises:
            FeatureUnavailable: This model or layer shows no attention.
        """
        return self.attention_from(self.window.start, self.window.stop)

    def attention_from(self, begin: int, end: int) -> AttentionMap:
        """The selected head from tokens begin to end - 1, without what the switch hides.

        Raises:
            FeatureUnavailable: This model or layer shows no attention.
        """
        attention = self.model.attention(self.moment, self.view.layer, self.view.head, begin, end)
        hidden = self.model.hiding(self.moment, self.hide)
        return hide_sink(attention, [position for position in hidden if position < end])

    @cached_property
    def choices(self) -> list[tuple[int, str, float]]:
        """(id, visible label, raw probability) of the tokens that are most probable after the cursor's."""
        listed = self.model.distribution(self.moment, self.view.cursor, top=CHOICES)
        rows = zip(listed.ids[:CHOICES], listed.text, listed.raw, strict=False)
        return [(int(token), visible(text), float(raw)) for token, text, raw in rows]

    @cached_property
    def question(self) -> Question:
        """Which logit is explained, and against what, as the view says: for the model's questions about parts."""
        view = self.view
        target = self.choices[0][0] if view.target is None else view.target
        if view.against in (AVERAGE, target):  # a token against itself would leave nothing to explain
            return {"position": view.cursor, "target": target, "centred": True}
        if view.against == NOTHING:
            return {"position": view.cursor, "target": target, "centred": False}
        return {"position": view.cursor, "target": (target, view.against), "centred": False}


def scene_of(model: "Model", view: View) -> Scene:
    """Asks the model for the tokens of a view, which also runs it over what is new.

    Raises:
        TokenscopeError: The moment does not fit the model, or the text the context.
    """
    moment = view.moment
    tokens = model.tokens(moment)
    return Scene(model, model.card(), view.at(moment, view.cursor), moment, tokens, labels_of(tokens))
