"""The token strip."""

from typing import Any

from viz.attention_map import attention_measure
from viz.components.charts import TokenStrip
from viz.inputs import state_of
from viz.panels.prompt_parts import marks
from viz.panels.scene import Scene
from viz.token_strip import token_strip


def build() -> TokenStrip:
    """Lays the strip out."""
    return TokenStrip(elem_id="token-strip")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the strip's payload.

    Raises:
        FeatureUnavailable: It is to be shaded by attention, which this model does not show.
    """
    view = scene.view
    attention = None
    if view.shade == "attention":
        attention = attention_measure(scene.attention, view.cursor, len(scene.labels))
    strip = token_strip(scene.tokens, scene.labels, view.cursor, view.shade, scene.card.vocabulary_size, attention)
    return {**strip, "keys": list(view.keys), "state": state_of(scene.moment), "parts": marks(scene)}
