"""The component about positions."""

from viz.components.base import Drawn


class PositionsView(Drawn):
    """The order of the tokens. Value: what `viz.panels.positions.draw` returns, or {"scan": ...}."""

    files = "positions"
