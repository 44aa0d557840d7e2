"""The tab "Who wrote this?": one logit split into what each part of the model added to it."""

from typing import Any

import numpy as np

from model_runtime import FeatureUnavailable
from model_runtime.part_records import Contributions
from viz.components.parts import ContributionsView
from viz.contributions import contributions_payload
from viz.head_mosaic import grid_payload
from viz.panels import question
from viz.panels.scene import Scene


def build() -> ContributionsView:
    """Lays the tab out."""
    return ContributionsView(elem_id="contributions")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload, or why this model has none."""
    form = {"form": question.draw(scene)}
    try:
        record = scene.model.contributions(scene.moment, **scene.question)
    except FeatureUnavailable as error:
        return {**form, "unavailable": str(error)}
    return {**form, **contributions_payload(record), **_grid(scene, record)}


def _grid(scene: Scene, record: Contributions) -> dict[str, Any]:
    """What the grid of heads needs; none where the record has no heads."""
    if record.unsplit_heads:
        return {"grid": None}
    try:
        shared = scene.model.looking(scene.moment, scene.view.cursor, [scene.view.cursor])
    except FeatureUnavailable:  # the heads' outputs can be seen, but not what they read
        known = np.isfinite(record.heads)
        heads = np.where(known, np.arange(record.heads.shape[1]), -1)
        return {"grid": {**grid_payload(heads, np.zeros_like(known)), "unknown": True}}
    return {"grid": grid_payload(shared.key_value_head, shared.ablated)}
