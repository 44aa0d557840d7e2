"""The popover in which one takes the view along: as a link, as a file, and whatever else it can be turned into."""

from viz.components.base import Drawn


class Sharing(Drawn):
    """A button with a popover. Value: {"downloads": (name, title, what) of each, "most": characters of a link}.

    Server functions: `link`, with {"view", "prompt", "mode"}, and `download`, with {"name", "view"}; each answers with
    {"error"} where it cannot.
    """

    files = "sharing"
