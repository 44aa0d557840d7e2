"""The switch for the first token: hides it, or all special ones, wherever attention is drawn."""

from typing import Any

from viz.components.heads import SinkSwitch
from viz.panels.scene import Scene


def build() -> SinkSwitch:
    """Lays the switch out."""
    return SinkSwitch(elem_id="sink-switch")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the switch's payload: how it stands, and which tokens that hides."""
    hidden = scene.model.hiding(scene.moment, scene.hide)
    return {"hide": scene.view.hide, "tokens": [[position, scene.labels[position]] for position in hidden]}
