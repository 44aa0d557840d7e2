"""The tab "Neurons": one layer's MLP neuron by neuron."""

from typing import Any

from model_runtime import FeatureUnavailable
from viz.components.parts import NeuronsView
from viz.neurons import layers_payload, neurons_payload
from viz.panels import question
from viz.panels.scene import Scene

ROWS = 12
TOKENS = 6  # a side: more would be a wall of words


def build() -> NeuronsView:
    """Lays the tab out."""
    return NeuronsView(elem_id="neurons")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload. Where this layer has no such neurons it says why, and another may be chosen."""
    frame: dict[str, Any] = {"form": question.draw(scene), "layer": scene.view.layer}
    try:
        frame |= layers_payload(scene.model.contributions(scene.moment, **scene.question))
    except FeatureUnavailable as error:
        return {**frame, "unavailable": str(error)}
    try:
        table = scene.model.neurons(scene.moment, scene.view.layer, **scene.question, top=ROWS, tokens=TOKENS)
    except FeatureUnavailable as error:
        return {**frame, "none_here": str(error)}
    return {**frame, **neurons_payload(table)}
