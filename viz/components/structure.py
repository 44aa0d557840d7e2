"""The components about what a model is made of."""

from viz.components.base import Drawn


class ModelMap(Drawn):
    """The way through the model, its tree and its parameters. Value: what `viz.panels.model_map.draw` returns."""

    files = "model_map"


class BlockView(Drawn):
    """One block beside the original. Value: what `viz.panels.block.draw` returns."""

    files = "block"
