"""Files that are being made for pages: each in a turn of its own with the model, like everything else that computes.

A page begins a file, follows how far it is, and takes it; one that follows no more has left, and so has its file.
"""

import base64
import secrets
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from model_runtime.errors import BadMoment
from model_runtime.turns import visiting
from viz.panels.answering import Work
from viz.panels.downloads import Download, File
from viz.panels.models import Models
from viz.panels.view import View
from viz.sentences import say, say_many

if TYPE_CHECKING:
    from model_runtime.model import Model

MOST: Final = 32  # files at once
PATIENCE: Final = 0.3  # seconds that a question how far it is waits for the end
FORGOTTEN: Final = 30.0  # seconds after which a page that asked no more has left


@dataclass
class _Making:
    """One file, its visitor, and the model whose turns it waits for."""

    visitor: str
    work: Work
    model: "list[Model]" = field(default_factory=list)
    heard: float = field(default_factory=time.monotonic)


class Making:
    """Makes the files of views. Safe to use from any thread.

    Attributes:
        models: The models.
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self._pool = ThreadPoolExecutor(MOST, "file")
        self._under_way: dict[str, _Making] = {}
        self._lock = threading.Lock()

    def begin(self, entry: Download, view: View, detail: Mapping[str, Any] | None) -> dict[str, Any]:
        """Begins a file; returns its `ticket`.

        Args:
            entry: What is to be made.
            view: Of which view.
            detail: What came with the open tab's own question, None where it was not asked.
        """
        self._forget()
        ticket = secrets.token_hex(8)
        making = _Making(f"file {ticket}", Work(lambda: {"file": self._made(making, entry, view, detail)}))
        with self._lock:
            self._under_way[ticket] = making
            extra = list(self._under_way)[:-MOST]
        for one in extra:
            self.leave(one)
        self._pool.submit(copy_context().run, making.work.run)  # which knows whose request it is
        return {"ticket": ticket}

    def follow(self, ticket: object) -> dict[str, Any]:
        """Says how far a file is: `text` and `fraction`; once it is made its `name` and `size` in bytes.

        Raises:
            TokenscopeError: It cannot be made, or nothing is known of the ticket.
        """
        making = self._of(ticket)
        if making.work.done.wait(PATIENCE):
            file: File = making.work.answer()["file"]
            return {"name": file.name, "size": len(file.content)}
        before = making.model[0].turns.before(making.visitor) if making.model else None
        waits = say_many("Waiting: {count} before this", "Waiting: {count} before this", before) if before else ""
        return {"text": waits or making.work.text, "fraction": making.work.fraction}

    def take(self, ticket: object) -> dict[str, Any]:
        """Hands a file over and forgets it: `name`, `media`, and `content` in base64.

        Raises:
            TokenscopeError: It could not be made, or nothing is known of the ticket.
        """
        making = self._of(ticket)
        making.work.done.wait()
        file: File = making.work.answer()["file"]
        self.leave(ticket)
        return {"name": file.name, "media": file.media, "content": base64.b64encode(file.content).decode("ascii")}

    def leave(self, ticket: object) -> dict[str, Any]:
        """Stops a file that is not wanted any more; returns nothing that a page needs."""
        with self._lock:
            making = self._under_way.pop(str(ticket), None)
        if making is not None:
            making.work.leave()
            for model in making.model:
                model.turns.leave(making.visitor)
        return {}

    def _made(self, making: _Making, entry: Download, view: View, detail: Mapping[str, Any] | None) -> File:
        with visiting(making.visitor):
            model = self.models.of(view.moment, view.precision)
            making.model.append(model)
            with model.turns.turn():
                return entry.make(model, view, detail)

    def _of(self, ticket: object) -> _Making:
        with self._lock:
            making = self._under_way.get(str(ticket))
        if making is None:
            raise BadMoment(say("The file is not being made any more. Ask for it again."))
        making.heard = time.monotonic()
        return making

    def _forget(self) -> None:
        """Lets go of what no page asks about any more."""
        with self._lock:
            late = time.monotonic() - FORGOTTEN
            left = [ticket for ticket, making in self._under_way.items() if making.heard < late]
        for ticket in left:
            self.leave(ticket)
