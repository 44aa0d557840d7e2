"""The components that change something and show what follows: patching and steering."""

from viz.components.base import Drawn


class PatchingView(Drawn):
    """Patching one run into another. Value: what `viz.panels.patching.draw` returns; {"scan": ...} besides."""

    files = "patching"


class SteeringView(Drawn):
    """The draft of a steering and those in force. Value: what `viz.panels.steering.draw` returns."""

    files = "steering"
