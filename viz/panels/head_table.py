"""The heads tab: every head with its label and measures."""

from typing import Any

from model_runtime import FeatureUnavailable
from viz.components.studies import HeadTableView
from viz.head_table import head_table_payload
from viz.panels.head_facts import head_facts
from viz.panels.scene import Scene


def build() -> HeadTableView:
    """Lays the tab out."""
    return HeadTableView(elem_id="head-table")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload, or why this model has none."""
    from model_runtime.head_measures import LABELS, MEASURES  # late: this import brings torch

    try:
        facts = head_facts(scene)
    except FeatureUnavailable as error:
        return {"unavailable": str(error)}
    payload = head_table_payload(facts, MEASURES, LABELS, (scene.view.layer, scene.view.head))
    return {**payload, "hide": scene.view.hide}
