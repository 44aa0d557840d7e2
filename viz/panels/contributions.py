"""The tab "Who wrote this?": one logit split into what each part of the model added to it."""

from typing import Any

import numpy as np

from model_runtime import FeatureUnavailable
from model_runtime.moment import Ablate
from model_runtime.records import Booleans, Integers
from viz.components.parts import ContributionsView
from viz.contributions import contributions_payload
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
    return {**form, **contributions_payload(record, _key_value_heads(scene), _ablated(scene, record.heads.shape))}


def _key_value_heads(scene: Scene) -> Integers | None:
    """[layer, head] the key/value head that each head reads, None where attention cannot be shown."""
    try:
        return scene.model.looking(scene.moment, scene.view.cursor, [scene.view.cursor]).key_value_head
    except FeatureUnavailable:
        return None


def _ablated(scene: Scene, shape: tuple[int, ...]) -> Booleans:
    """[layer, head] True where a head is switched off."""
    off = np.zeros(shape, np.bool_)
    for one in scene.moment.interventions:
        if isinstance(one, Ablate):
            off[one.layer, one.head] = True
    return off
