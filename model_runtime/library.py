"""The loaded models: each is loaded once, and the long unused make room."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from weakref import ref

from model_runtime.catalogue import Offer, offers
from model_runtime.elsewhere import Elsewhere
from model_runtime.loading import load
from model_runtime.memory import free_memory
from model_runtime.model import Model
from model_runtime.placement import device_of
from model_runtime.turns import MOST_WAITING

DEFAULT_BYTES = 16 * 2**30
DEFAULT_UNUSED = 15 * 60.0  # seconds
log = logging.getLogger("tokenscope")


class Library:
    """Models by name, the recently used ones kept while their weights fit a bound. Safe to use from any thread.

    Nothing is lost when a model makes room: moments carry all there is, and the next question loads it again.

    Attributes:
        limit: The most bytes of weights to keep. The model used last stays even where it alone is larger.
        shelf_bytes: The most bytes of recordings that each model keeps, None for `Model`'s own choice.
        most_tokens: The most tokens that a text may have, None for as many as each model takes.
        unused: Seconds after which recordings of texts that nobody asks about are dropped by `forget`.
        waiting: The most visitors that wait for one model.
    """

    def __init__(
        self,
        limit: int = DEFAULT_BYTES,
        *,
        device: str = "auto",
        dtype: str = "auto",
        shelf_bytes: int | None = None,
        most_tokens: int | None = None,
        unused: float = DEFAULT_UNUSED,
        waiting: int = MOST_WAITING,
        elsewhere: Callable[[], Elsewhere] | None = None,
    ) -> None:
        """Keeps no model yet.

        Args:
            limit: See the attributes, and so for the names below that are among them.
            device: As `load_model` takes it.
            dtype: As `load_model` takes it.
            shelf_bytes: See the attributes.
            most_tokens: See the attributes.
            unused: See the attributes.
            waiting: See the attributes.
            elsewhere: Makes the way of one model to another process that runs its texts, None to run them here.
        """
        self.limit, self.shelf_bytes, self.most_tokens = limit, shelf_bytes, most_tokens
        self.unused, self.waiting = unused, waiting
        self._device, self._dtype = device, dtype
        self._elsewhere = elsewhere
        # Made ahead: a platform that lends GPUs wants to see that there is something to lend them to, at once.
        self._next = None if elsewhere is None else elsewhere()
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self._models: OrderedDict[tuple[str, str], Model] = OrderedDict()
        self._names: dict[str, str] = {}  # what was asked for -> the name that the model's moments carry

    def get(self, name: str, progress: Callable[[str, float | None], None] | None = None, *, dtype: str = "") -> Model:
        """The model of that name, loaded if need be; one model loads at a time.

        Args:
            name: As `load_model` takes it. What is loaded by its bare id is known by its commit, too.
            progress: As `load_model` takes it.
            dtype: As `load_model` takes it; "" is the library's own.

        Raises:
            ModelError: It cannot be loaded; `load_model` says when.
        """
        with self._lock:
            model = self._known(name, dtype)
        if model is not None:
            return model
        with self._loading:  # apart from the other lock, so that loaded models stay at hand meanwhile
            with self._lock:
                model = self._known(name, dtype)
            if model is None:
                numbers = dtype or self._dtype
                model = load(name, device=self._device, dtype=numbers, progress=progress, shelf_bytes=self.shelf_bytes)
                model.most_tokens = min(model.most_tokens, self.most_tokens or model.most_tokens)
                self._send(model)
                log.info("loaded a %s, %.1f MB of weights", model.card().architecture, model.weight_bytes / 2**20)
                with self._lock:
                    self._keep(name, dtype, model)
        return model

    def forget(self) -> None:
        """Drops the recordings of texts that nobody asked about for long, of all models; to be called now and then."""
        with self._lock:
            models = list(self._models.values())
        for model in models:
            model.forget(self.unused)

    def keep_tidy(self, every: float = 60.0) -> None:
        """Calls `forget` every so many seconds in the background, until the library itself is dropped."""
        kept = ref(self)

        def work() -> None:
            while (library := kept()) is not None:
                library.forget()
                del library  # while this thread sleeps, nothing holds the library for its sake
                time.sleep(every)

        threading.Thread(target=work, name="keep tidy", daemon=True).start()

    def offers(self) -> tuple[Offer, ...]:
        """The models on offer, the one that suits the device of this library best first.

        Raises:
            ModelUnsupported: There is no such device.
        """
        device = device_of(self._device)
        return offers(free_memory(device) if device.type == "cuda" else None)

    def room(self) -> tuple[str, int | None]:
        """The device of this library, and the bytes that are free on it, None where the system does not say.

        Raises:
            ModelUnsupported: There is no such device.
        """
        device = device_of(self._device)
        return str(device), free_memory(device)

    def _known(self, name: str, dtype: str) -> Model | None:
        key = (self._names.get(name, name), dtype)
        if key in self._models:
            self._models.move_to_end(key)
        return self._models.get(key)

    def _send(self, model: Model) -> None:
        """Lets a model that was just loaded run its texts in another process, if that is how it is here."""
        if self._elsewhere is not None and self._next is not None:
            model.run_elsewhere(self._next)
            self._next = self._elsewhere()

    def _keep(self, name: str, dtype: str, model: Model) -> None:
        card = model.card()
        model.turns.most = self.waiting
        self._names[name] = f"{card.name}@{card.revision}" if card.revision else card.name
        self._models[self._names[name], dtype] = model
        while len(self._models) > 1 and sum(kept.weight_bytes for kept in self._models.values()) > self.limit:
            self._models.popitem(last=False)
