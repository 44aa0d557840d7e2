"""Which models a page may use, on top of the library that keeps them loaded."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from model_runtime import CATALOGUE, Moment, Offer
from model_runtime.errors import ModelNotFound, ModelTooLarge, ModelUnsupported
from model_runtime.model_names import QUANTISED, WITH_ADAPTER, Source, read_name
from viz.labels import shorten
from viz.sentences import say

if TYPE_CHECKING:
    from model_runtime.model import Model

Progress = Callable[[str, float | None], None]

# What a model's numbers may be kept in: name -> the library's dtype, where "" is its own choice.
PRECISIONS: Final = {"auto": "", "float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}
AUTO: Final = "auto"
MOST_NAME: Final = 1_000  # characters of a model's name or path
MOST_QUOTED: Final = 100  # of them, in the words that refuse it


def rounded(name: str, precision: str) -> tuple[str, str]:
    """Writes a choice of 8 or 4 bits into a model's name, as moments carry it.

    Args:
        name: As the picker was given it.
        precision: A name of `PRECISIONS`, "8bit" or "4bit".

    Returns:
        The name, and the precision that remains to be asked for.
    """
    if precision not in QUANTISED:
        return name, precision
    model, plus, adapter = name.partition(WITH_ADAPTER)
    where, at, revision = model.rpartition("@")
    if not at or where.startswith(("/", ".", "~")):  # a path has no revision, and may hold any sign
        where, at, revision = model, "", ""
    return f"{where}:{precision}{at}{revision}{plus}{adapter}", AUTO


def _is_of(offer: str, name: str) -> bool:
    """Whether an offer is the model of a name without revisions."""
    return read_name(offer, look=False).without_revisions == name


class Keeper(Protocol):
    """What keeps loaded models, such as `model_runtime.Library`."""

    def get(self, name: str, progress: Progress | None = None, *, dtype: str = "") -> "Model":
        """Returns a model by name, loading it if need be; `dtype` "" is the keeper's own choice."""


class Models:
    """The models of a page.

    Attributes:
        default: The model that the page opens with.
        any_name: Whether names beyond the offers and the default may be loaded, and precisions chosen.
        folders: Below which of them models beyond the offers may be loaded by path, real paths.
        offers: What the picker proposes, in order; the default is among them.
        room: Says where models go, and the bytes that are free there, None where nobody knows.
        queued: Whether every action passes gradio's queue, as only what passes it goes with the visitor's own quota
            where GPUs are lent to single calls.
    """

    def __init__(
        self,
        library: Keeper,
        default: str,
        *,
        any_name: bool = True,
        folders: Sequence[str] = ("/",),
        offers: Sequence[Offer] = CATALOGUE,
        room: Callable[[], tuple[str, int | None]] = lambda: ("", None),
        queued: bool = False,
    ) -> None:
        self.default = default
        self.any_name = any_name
        self.folders = tuple(Path(folder).expanduser().resolve() for folder in folders)
        own = Offer(default, default, say("The model that this page was started with."))
        self.offers = tuple(offers) if any(offer.name == default for offer in offers) else (own, *offers)
        self.room = room
        self.queued = queued
        self._library = library

    def get(self, name: str, progress: Progress | None = None, *, precision: str = AUTO) -> "Model":
        """Returns a model, loading it first if need be.

        Raises:
            ModelError: It cannot be loaded, or may not be here.
        """
        self.check(name, precision)
        if self.any_name:
            return self._library.get(name, progress, dtype=PRECISIONS[precision])
        # A revision is a visitor's own choice, and anyone can put one onto the hub: only the offer itself is opened.
        named = read_name(name, look=False).without_revisions
        own = name if self._offers(name) else next(one.name for one in self.offers if _is_of(one.name, named))
        model = self._library.get(own, progress, dtype=PRECISIONS[precision])
        shown = model.card()
        exact = f"{shown.name}@{shown.revision}" if shown.revision else shown.name
        if name not in (own, exact, named):
            own, other = shorten(repr(exact), MOST_QUOTED), shorten(repr(name), MOST_QUOTED)
            raise ModelNotFound(
                say(
                    "This page shows {model}, and {other} is another revision. Begin the text anew here, or open it "
                    "where that revision may be named.",
                    model=own,
                    other=other,
                )
            )
        return model

    def check(self, name: str, precision: str = AUTO) -> None:
        """Refuses a model that this page may not open.

        Raises:
            ModelNotFound: It is not among those on offer, and others may not be named here.
            ModelUnsupported: There is no such precision, or it may not be chosen here.
        """
        if len(name) > MOST_NAME or "\0" in name:
            count, most = f"{len(name):,}", f"{MOST_NAME:,}"
            raise ModelNotFound(
                say("No model has such a name: a zero byte, or {count} of {most} characters.", count=count, most=most)
            )
        if not self.any_name:
            # What is not on offer is refused without a look at the disk or elsewhere.
            named = read_name(name, look=False).without_revisions
            if not self._offers(name) and not any(_is_of(offer.name, named) for offer in self.offers):
                quoted = shorten(repr(name), MOST_QUOTED)
                raise ModelNotFound(
                    say("{model} is not among the models that this page offers. Choose one of the list.", model=quoted)
                )
        elif not self._offers(name):
            asked = read_name(name)
            for source in filter(None, (asked.model, asked.adapter)):
                self._check_place(source)
            if asked.adapter is None:
                self._check_base(asked.model)
        if precision not in PRECISIONS:
            raise ModelUnsupported(
                say(
                    "There is no precision {precision}; use one of {precisions}.",
                    precision=shorten(repr(precision), MOST_QUOTED),
                    precisions=", ".join(PRECISIONS),
                )
            )
        if not self.any_name and precision != AUTO:
            raise ModelUnsupported(
                say(
                    "This page shows its models in their usual precision only, not in {precision}.", precision=precision
                )
            )

    def _offers(self, name: str) -> bool:
        return any(offer.name == name for offer in self.offers)

    def _check_place(self, source: Source) -> None:
        """Refuses a path outside the folders, whether or not anything is there."""
        if not source.is_path:
            return
        place = Path(source.where, source.part).resolve()
        if not any(place.is_relative_to(folder) for folder in self.folders):
            raise ModelNotFound(
                say(
                    "{model} is not below a folder that this page may open models from. Choose a model of the list, or "
                    "a Hugging Face id.",
                    model=shorten(repr(source.title), MOST_QUOTED),
                )
            )

    def _check_base(self, source: Source) -> None:
        """Refuses an adapter in a folder that goes onto a model outside: its own file says onto which."""
        if not source.is_path or not Path(source.where, "adapter_config.json").is_file():
            return
        from model_runtime.adapters import base_of  # late: these import transformers
        from model_runtime.loading_progress import Reporter
        from model_runtime.model_files import find_files

        files = find_files(source, Reporter(None))
        if files.is_adapter:
            self._check_place(base_of(files))

    def of(self, moment: Moment, precision: str = AUTO) -> "Model":
        """Returns the model that a moment was made with, in the precision that the page shows it in.

        Raises:
            ModelError: It cannot be loaded, or may not be here; which text asks for it is said too.
        """
        name = self.name_of(moment)
        try:
            return self.get(name, precision=precision)
        except (ModelNotFound, ModelUnsupported, ModelTooLarge) as error:
            told = say("This text was made with {model}, which cannot be opened here. {error}", model=name, error=error)
            raise type(error)(told) from error

    def name_of(self, moment: Moment) -> str:
        """The name by which a moment's model is opened."""
        return f"{moment.model}@{moment.revision}" if moment.revision else moment.model
