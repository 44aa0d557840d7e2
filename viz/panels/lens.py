"""The logit lens: the grid, one of its cells in full, and tokens followed through the layers."""

from typing import Any, Final

from model_runtime import FeatureUnavailable
from viz.components.charts import LensView
from viz.lens_cell import cell_payload
from viz.lens_curves import curves_payload
from viz.lens_grid import leads, lens_payload, nearest_reading
from viz.panels.scene import Scene

# Tokens of a cell that are listed, and as many of the output.
TOP: Final = 10


def build() -> LensView:
    """Lays the tab out."""
    return LensView(elem_id="lens")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload, or why this model has none."""
    model, view, moment = scene.model, scene.view, scene.moment
    frame = {"colour": view.lens_colour, "window": view.window, "follow": list(view.follow), "shown": ""}
    try:
        lens = model.lens(moment, view.middle)
    except FeatureUnavailable as error:
        return {**frame, "unavailable": str(error)}
    cursor, middle = view.cursor, lens.middle is not None
    reading = nearest_reading(view.reading, lens.ids.shape[0], middle)
    cell = model.lens_cell(moment, reading // 2, cursor, bool(reading % 2), TOP)
    final = int(lens.target_ids[cursor])
    followed = [final, *(token for token in view.follow if token != final)]
    curves = model.lens_curves(moment, followed, cursor, middle)
    first, settled = leads(lens)
    return {
        **frame,
        **lens_payload(lens, scene.labels, scene.window, cursor, scene.card.vocabulary_size),
        "reading": reading,
        "middle": view.middle,
        "has_middle": middle or not view.middle,
        "cell": cell_payload(cell, scene.labels[cursor]),
        "curves": curves_payload(curves, final, (int(first[cursor]), int(settled[cursor]))),
    }
