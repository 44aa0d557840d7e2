"""The tab "Which head?": the heads by how much they look from the cursor's token at chosen ones, and the way back."""

from typing import Any

from model_runtime import FeatureUnavailable
from viz.components.heads import WhichHead
from viz.head_ranking import pairs_payload, ranking_payload
from viz.panels.scene import Scene

PAIRS = 16


def build() -> WhichHead:
    """Lays the tab out."""
    return WhichHead(elem_id="which-head")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload. Without chosen tokens it has the pairs only."""
    view = scene.view
    payload: dict[str, Any] = {
        "query": [view.cursor, scene.labels[view.cursor]],
        "hide": view.hide,
        "ranking": None,
        "pairs": None,
    }
    try:
        if view.keys:
            ranking = scene.model.looking(scene.moment, view.cursor, view.keys, hide=scene.hide)
            payload["ranking"] = ranking_payload(ranking, scene.labels)
        pairs = scene.model.pairs(scene.moment, view.layer, view.head, top=PAIRS, hide=scene.hide)
        payload["pairs"] = pairs_payload(pairs, scene.labels)
    except FeatureUnavailable as error:
        payload["unavailable"] = str(error)
    return payload
