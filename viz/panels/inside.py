"""The tab that opens one head: from its vectors to its output, for the cursor's query."""

from typing import Any

from model_runtime import FeatureUnavailable
from viz.components.studies import InsideView
from viz.head_inside import inside_payload
from viz.panels.scene import Scene
from viz.window import window_to

MOST_ROWS = 64  # keys: more would be a long way to scroll, and slow


def build() -> InsideView:
    """Lays the tab out."""
    return InsideView(elem_id="inside")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload. Where this head cannot be shown it says why, and another may be chosen."""
    view = scene.view
    frame = {"layers": scene.card.layers, "heads": scene.card.heads, "layer": view.layer, "head": view.head}
    try:
        inside = scene.model.inside(scene.moment, view.layer, view.head, view.cursor)
    except FeatureUnavailable as error:
        return {**frame, "unavailable": str(error)}
    window = window_to(view.cursor, len(scene.labels), min(view.window, MOST_ROWS))
    payload = inside_payload(inside, scene.labels, window, scene.card.key_value_heads)
    return {**frame, **payload, "hide": view.hide}
