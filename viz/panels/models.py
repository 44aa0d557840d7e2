"""Which models a page may use, on top of the library that keeps them loaded."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from model_runtime import CATALOGUE, Moment
from model_runtime.errors import ModelNotFound

if TYPE_CHECKING:
    from model_runtime.model import Model

Progress = Callable[[str, float | None], None]


class Keeper(Protocol):
    """What keeps loaded models, such as `model_runtime.Library`."""

    def get(self, name: str, progress: Progress | None = None) -> "Model":
        """Returns a model by name, loading it if need be."""


class Models:
    """The models of a page.

    Attributes:
        default: The model that the page opens with.
        any_name: Whether names beyond the catalogue and the default may be loaded.
    """

    def __init__(self, library: Keeper, default: str, *, any_name: bool = True) -> None:
        self.default = default
        self.any_name = any_name
        self._library = library

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
        self.check(name)
        return self._library.get(name, progress)

    def check(self, name: str) -> None:
        """Refuses a model that this page may not open.

        Raises:
            ModelNotFound: It is not among those on offer, and others may not be named here.
        """
        allowed = {offer.name for offer in CATALOGUE} | {self.default}
        if not self.any_name and name.partition("@")[0] not in allowed:
            raise ModelNotFound(f"{name!r} is not among the models that this page offers. Choose one of the list.")

    def of(self, moment: Moment) -> "Model":
        """Returns the model that a moment was made with."""
        return self.get(f"{moment.model}@{moment.revision}" if moment.revision else moment.model)
