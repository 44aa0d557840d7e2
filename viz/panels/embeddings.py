"""The tab "Embeddings": one token's row of the embedding matrix, and the tokens whose rows are nearest to it."""

from typing import Any, Final

from model_runtime import FeatureUnavailable
from viz.components.vocabulary import EmbeddingsView
from viz.labels import visible
from viz.panels.scene import Scene
from viz.vocabulary import nearest_payload

NEIGHBOURS: Final = 16


def build() -> EmbeddingsView:
    """Lays the tab out."""
    return EmbeddingsView(elem_id="embeddings")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload about the chosen token, else the one under the cursor; or why there is none."""
    model, cursor = scene.model, scene.view.cursor
    here = scene.moment.ids[cursor]
    chosen = scene.view.entry
    token = here if chosen is None or chosen >= scene.card.vocabulary_size else chosen
    frame = {"token": token, "label": _label(scene, token), "chosen": token if token == chosen else None}
    frame["cursor"] = [cursor, scene.labels[cursor]]
    try:
        raw, centred = (model.nearest(token, NEIGHBOURS, centred=centred) for centred in (False, True))
    except FeatureUnavailable as error:
        return {**frame, "unavailable": str(error)}
    ids = {token, *raw.ids.tolist(), *centred.ids.tolist()}
    return {**frame, **nearest_payload(raw, centred, {one: _label(scene, one) for one in ids})}


def _label(scene: Scene, token: int) -> str:
    entry = scene.model.entries([token])
    return visible(entry.text[0], entry.bytes[0])
