"""The page's events on the server: what it sends is taken apart, answered, and put in the order of its regions.

Every action of a user passes through the queue in `tokenscope.js` and reaches the server as one of the events of the
invisible `Session`, which sends the view along and gets the new one back.
"""

import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final

import gradio as gr

from model_runtime.errors import TokenscopeError
from model_runtime.turns import visiting
from viz.components.base import KEPT
from viz.components.regions import Place
from viz.panels.actions import Request
from viz.panels.answering import Answering
from viz.panels.answers import Answer, Desk
from viz.panels.arriving import LARGEST, readable
from viz.panels.opening import Opening
from viz.panels.visits import Visits

# Opening takes the view that the tab had before a reload, if any.
_OPEN: Final = "(session, text, mode) => window.tokenscope.opening(session, text, mode)"
_PRIVATE: Final[dict[str, Any]] = {"show_progress": "hidden", "api_visibility": "private"}


class Events:
    """Answers the session's events."""

    def __init__(self, desk: Desk, outputs: dict[str, Any]) -> None:
        """Takes the desk that answers, and the regions by name, in the order in which answers are given."""
        self._desk, self._outputs = desk, tuple(outputs)
        self._answering = Answering(desk.limits.waiting)

    def opened(self, saved: object, words: str, mode: str, page: gr.Request) -> list[Any]:
        """Opens a page, with what its tab had before a reload."""
        sent = readable(saved, largest=LARGEST)
        view = sent.get("view") if isinstance(sent, dict) else None
        return self._soon(lambda: self._desk.open(sent, _request({}, words, mode)), view, page)

    def acted(self, words: str, mode: str, event: gr.EventData, page: gr.Request) -> list[Any]:
        """Answers an action, or gives a ticket where that takes long."""
        name, detail, view = _sent(event)
        return self._soon(lambda: self._desk.act(name, view, _request(detail, words, mode)), view, page)

    def followed(self, event: gr.EventData) -> Iterator[list[Any]]:
        """Tells who has a ticket how far the answer is, and gives it."""
        _, detail, view = _sent(event)
        try:
            yield from map(self._listed, self._answering.follow(detail.get("ticket")))
        except TokenscopeError as error:
            yield self._listed(self._desk.refuse(error, "", view))

    def played(self, steps: object, event: gr.EventData, page: gr.Request) -> Iterator[list[Any]]:
        """Writes several tokens, and shows each."""
        _, detail, view = _sent(event)
        playing = self._desk.play(view, detail.get("steps", steps))
        yield from map(self._listed, self._desk.visits.run(str(page.session_hash), playing))

    def scanned(self, event: gr.EventData, page: gr.Request) -> Iterator[list[Any]]:
        """Runs the open tab's long work, and shows each part of it."""
        _, detail, view = _sent(event)
        scanning = self._desk.scan(view, detail)
        yield from map(self._listed, self._desk.visits.run(str(page.session_hash), scanning))

    def _soon(self, ask: Callable[[], Answer], view: object, page: gr.Request) -> list[Any]:
        """Works an answer out for a visitor; its thread is another one, so the visitor is named there."""
        visitor = str(page.session_hash)

        def work() -> Answer:
            with visiting(visitor):
                return ask()

        return self._listed(self._answering.soon(work, view, lambda: self._desk.visits.before(visitor)))

    def _listed(self, answer: Answer) -> list[Any]:
        """Puts an answer in the order of the outputs."""
        return [answer.get(name, KEPT) for name in self._outputs]


def connect(page: gr.Blocks, desk: Desk, steps: gr.Number, outputs: dict[str, Any]) -> None:
    """Connects the session's events, and opening.

    Args:
        page: The page.
        desk: Answers them.
        steps: How many tokens a play writes.
        outputs: The regions by name.
    """
    events, session = Events(desk, outputs), outputs["session"]
    typed, drawn = [outputs["prompt"], outputs["mode"]], list(outputs.values())
    quick = {**_PRIVATE, "queue": desk.models.queued, "concurrency_limit": None, "trigger_mode": "multiple"}
    opening = page.load(events.opened, [session, *typed], drawn, js=_OPEN, **quick)
    acting = session.act(events.acted, typed, drawn, **quick)
    # These tell how they go on, so they pass gradio's queue. They do not wait in it: pages take turns with the model.
    long: dict[str, Any] = {**_PRIVATE, "concurrency_limit": None}
    playing = session.play(events.played, steps, drawn, **long)
    scanning = session.scan(events.scanned, None, drawn, **long)
    following = session.follow(events.followed, None, drawn, **long)
    session.stop(None, cancels=[playing, scanning, following])
    failed = "() => {{ window.tokenscope.failed({}); }}"
    going_on = ((playing, "'play'"), (scanning, "'scan'"), (following, "'answer'"))
    for event, name in ((opening, ""), (acting, ""), *going_on):
        event.failure(None, js=failed.format(name), queue=False, show_progress="hidden")


def connect_loading(opening: Opening, outputs: dict[str, Any]) -> None:
    """Connects the loads of other models, which leave all but their own place and the message alone."""
    loading = outputs["loading"]
    quiet: dict[str, Any] = {**_PRIVATE, "trigger_mode": "multiple"}

    def loaded(event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
        detail = readable(event._data, largest=LARGEST) if isinstance(event._data, dict) else {}
        for answer in opening.load(str(request.session_hash), detail):
            yield [answer.get(name, KEPT) for name in ("loading", "message")]

    def left(request: gr.Request) -> None:
        opening.stop(str(request.session_hash))

    begun = loading.begin(loaded, None, [loading, outputs["message"]], concurrency_limit=16, **quiet)
    begun.failure(None, js="() => { window.tokenscope.loadFailed(); }", queue=False, show_progress="hidden")
    loading.leave(left, None, None, queue=False, **quiet)


def connect_visits(page: gr.Blocks, visits: Visits, opening: Opening) -> None:
    """Connects what a page asks while it waits for its turn, and its end."""
    place = Place(elem_classes="ts-session-block")

    async def placed(request: gr.Request) -> dict[str, Any]:
        # Without a thread, which those that wait may all have taken. Never equal, or the page would not notice it.
        return {"before": visits.before(str(request.session_hash)), "turn": secrets.token_hex(8)}

    def closed(request: gr.Request) -> None:
        visits.leave(str(request.session_hash))
        opening.stop(str(request.session_hash))

    place.ask(placed, None, place, queue=False, **_PRIVATE)
    page.unload(closed)


def _sent(event: gr.EventData) -> tuple[str, dict[str, Any], object]:
    """Takes apart what the session sent: name, detail, view."""
    data = readable(event._data, largest=LARGEST) if isinstance(event._data, dict) else {}
    detail = data.get("detail")
    return str(data.get("name", "")), detail if isinstance(detail, dict) else {}, data.get("view")


def _request(detail: dict[str, Any], words: object, mode: object) -> Request:
    return Request(detail, readable(words) if isinstance(words, str) else "", mode == "chat")
