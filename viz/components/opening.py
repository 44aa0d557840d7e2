"""The components that open a model: the picker, and how far a load is."""

from viz.components.base import Drawn


class ModelPicker(Drawn):
    """The model that is shown, and the door to others: a text field with a panel of offers below it.

    Value: {"offers": name, title and needs of each, "any": whether other names may be typed, "precisions": (name,
    title, meaning), "forms": (example, meaning), "shown": name, "revision", "precision"}; what it leaves out stays.
    """

    files = "model_picker"


class Loading(Drawn):
    """How far a load is, and the button that stops it.

    Value: {"ticket": of the load, "state": loading, ready, stopped or failed, "name", "precision", "text",
    "fraction"}. Events: `begin`, with {"ticket", "name", "precision"} as data, and `leave`.
    """

    files = "loading"
