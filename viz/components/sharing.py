"""The popover in which one takes the view along: as a link, as a file, and whatever else it can be turned into."""

from viz.components.base import Drawn


class Sharing(Drawn):
    """A button with a popover.

    Value: {"downloads": (name, title, what) of each, "most" and "most_file": characters of a link and of a file,
    "large": bytes of a download that is asked about before}. Server functions: `link`, with {"view", "prompt", "mode"};
    `begin`, with {"name", "view", "asked"}, then `follow`, `take` and `leave` with its {"ticket"}; `unpack`, with the
    {"text"} of a file. Each answers with {"error"} where it cannot.
    """

    files = "sharing"
