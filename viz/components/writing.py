"""The components about writing token by token: the loop, and the streams that run side by side."""

from viz.components.base import Drawn


class LoopView(Drawn):
    """The loop of input and output. Value: what `viz.panels.loop.draw` returns."""

    files = "loop"


class StreamsView(Drawn):
    """Every position's own prediction, and the context. Value: what `viz.panels.streams.draw` returns."""

    files = "streams"
