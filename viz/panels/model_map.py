"""The tab of the map: the way from text to the next token through this model's parts, its tree, its parameters."""

from typing import Any, Final

from viz.components.structure import ModelMap
from viz.labels import visible
from viz.model_map import map_payload
from viz.panels.scene import Scene

NAMED: Final = 6  # tokens of the prompt that the drawing names


def build() -> ModelMap:
    """Lays the tab out."""
    return ModelMap(elem_id="model-map")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload: the map of the model with the shapes of the prompt, and what came out of it."""
    record = scene.model.anatomy_map(scene.moment)
    last = scene.moment.prompt_length - 1
    first = scene.model.distribution(scene.moment, last, top=1)
    return {
        **map_payload(record),
        "tokens": [
            [int(token), scene.labels[place]] for place, token in enumerate(scene.moment.ids[: min(NAMED, last + 1)])
        ],
        "prompt": record.prompt,
        "first": [int(first.ids[0]), visible(first.text[0]), float(first.raw[0])],
        "vocabulary": scene.card.vocabulary_size,
        "model": scene.card.fingerprint,
    }
