"""The tab of the parallel streams: one track a token, and the context that they fill."""

from typing import Any

from viz.components.writing import StreamsView
from viz.panels.scene import Scene
from viz.streams import context_payload, streams_payload


def build() -> StreamsView:
    """Lays the tab out."""
    return StreamsView(elem_id="streams")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload."""
    model, moment, cursor = scene.model, scene.moment, scene.view.cursor
    return {
        **streams_payload(model.predictions(moment), scene.tokens, scene.labels, cursor, scene.window),
        "layers": scene.card.layers,
        "width": scene.card.width,
        "context": context_payload(model.context_use(moment)),
    }
