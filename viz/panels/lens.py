"""The layers tab: the logit lens."""

from typing import Any

from model_runtime import FeatureUnavailable
from viz.components.charts import LensView
from viz.lens_grid import lens_payload
from viz.panels.scene import Scene


def build() -> LensView:
    """Lays the tab out."""
    return LensView(elem_id="lens")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload, or why this model has none."""
    try:
        lens = scene.model.lens(scene.moment)
    except FeatureUnavailable as error:
        return {"unavailable": str(error), "shown": ""}
    return lens_payload(lens, scene.labels, scene.window, scene.view.cursor)
