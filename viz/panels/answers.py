"""From an action to an answer: runs it, draws what is visible, and turns errors into words.

An answer names the outputs that change and gives their payloads; the page leaves all others as they are. After an error
only the message changes: the page keeps its view.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from model_runtime.errors import (
    BadDecoding,
    BadMoment,
    ContextFull,
    EmptyPrompt,
    InputError,
    NoChatTemplate,
    NotFinite,
    OutOfRange,
    TokenscopeError,
)
from viz.panels import ablation, bertviz, header, next_token, opening, sink, strip, transport, walk
from viz.panels.actions import ACTIONS, Outcome, Request, start
from viz.panels.choosing_actions import CHOOSING_ACTIONS
from viz.panels.head_actions import HEAD_ACTIONS
from viz.panels.layer_actions import LAYER_ACTIONS
from viz.panels.models import AUTO, Models
from viz.panels.pin_actions import PIN_ACTIONS
from viz.panels.prompt_parts import PART_ACTIONS, filled
from viz.panels.scene import Scene, scene_of
from viz.panels.steer_actions import STEER_ACTIONS
from viz.panels.tabs import ALL, TAB_OF, Draw
from viz.panels.view import View, one_of, whole
from viz.panels.vocabulary_actions import VOCABULARY_ACTIONS

if TYPE_CHECKING:
    from model_runtime.model import Model

Answer = dict[str, Any]

# What each output that depends on the view is drawn by; those of a tab only while it is open.
DRAWN: Final[dict[str, Draw]] = {
    "picker": opening.draw,
    "facts": header.draw,
    "strip": strip.draw,
    "decoding": transport.draw_decoding,
    "branches": transport.draw_branches,
    "next_token": next_token.draw,
    "sink": sink.draw,
    "walk": walk.draw,
    "off": ablation.draw_off,
    **{output: draw for tab in ALL for output, draw in tab.draw.items()},
}
_SCANS: Final = {tab.name: tab.scan for tab in ALL if tab.scan}
# What an output depends on, where that is less than the whole view: it is not sent again while that stays the same.
_DEPENDS: Final[dict[str, Callable[[View], object]]] = {
    "mosaic": lambda view: (view.tab, view.branches[view.branch], view.hide),
    "walk": lambda view: view.moment.fingerprint,
    "picker": opening.shown,
}
_ACTIONS: Final = {
    **ACTIONS,
    **HEAD_ACTIONS,
    **PIN_ACTIONS,
    **LAYER_ACTIONS,
    **STEER_ACTIONS,
    **VOCABULARY_ACTIONS,
    **CHOOSING_ACTIONS,
    **PART_ACTIONS,
}
# Which control an error is about, by its element id.
_PLACES: Final[dict[str, str]] = {
    "start": "prompt",
    "append": "append",
    "decode": "decoding",
    "show": "model-picker",
    "follow": "lens-follow",
    "patching": "patching-run",
    "steer": "steer-form",
    "playground": "choosing-form",
    "beams": "beams-run",
    "entry": "embeddings-search",
}
# Outputs whose element has another id than their name.
_ELEMENTS: Final = {"map": "model-map", "parts": "prompt-parts", "strip": "token-strip", "heads": "head-table"}
# Seconds a played token stays at least: faster than this the eye cannot follow.
PACE: Final = 0.05


class Desk:
    """Answers the page's actions. Holds nothing of any page.

    Attributes:
        models: The models.
    """

    def __init__(self, models: Models) -> None:
        self.models = models

    def open(self, saved: object, request: Request) -> Answer:
        """Opens the page: with the view it had before a reload if that still works, else with the first example."""
        if isinstance(saved, dict) and saved.get("view"):
            try:
                view = View.from_json(saved["view"])
                answer = self._drawn(self._model(view), Outcome(view))
                return {**answer, "prompt": request.prompt, "mode": "chat" if request.chat else "raw"}
            except TokenscopeError as error:
                again = f"What this page showed before cannot be shown again: {error}"
                return self._first(request, again)
        return self._first(request, "")

    def _first(self, request: Request, notice: str) -> Answer:
        try:
            model = self.models.get(self.models.default)
            outcome = start(model, None, request)
            return self._drawn(model, replace(outcome, notice=notice or _WELCOME))
        except TokenscopeError as error:
            return self.refuse(error, "show", None)

    def act(self, name: str, sent_view: object, request: Request) -> Answer:
        """Answers one action."""
        try:
            view = _view_for(name, sent_view)
            if name == "build" and view:
                return self._built(view, request)
            if name == "show":
                return self._shown(view, request)
            if name not in _ACTIONS:
                raise BadMoment(f"The page asked for {name!r}, which does not exist. Reload the page.")
            model = self._model(view) if view else self.models.get(self.models.default)
            if view is None:
                return self._drawn(model, start(model, None, request))
            outcome = _ACTIONS[name](model, view, request)
            answer = self._drawn(model, outcome, before=view)
            return {**answer, **filled(outcome.view, request)} if name == "compose" else answer
        except TokenscopeError as error:
            return self.refuse(error, name, sent_view)

    def _built(self, view: View, request: Request) -> Answer:
        """Answers with a bertviz view: it is large, so it is made when asked for, and for the text as it is then."""
        model = self._model(view)
        return {**self._drawn(model, Outcome(view)), "bertviz": bertviz.make(model, view, request.detail)}

    def play(self, sent_view: object, steps: object) -> Iterator[Answer]:
        """Answers with one token after the other until the text ends or `steps` are taken."""
        try:
            view = View.from_json(sent_view)
            count = whole(steps, 1, transport.MOST_STEPS, "number of tokens to play")
            model = self._model(view)
            yield from self._played(model, view, count)
        except TokenscopeError as error:
            yield self.refuse(error, "play", sent_view)

    def _played(self, model: "Model", view: View, count: int) -> Iterator[Answer]:
        began = last = time.perf_counter()
        taken = 0
        for moment in model.play(view.moment, count):
            taken += 1
            view = view.at(moment)
            yield self._drawn(model, Outcome(view, f"Playing: {taken} of up to {count} tokens"), more=True)
            now = time.perf_counter()
            time.sleep(max(0.0, PACE - (now - last)))
            last = time.perf_counter()
        reason = model.ended(view.moment)
        rate = taken / max(1e-9, time.perf_counter() - began)
        ending = f"Stopped: {reason}." if reason else f"Played {taken} tokens, {rate:.1f} a second."
        yield self._drawn(model, Outcome(view, ending))

    def scan(self, sent_view: object, detail: Mapping[str, Any]) -> Iterator[Answer]:
        """Answers a tab's long question with what is known so far, again and again, until all is known."""
        what = detail.get("what")
        try:
            name = one_of(what, tuple(_SCANS), "long question")
            view = View.from_json(sent_view)
            if detail.get("model"):  # a second one, which must be one that this page may open
                self.models.check(str(detail["model"]))
            model = self._model(view)
            for progress in _SCANS[name](model, view, detail):
                whole_yet = progress.done >= progress.total
                kind, fraction = ("notice", None) if whole_yet else ("progress", progress.done / progress.total)
                message = {"kind": kind, "text": progress.text, "at": "", "fraction": fraction, "more": not whole_yet}
                session = self._session(sent_view, more=not whole_yet)
                yield {"session": session, "message": message, name: {"scan": progress.payload}}
        except TokenscopeError as error:
            yield self.refuse(error, str(what), sent_view)

    def _model(self, view: View) -> "Model":
        return self.models.of(view.moment, view.precision)

    def _shown(self, view: View | None, request: Request) -> Answer:
        """Shows another model, which was loaded before: the prompt box's text begins anew on it."""
        name, precision = str(request.detail.get("name")), str(request.detail.get("precision", AUTO))
        model = self.models.get(name, precision=precision)
        raw = request.chat and not model.card().chat
        try:
            outcome = start(model, None, replace(request, chat=False) if raw else request)
        except InputError as error:
            return self.refuse(error, "start", view.to_json() if view else None)
        fresh = replace(outcome.view, precision=precision)
        if view:  # what is chosen and fits any model stays
            moment = replace(fresh.moment, decoding=view.moment.decoding)
            fresh = replace(fresh.at(moment), tab=view.tab, shade=view.shade, window=view.window, colour=view.colour)
        outcome = replace(outcome, view=fresh)
        notice = f"{model.card().name} is ready." + (
            " It has no chat template: the prompt is taken raw." if raw else ""
        )
        answer = self._drawn(model, replace(outcome, notice=notice))
        return {**answer, "mode": "raw"} if raw else answer

    def _drawn(self, model: "Model", outcome: Outcome, *, more: bool = False, before: View | None = None) -> Answer:
        began = time.perf_counter()
        scene = scene_of(model, outcome.view)
        hidden = {name for name, tab in TAB_OF.items() if tab != scene.view.tab}
        if before is not None:
            hidden |= {name for name, part in _DEPENDS.items() if part(before) == part(scene.view)}
        payloads, missing = _payloads(scene, [name for name in DRAWN if name not in hidden])
        spent = (time.perf_counter() - began) * 1000
        told = next(iter(missing.values()), outcome.notice or f"answered in {spent:.0f} ms")
        kind = "error" if missing else "notice"
        message = {"kind": kind, "text": told, "at": "", "fraction": None, "missing": missing, "more": more}
        return {"session": self._session(scene.view.to_json(), more=more), "message": message, **payloads}

    def refuse(self, error: TokenscopeError, name: str, sent_view: object) -> Answer:
        """Says why an action was not done, at the control it came from where there is one; the view stays."""
        place = _PLACES.get(name, "")
        if name == "start" and not isinstance(error, EmptyPrompt | ContextFull | NoChatTemplate | OutOfRange):
            place = ""
        if isinstance(error, BadDecoding) and not place:
            place = "decoding"
        message = {"kind": "error", "text": str(error), "at": place, "fraction": None}
        return {"session": self._session(sent_view, more=False), "message": message}

    def _session(self, view: object, *, more: bool) -> dict[str, Any]:
        # Each answer differs from every other, also across a restart: the page would not notice an equal value.
        return {"view": view, "turn": secrets.token_hex(8), "more": more}


def _payloads(scene: Scene, names: list[str]) -> tuple[Answer, dict[str, str]]:
    """The payloads of outputs, and by element id why some have none: the model computed no numbers to draw."""
    payloads, missing = {}, {}
    for name in names:
        try:
            payloads[name] = DRAWN[name](scene)
        except NotFinite as error:
            missing[_ELEMENTS.get(name, name.replace("_", "-"))] = str(error)
    return payloads, missing


_WELCOME: Final = (
    "Press → to let the model write one token. Click a token or a bar to look, or to choose, for yourself."
)


def _view_for(name: str, sent_view: object) -> View | None:
    """The view an action works on. Start, and showing another model, work without one."""
    if name in ("start", "show") and sent_view is None:
        return None
    return View.from_json(sent_view)
