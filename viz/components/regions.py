"""The components of the page's frame: session, message line, model facts, examples, branch list, decoding settings."""

from viz.components.base import Drawn


class Session(Drawn):
    """Holds the view and sends every action with it. Invisible.

    Value: {"view": the view as JSON or None, "turn": new with each answer, "more": whether further answers follow by
    themselves}; of an answer that takes long also "follows", and first of all "ticket", to follow it with. Events:
    `act`, `play`, `scan`, `follow`, `stop`, with {"name", "detail", "view"} as data.
    """

    files = "session"


class MessageLine(Drawn):
    """One line of plain text.

    Value: {"kind": notice, error or progress, "text", "at": element id, "fraction"}; of an answer also "missing": why
    elements have nothing to show, by id, "more": whether further answers follow by themselves, and "quiet": whether
    the text only says how long the answer took.
    """

    files = "message"


class Place(Drawn):
    """Asks, while an answer is slow, how many visitors have their turn before this page. Invisible.

    Value: {"before": how many, None where the page does not wait for its turn, "turn": new with each answer}.
    Event: `ask`.
    """

    files = "place"


class ModelFacts(Drawn):
    """The loaded model in one line. Value: {"facts", "proofs", "details", "failed", "chat"}."""

    files = "model_facts"


class Examples(Drawn):
    """A choice of example prompts. Value: their titles. Event: `pick`, with {"index"} as data."""

    files = "examples"


class Branches(Drawn):
    """The lines of text that were tried. Value: {"names", "previews", "current": index}."""

    files = "branches"


class DecodingForm(Drawn):
    """The decoding settings. Value: {"settings": name -> text of the field, "summary": what they come to}."""

    files = "decoding_form"


class TabBar(Drawn):
    """The bar that opens tabs, in groups. Value: {"groups": [title, [id, title] of each tab] of each group}."""

    files = "tab_bar"


class Walk(Drawn):
    """The walk through the chapter, stop by stop. Value: what `viz.panels.walk.draw` returns.

    Which stop is open is the page's own affair; its address says it. Event: `pick`, with {"stop", "index"} of a try.
    """

    files = "walk"
