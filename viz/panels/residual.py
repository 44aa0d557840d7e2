"""The tab of the residual stream: lengths, turns, likeness, the way of the tokens, and one vector in full."""

from typing import Any, Final

from model_runtime import FeatureUnavailable
from viz.components.layers import ResidualView
from viz.lens_grid import stream_names
from viz.panels.scene import Scene
from viz.residual import outliers, residual_payload, similarity_payload, vector_payload
from viz.window import window_to

MOST_PAIRS: Final = 64  # tokens that are compared with each other: more could not be told apart, nor be sent quickly


def build() -> ResidualView:
    """Lays the tab out."""
    return ResidualView(elem_id="residual")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload, or why this model has none."""
    model, moment, cursor = scene.model, scene.moment, scene.view.cursor
    stream = min(scene.view.reading // 2, scene.card.layers)
    pairs = window_to(cursor, len(scene.labels), min(scene.view.window, MOST_PAIRS))
    try:
        table = model.residual(moment)
        raw, centred = (
            model.token_similarity(moment, stream, centred=centred, begin=pairs.start, end=pairs.stop)
            for centred in (False, True)
        )
        alike = similarity_payload(model.stream_similarity(moment, cursor), raw, centred)
        vector = model.hidden(moment, stream)[cursor]
    except FeatureUnavailable as error:
        return {"unavailable": str(error)}
    window = scene.window
    return {
        **residual_payload(table, window),
        **alike,
        **vector_payload(vector),
        "labels": scene.labels[window.start : window.stop],
        "start": window.start,
        "cursor": cursor,
        "stream": stream,
        "rows": stream_names(scene.card.layers + 1),
        "outliers": outliers(table.norm, scene.labels),
        "shown": window.describe(),
        "compared": pairs.describe(),
    }
