"""The next-token panel."""

from typing import Any

from viz.components.charts import NextTokenChart
from viz.next_token import ROWS, next_token_chart
from viz.panels.scene import Scene


def build() -> NextTokenChart:
    """Lays the panel out."""
    return NextTokenChart(elem_id="next-token")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the chart's payload for the cursor; where heads are off, over what it was with every head on."""
    cursor, moment = scene.view.cursor, scene.moment
    label, greedy = scene.labels[cursor], moment.decoding.temperature == 0
    if not moment.interventions:
        return next_token_chart(scene.model.distribution(moment, cursor, top=ROWS), label, greedy)
    changed = scene.model.distribution(moment, cursor, top=None)
    before = scene.model.distribution(moment.restored(), cursor, top=None)
    return next_token_chart(changed, label, greedy, before)
