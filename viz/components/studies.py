"""The components that study heads: side by side, in a table, from the inside, and in bertviz's views."""

from viz.components.base import Drawn


class CompareView(Drawn):
    """Pinned heads side by side. Value: what `viz.panels.compare.draw` returns."""

    files = "compare"


class HeadTableView(Drawn):
    """All heads with their measures. Value: what `viz.head_table.head_table_payload` returns."""

    files = "head_table"


class InsideView(Drawn):
    """One head for one query, from its vectors to its output. Value: what `viz.head_inside.inside_payload` returns."""

    files = "inside"


class BertvizFrame(Drawn):
    """bertviz's views in a sandboxed frame. Value: what `viz.panels.bertviz.draw` returns, and `build` the document."""

    files = "bertviz"
