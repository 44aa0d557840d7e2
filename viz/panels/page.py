"""The page: puts the regions together and wires the events.

Every action of a user passes through the queue in `tokenscope.js` and reaches the server as one of four events of the
invisible `Session`, which sends the view along and gets the new one back.
"""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from model_runtime.errors import TokenscopeError
from model_runtime.turns import visiting
from viz.components import assets
from viz.components.base import KEPT, Drawn
from viz.components.regions import MessageLine, Place, Session, TabBar
from viz.panels import ablation, header, next_token, prompt, sink, strip, transport, walk
from viz.panels.actions import Request
from viz.panels.answering import Answering
from viz.panels.answers import Answer, Desk
from viz.panels.api import endpoints
from viz.panels.arriving import LARGEST, readable
from viz.panels.guarded import GuardedBlocks
from viz.panels.limits import NO_LIMITS, Limits
from viz.panels.models import Models
from viz.panels.opening import Opening
from viz.panels.tabs import ALL, GROUPS
from viz.panels.visits import Visits
from viz.sentences import say

# Opening takes the view that the tab had before a reload, if any.
_OPEN = "(session, text, mode) => window.tokenscope.opening(session, text, mode)"


def build_page(models: Models, limits: Limits = NO_LIMITS) -> gr.Blocks:
    """Builds the page over its models, within what visitors may take."""
    gr.set_static_paths([assets.PLOTLY])
    page: gr.Blocks = GuardedBlocks(title="Tokenscope", fill_width=True, analytics_enabled=False)
    with page:
        outputs: dict[str, Any] = {"session": Session(elem_classes="ts-session-block")}
        head, text, controls = header.build(models), prompt.build(), transport.build()
        prompt.offer(text, controls.steps)
        outputs |= {"picker": head.picker, "loading": head.loading, "facts": head.facts}
        outputs |= {"prompt": text.text, "mode": text.mode}
        outputs |= {"decoding": controls.decoding, "branches": controls.branches}
        outputs |= {"strip": strip.build(), "off": ablation.build_off()}
        with gr.Row(elem_classes="ts-panels"):
            with gr.Column(scale=4, min_width=320, elem_classes="ts-left"):
                outputs["next_token"] = next_token.build()
            with gr.Column(scale=8, min_width=320, elem_classes="ts-right"):
                outputs["walk"] = walk.build(text, controls)
                outputs |= _build_tabs()
        outputs["message"] = MessageLine(elem_id="message")
        desk, opening = Desk(models, limits), Opening(models)
        _wire(page, desk, controls, outputs)
        _wire_loading(opening, outputs)
        _wire_visits(page, desk.visits, opening)
        endpoints.build(page, models, limits)
    return page


def _build_tabs() -> dict[str, Any]:
    """Builds the bar of tabs and the tabs; the bar shows and hides them, and only the open one is computed."""
    named = [[say(title), [[tab.name, say(tab.title)] for tab in tabs]] for title, tabs in GROUPS]
    TabBar({"groups": named}, elem_id="tabs")
    outputs: dict[str, Any] = {"sink": sink.build()}
    for tab in ALL:
        with gr.Column(elem_id=f"panel-{tab.name}", elem_classes="ts-tab-panel"):
            outputs |= tab.build()
    return outputs


def _wire(page: gr.Blocks, desk: Desk, controls: transport.Transport, outputs: dict[str, Any]) -> None:
    """Connects the session's events, and opening."""
    session = outputs["session"]
    typed = [outputs["prompt"], outputs["mode"]]
    drawn = list(outputs.values())
    quick: dict[str, Any] = {
        "queue": desk.models.queued,
        "concurrency_limit": None,
        "show_progress": "hidden",
        "api_visibility": "private",
        "trigger_mode": "multiple",
    }
    failed = "() => {{ window.tokenscope.failed({}); }}"

    kept = {name: KEPT if isinstance(shown, Drawn) else gr.skip() for name, shown in outputs.items()}

    def listed(answer: Answer) -> list[Any]:
        """Puts an answer in the order of the outputs."""
        return [answer.get(name, same) for name, same in kept.items()]

    answering = Answering(desk.limits.waiting)

    def soon(ask: Callable[[], Answer], view: object, page: gr.Request) -> list[Any]:
        """Works an answer out for a visitor; its thread is another one, so the visitor is named there."""

        def work() -> Answer:
            with visiting(str(page.session_hash)):
                return ask()

        return listed(answering.soon(work, view, lambda: desk.visits.before(str(page.session_hash))))

    def opened(saved: object, words: str, mode: str, page: gr.Request) -> list[Any]:
        sent = readable(saved, largest=LARGEST)
        view = sent.get("view") if isinstance(sent, dict) else None
        return soon(lambda: desk.open(sent, _request({}, words, mode)), view, page)

    def acted(words: str, mode: str, event: gr.EventData, page: gr.Request) -> list[Any]:
        name, detail, view = _sent(event)
        return soon(lambda: desk.act(name, view, _request(detail, words, mode)), view, page)

    def followed(event: gr.EventData) -> Iterator[list[Any]]:
        _, detail, view = _sent(event)
        try:
            yield from map(listed, answering.follow(detail.get("ticket")))
        except TokenscopeError as error:
            yield listed(desk.refuse(error, "", view))

    def played(steps: object, event: gr.EventData, page: gr.Request) -> Iterator[list[Any]]:
        _, detail, view = _sent(event)
        playing = desk.play(view, detail.get("steps", steps))
        yield from map(listed, desk.visits.run(str(page.session_hash), playing))

    def scanned(event: gr.EventData, page: gr.Request) -> Iterator[list[Any]]:
        _, detail, view = _sent(event)
        yield from map(listed, desk.visits.run(str(page.session_hash), desk.scan(view, detail)))

    opening = page.load(opened, [session, *typed], drawn, js=_OPEN, **quick)
    acting = session.act(acted, typed, drawn, **quick)
    # These tell how they go on, so they pass gradio's queue. They do not wait in it: pages take turns with the model.
    long: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    playing = session.play(played, controls.steps, drawn, **long)
    scanning = session.scan(scanned, None, drawn, **long)
    following = session.follow(followed, None, drawn, **long)
    session.stop(None, cancels=[playing, scanning, following])
    going_on = ((playing, "'play'"), (scanning, "'scan'"), (following, "'answer'"))
    for event, name in ((opening, ""), (acting, ""), *going_on):
        event.failure(None, js=failed.format(name), queue=False, show_progress="hidden")


def _wire_loading(opening: Opening, outputs: dict[str, Any]) -> None:
    """Connects the loads of other models, which leave all but their own place and the message alone."""
    loading = outputs["loading"]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple"}

    def loaded(event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
        detail = readable(event._data, largest=LARGEST) if isinstance(event._data, dict) else {}
        for answer in opening.load(str(request.session_hash), detail):
            yield [answer.get(name, KEPT) for name in ("loading", "message")]

    def left(request: gr.Request) -> None:
        opening.stop(str(request.session_hash))

    begun = loading.begin(loaded, None, [loading, outputs["message"]], concurrency_limit=16, **quiet)
    begun.failure(None, js="() => { window.tokenscope.loadFailed(); }", queue=False, show_progress="hidden")
    loading.leave(left, None, None, queue=False, **quiet)


def _wire_visits(page: gr.Blocks, visits: Visits, opening: Opening) -> None:
    """Connects what a page asks while it waits for its turn, and its end."""
    place = Place(elem_classes="ts-session-block")

    async def placed(request: gr.Request) -> dict[str, Any]:
        # Without a thread, which those that wait may all have taken. Never equal, or the page would not notice it.
        return {"before": visits.before(str(request.session_hash)), "turn": secrets.token_hex(8)}

    def closed(request: gr.Request) -> None:
        visits.leave(str(request.session_hash))
        opening.stop(str(request.session_hash))

    place.ask(placed, None, place, queue=False, show_progress="hidden", api_visibility="private")
    page.unload(closed)


def _sent(event: gr.EventData) -> tuple[str, dict[str, Any], object]:
    """Takes apart what the session sent: name, detail, view."""
    data = readable(event._data, largest=LARGEST) if isinstance(event._data, dict) else {}
    detail = data.get("detail")
    return str(data.get("name", "")), detail if isinstance(detail, dict) else {}, data.get("view")


def _request(detail: dict[str, Any], words: object, mode: object) -> Request:
    return Request(detail, readable(words) if isinstance(words, str) else "", mode == "chat")
