"""The next-token panel."""

from typing import Any

from viz.components.charts import NextTokenChart
from viz.next_token import ROWS, next_token_chart
from viz.panels.scene import Scene


def build() -> NextTokenChart:
    """Lays the panel out."""
    return NextTokenChart(elem_id="next-token")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the chart's payload for the cursor."""
    cursor = scene.view.cursor
    distribution = scene.model.distribution(scene.moment, cursor, top=ROWS)
    return next_token_chart(distribution, scene.labels[cursor], scene.moment.decoding.temperature == 0)
