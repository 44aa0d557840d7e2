"""The components about choosing a token: settings tried on one distribution, and beam search."""

from viz.components.base import Drawn


class ChoosingView(Drawn):
    """Filters, nucleus and draws. Value: what `viz.panels.choosing.draw` returns."""

    files = "choosing"


class BeamsView(Drawn):
    """Beam search. Value: what `viz.panels.beams.draw` returns; {"scan": ...} besides, as an answer gets on."""

    files = "beams"
