"""The next-token panel."""

from dataclasses import replace
from typing import Any

from model_runtime import Moment
from viz.components.charts import NextTokenChart
from viz.next_token import ROWS, next_token_chart
from viz.panels.scene import Scene
from viz.sentences import say


def build() -> NextTokenChart:
    """Lays the panel out."""
    return NextTokenChart(elem_id="next-token")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the chart's payload for the cursor; where something is changed, over what the plain model says."""
    cursor, moment = scene.view.cursor, scene.moment
    label, greedy = scene.labels[cursor], moment.decoding.temperature == 0
    if not moment.interventions:
        return next_token_chart(scene.model.distribution(moment, cursor, top=ROWS), label, greedy)
    changed = scene.model.distribution(moment, cursor, top=None)
    before = scene.model.distribution(replace(moment, interventions=()), cursor, top=None)
    return next_token_chart(changed, label, greedy, before, _plain(moment))


def _plain(moment: Moment) -> str:
    """Names the model without what the moment changes in it."""
    if not moment.steers:
        return say("with every head on")
    return say("with every head on and unsteered") if moment.ablations else say("unsteered")
