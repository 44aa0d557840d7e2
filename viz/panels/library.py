"""The models that are loaded: opened once, shared by every page, the longest unused closed first."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from model_runtime import CATALOGUE, Moment, load_model
from model_runtime.errors import ModelNotFound

if TYPE_CHECKING:
    from model_runtime.model import Model

Progress = Callable[[str, float | None], None]
MOST_LOADED = 2


class Library:
    """Loaded models by the name they were loaded by.

    Attributes:
        default: The model that the page opens with.
        any_name: Whether names beyond the catalogue and the default may be loaded.
    """

    def __init__(self, default: str, *, any_name: bool = True) -> None:
        self.default = default
        self.any_name = any_name
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def offers(self) -> list[tuple[str, str]]:
        """What the picker proposes: (title, name), the default first."""
        titles = {offer.name: offer.title for offer in CATALOGUE}
        names = [self.default, *(name for name in titles if name != self.default)]
        return [(titles.get(name, name), name) for name in names]

    def get(self, name: str, progress: Progress | None = None) -> "Model":
        """Returns a model, loading it first if need be.

        Raises:
            ModelError: It cannot be loaded, or may not be here.
        """
        allowed = {offer.name for offer in CATALOGUE} | {self.default}
        if not self.any_name and name.partition("@")[0] not in allowed:
            raise ModelNotFound(f"{name!r} is not among the models that this page offers. Choose one of the list.")
        with self._lock:  # one load at a time: two at once would hold both in memory while neither is usable
            model = self._models.get(name)
            if model is None:
                model = load_model(name, progress=progress)
                self._models[name] = model
                while len(self._models) > MOST_LOADED:
                    self._models.popitem(last=False)
            self._models.move_to_end(name)
            return model

    def of(self, moment: Moment) -> "Model":
        """Returns the model that a moment was made with."""
        return self.get(f"{moment.model}@{moment.revision}" if moment.revision else moment.model)
