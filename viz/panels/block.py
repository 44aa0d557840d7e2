"""The tab of one block: its parts in the order in which they run, beside the original Transformer's."""

from typing import Any

from viz.block import block_payload
from viz.components.structure import BlockView
from viz.panels.scene import Scene


def build() -> BlockView:
    """Lays the tab out."""
    return BlockView(elem_id="block")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload: the selected block's drawing and facts."""
    block = scene.model.block(scene.view.layer)
    return {
        **block_payload(block),
        "layer": block.layer,
        "layers": scene.card.layers,
        "module": block.module,
        "name": scene.card.name,
    }
