"""The components about the residual stream and what each token contributed to the choice."""

from viz.components.base import Drawn


class ResidualView(Drawn):
    """The residual stream. Value: what `viz.panels.residual.draw` returns."""

    files = "residual"


class InputsView(Drawn):
    """What each token contributed. Value: what `viz.panels.inputs.draw` returns; {"scan": ...} as an answer gets on."""

    files = "inputs"
