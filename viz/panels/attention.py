"""The attention tab: one head."""

from typing import Any

from model_runtime import FeatureUnavailable
from viz.attention_map import attention_payload
from viz.components.charts import AttentionView
from viz.panels.scene import Scene


def build() -> AttentionView:
    """Lays the tab out."""
    return AttentionView(elem_id="attention-map")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload. Where this head cannot be shown it says why, and another may be chosen."""
    view = scene.view
    frame = {
        "layers": scene.card.layers,
        "heads": scene.card.heads,
        "layer": view.layer,
        "head": view.head,
        "window": view.window,
    }
    try:
        attention = scene.model.attention(scene.moment, view.layer, view.head)
    except FeatureUnavailable as error:
        return {**frame, "unavailable": str(error), "shown": ""}
    return {**frame, **attention_payload(attention, scene.labels, scene.window, view.cursor)}
