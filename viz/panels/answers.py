"""From an action to an answer: runs it, draws what is visible, and turns errors into words.

An answer names the outputs that change and gives their payloads; the page leaves all others as they are. After an error
only the message changes: the page keeps its view.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from model_runtime.errors import (
    BadMoment,
    InputError,
    TokenscopeError,
)
from viz.labels import shorten
from viz.panels import bertviz, transport
from viz.panels.actions import ACTIONS, Outcome, Request, start
from viz.panels.choosing_actions import CHOOSING_ACTIONS
from viz.panels.drawn import payloads_of
from viz.panels.head_actions import HEAD_ACTIONS
from viz.panels.layer_actions import LAYER_ACTIONS
from viz.panels.limits import NO_LIMITS, Limits
from viz.panels.models import AUTO, Models
from viz.panels.pin_actions import PIN_ACTIONS
from viz.panels.places import place_of
from viz.panels.prompt_parts import PART_ACTIONS, filled
from viz.panels.scene import scene_of
from viz.panels.shared_views import read, revisited
from viz.panels.steer_actions import STEER_ACTIONS
from viz.panels.tabs import ALL
from viz.panels.view import MOST_QUOTED, View, one_of, whole
from viz.panels.visits import Visits
from viz.panels.vocabulary_actions import VOCABULARY_ACTIONS
from viz.sentences import later, say

if TYPE_CHECKING:
    from model_runtime.model import Model

Answer = dict[str, Any]

_SCANS: Final = {tab.name: tab.scan for tab in ALL if tab.scan}
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
# Seconds a played token stays at least: faster than this the eye cannot follow.
PACE: Final = 0.05


class Desk:
    """Answers the page's actions. Holds nothing of any page.

    Attributes:
        models: The models.
        limits: What one visitor may take.
        visits: Whose turn it is with them.
    """

    def __init__(self, models: Models, limits: Limits = NO_LIMITS) -> None:
        self.models = models
        self.limits = limits
        self.visits = Visits()

    def open(self, saved: object, request: Request) -> Answer:
        """Opens the page: by a link, with the view it had before a reload, or else with the first example."""
        if isinstance(saved, dict) and saved.get("link"):
            return self._linked(saved["link"], request)
        if isinstance(saved, dict) and saved.get("view"):
            try:
                view = View.from_json(saved["view"])
                answer = self._drawn(self._model(view), Outcome(view))
                return {**answer, "prompt": request.prompt, "mode": "chat" if request.chat else "raw"}
            except TokenscopeError as error:
                again = say("What this page showed before cannot be shown again: {error}", error=error)
                return self._first(request, again)
        return self._first(request, "")

    def _linked(self, text: object, request: Request) -> Answer:
        """Opens the page by a link. A model that may have to be loaded is left to the page, which shows how far."""
        try:
            shared, arriving = read(self.models, text)
            if arriving is None:
                drawn = self._drawn(self._model(shared.view), Outcome(shared.view, say(_SHARED)))
                return _filled(drawn, shared.prompt, "chat" if shared.chat else "raw")
            answer = self._first(request, say("The shared view needs another model, which is loaded now."))
            answer["session"]["arriving"] = arriving
            return answer
        except TokenscopeError as error:
            words = say("The link cannot be opened: {error} The page shows its usual beginning instead.", error=error)
            message = {"kind": "error", "text": words, "at": "", "fraction": None}
            return {**self._first(request, ""), "message": message}

    def _first(self, request: Request, notice: str) -> Answer:
        try:
            model = self.models.get(self.models.default)
            outcome = start(model, None, request)
            return self._drawn(model, replace(outcome, notice=notice or say(_WELCOME)))
        except TokenscopeError as error:
            return self.refuse(error, "show", None)

    def act(self, name: str, sent_view: object, request: Request) -> Answer:
        """Answers one action."""
        try:
            view = _view_for(name, sent_view)
            if name == "build" and view:
                return self._built(view, request)
            if name in ("show", "revisit"):
                return (self._shown if name == "show" else self._revisited)(view, request)
            if name not in _ACTIONS:
                asked = shorten(repr(name), MOST_QUOTED)
                raise BadMoment(
                    say("The page asked for {action}, which does not exist. Reload the page.", action=asked)
                )
            model = self._model(view) if view else self.models.get(self.models.default)
            if view is None:
                return self._drawn(model, start(model, None, request))
            with self.visits.turn(model):
                outcome = _ACTIONS[name](model, view, request)
                answer = self._drawn(model, outcome, before=view)
            return _filled(answer, **filled(outcome.view, request)) if name == "compose" else answer
        except TokenscopeError as error:
            return self.refuse(error, name, sent_view)

    def _built(self, view: View, request: Request) -> Answer:
        """Answers with a bertviz view: it is large, so it is made when asked for, and for the text as it is then."""
        model = self._model(view)
        with self.visits.turn(model):
            return {**self._drawn(model, Outcome(view)), "bertviz": bertviz.make(model, view, request.detail)}

    def _revisited(self, before: View | None, request: Request) -> Answer:
        """Shows a view that comes from elsewhere, whatever the page shows now."""
        view, typed = revisited(request.detail)
        outcome, model = Outcome(view, say(_SHARED) if request.detail.get("shared") else ""), self._model(view)
        with self.visits.turn(model):
            answer = self._drawn(model, outcome, before=before)
        return _filled(answer, **typed) if typed else answer

    def play(self, sent_view: object, steps: object) -> Iterator[Answer]:
        """Answers with one token after the other until the text ends or `steps` are taken."""
        try:
            view = View.from_json(sent_view)
            count = whole(steps, 1, transport.MOST_STEPS, later("number of tokens to play"))
            model = self._model(view)
            yield from self._played(model, view, count)
        except TokenscopeError as error:
            yield self.refuse(error, "play", sent_view)

    def _played(self, model: "Model", view: View, count: int) -> Iterator[Answer]:
        began = last = time.perf_counter()
        taken, over = 0, self.limits.running()
        moments = model.play(view.moment, count)
        while True:
            with self.visits.turn(model, refuse=taken == 0):  # each token is a turn of its own
                moment = next(moments, None)
                if moment is None:
                    break
                taken += 1
                view = view.at(moment)
                told = say("Playing: {taken} of up to {most} tokens", taken=taken, most=count)
                answer = self._drawn(model, Outcome(view, told), more=True)
            yield answer
            now = time.perf_counter()
            time.sleep(max(0.0, PACE - (now - last)))
            last = time.perf_counter()
            if taken < count and over():
                told = say(
                    "Stopped {limit}: {taken} of {most} tokens are written. Play goes on from here.",
                    limit=self.limits.words,
                    taken=taken,
                    most=count,
                )
                yield self._drawn(model, Outcome(view, told))
                return
        reason = model.ended(view.moment)
        rate = taken / max(1e-9, time.perf_counter() - began)
        ending = say("Played {taken} tokens, {rate} a second.", taken=taken, rate=f"{rate:.1f}")
        if reason:
            ending = say("Stopped: {reason}.", reason=reason)
        yield self._drawn(model, Outcome(view, ending))

    def scan(self, sent_view: object, detail: Mapping[str, Any]) -> Iterator[Answer]:
        """Answers a tab's long question with what is known so far, again and again, until all is known."""
        what = detail.get("what")
        try:
            name = one_of(what, tuple(_SCANS), later("long question"))
            view = View.from_json(sent_view)
            if detail.get("model"):  # a second one, which must be one that this page may open
                self.models.check(str(detail["model"]))
            model = self._model(view)
            with self.visits.turn(model):
                pass  # it waits here once, where it may be refused; then its parts take a turn each
            over = self.limits.running()
            for progress in model.each_here(_SCANS[name](model, view, detail)):
                whole_yet = progress.done >= progress.total
                stopped = not whole_yet and over()
                ended = whole_yet or stopped
                kind, fraction = ("notice", None) if ended else ("progress", progress.done / progress.total)
                text = progress.text
                if stopped:
                    text = say(
                        "{told}. Stopped {limit}; what was found so far stays.", told=text, limit=self.limits.words
                    )
                message = {"kind": kind, "text": text, "at": "", "fraction": fraction, "more": not ended}
                session = self._session(sent_view, more=not ended)
                yield {"session": session, "message": message, name: {"scan": progress.payload}}
                if stopped:
                    return
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
            fresh = replace(fresh, choices=view.choices)
        outcome = replace(outcome, view=fresh)
        notice = say("{model} is ready.", model=model.card().name)
        if raw:
            notice = say("{model} is ready. It has no chat template: the prompt is taken raw.", model=model.card().name)
        answer = self._drawn(model, replace(outcome, notice=notice))
        return {**answer, "mode": "raw"} if raw else answer

    def _drawn(self, model: "Model", outcome: Outcome, *, more: bool = False, before: View | None = None) -> Answer:
        with self.visits.turn(model, refuse=False):  # what is to be drawn was let in, or opens the page
            return self._drawn_at_once(model, outcome, more=more, before=before)

    def _drawn_at_once(self, model: "Model", outcome: Outcome, *, more: bool, before: View | None) -> Answer:
        began = time.perf_counter()
        scene = scene_of(model, outcome.view)
        with model.here():  # the text itself has run; what pictures need beside it is short
            payloads, missing = payloads_of(scene, before)
        spent = (time.perf_counter() - began) * 1000
        took = say("answered in {time} ms", time=f"{spent:.0f}")
        told = next(iter(missing.values()), outcome.notice or took)
        kind = "error" if missing else "notice"
        message = {"kind": kind, "text": told, "at": "", "fraction": None, "missing": missing, "more": more}
        message["quiet"] = not (missing or outcome.notice)
        return {"session": self._session(scene.view.to_json(), more=more), "message": message, **payloads}

    def refuse(self, error: TokenscopeError, name: str, sent_view: object) -> Answer:
        """Says why an action was not done, at the control it came from where there is one; the view stays."""
        message = {"kind": "error", "text": str(error), "at": place_of(error, name), "fraction": None}
        return {"session": self._session(sent_view, more=False), "message": message}

    def _session(self, view: object, *, more: bool) -> dict[str, Any]:
        # Each answer differs from every other, also across a restart: the page would not notice an equal value.
        return {"view": view, "turn": secrets.token_hex(8), "more": more}


_WELCOME: Final = later(
    "Press → to let the model write one token. Click a token or a bar to look, or to choose, for yourself."
)


_SHARED: Final = later("This is the shared view.")


def _filled(answer: Answer, prompt: str, mode: str) -> Answer:
    """The answer with what is to stand in the prompt box; the page's history remembers it, too."""
    answer["session"]["filled"] = {"prompt": prompt, "mode": mode}
    return {**answer, "prompt": prompt, "mode": mode}


def _view_for(name: str, sent_view: object) -> View | None:
    """The view an action works on. Start, and showing another model or view, work without one."""
    if name in ("start", "show", "revisit") and sent_view is None:
        return None
    return View.from_json(sent_view)
