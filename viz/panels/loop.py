"""The tab of the loop: text in, one token out, appended, and again."""

from typing import Any

from viz.components.writing import LoopView
from viz.labels import visible
from viz.loop import loop_payload
from viz.panels.scene import Scene


def build() -> LoopView:
    """Lays the tab out."""
    return LoopView(elem_id="loop")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload; what may come next is about the end of the text, wherever the cursor stands."""
    model, moment, view = scene.model, scene.moment, scene.view
    newest = model.distribution(moment, top=1)
    return {
        **loop_payload(scene.tokens, scene.labels, view.cursor, view.window),
        "layers": scene.card.layers,
        "ended": model.ended(moment),
        "next": [visible(newest.text[0]), float(newest.raw[0])],
    }
