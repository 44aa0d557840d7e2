"""The walk through chapter 3: the stops as the present model has them, and what their tries set."""

import re
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from model_runtime import Moment
from model_runtime.errors import InputError
from viz.chapter import LACKS, STOPS, Need, Stop, Try
from viz.components.regions import Walk
from viz.head_names import head_name
from viz.labels import quoted
from viz.panels.prompt import Prompt
from viz.panels.scene import Scene
from viz.panels.transport import Transport
from viz.sentences import say

if TYPE_CHECKING:
    from model_runtime.model import Model

_QUOTED: Final = 36  # characters of a prompt on a button


def build(prompt: Prompt, transport: Transport) -> Walk:
    """Lays the walk out. A try with a prompt fills the prompt's widgets in; the page then presses Start."""
    walk = Walk(elem_id="walk")
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
    filled = walk.pick(_fill, None, [prompt.text, prompt.mode, transport.steps], api_visibility="private", **quiet)
    filled.then(None, js="() => { window.dispatchEvent(new CustomEvent('tokenscope-filled')); }", **quiet)
    return walk


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the stops, which depend on the model alone."""
    lacking = lacking_of(scene.model, scene.moment)
    return {"stops": [_stop(scene.model, stop, lacking) for stop in STOPS]}


def lacking_of(model: "Model", moment: Moment) -> set[Need]:
    """Returns what stops are about and this model has not; the text may be any."""
    card = model.card()
    off = {proof.feature for proof in card.proofs if not proof.passed}
    lacking: dict[Need, bool] = {
        "chat": not card.chat,
        "shared": card.key_value_heads == card.heads,
        "window": not model.cache(moment).window.any(),
        "rotary": model.position_scheme().kind != "rotary",
        "attention": "attention" in off,
        "contributions": "contributions" in off,
    }
    return {need for need, lacks in lacking.items() if lacks}


def _stop(model: "Model", stop: Stop, lacking: set[Need]) -> dict[str, Any]:
    return {
        "title": say(stop.title),
        "figures": say(stop.figures),
        "words": say(stop.words),
        "tab": stop.tab,
        "lacks": [say(LACKS[need]) for need in stop.needs if need in lacking],
        "tries": [_try(model, one) for one in stop.tries],
    }


def _try(model: "Model", one: Try) -> dict[str, Any]:
    """A try as this model can do it: with a head that it has, and not at all if it takes no chat."""
    card = model.card()
    head = one.head and (min(one.head[0], card.layers - 1), min(one.head[1], card.heads - 1))
    cursor, *keys = _places(model, one)
    return {
        "label": say(one.label, head=head_name(*head) if head else ""),
        "tab": one.tab,
        "head": head,
        "begins": _begins(one),
        "cursor": cursor,
        "keys": [key for key in keys if key is not None],
        "refused": say(LACKS["chat"]) if one.chat and not card.chat else "",
    }


def _begins(one: Try) -> str:
    """Says which text a try begins anew with, "" where it keeps the present one."""
    if not one.prompt:
        return ""
    prompt = quoted(one.prompt, _QUOTED)
    if one.chat:
        return say("begins anew with {prompt}, as a chat message", prompt=prompt)
    return say("begins anew with {prompt}", prompt=prompt)


def _places(model: "Model", one: Try) -> list[int | None]:
    """The positions of the cursor's word and of each key's in the prompt; None for the end, or where there is none."""
    words = (one.cursor, *one.keys)
    if not any(words):
        return [None]
    try:
        texts = [model.text(token) for token in model.begin(one.prompt).ids]
    except InputError:  # it does not fit, which pressing the try says
        return [None] * len(words)
    return [_place(texts, word) if word else None for word in words]


def _place(texts: list[str], word: str) -> int | None:
    """The token in which a word begins where it first stands in a text; the space before it counts as outside."""
    found = re.search(rf"\b{re.escape(word)}\b", "".join(texts))
    end = 0
    for position, text in enumerate(texts):
        end += len(text)
        if found and end > found.start():
            return position
    return None


def _fill(event: gr.EventData) -> tuple[Any, Any, Any]:
    """The prompt, its mode and the number of tokens to play that a try asks for."""
    data: Any = event._data
    stop, index = (data.get("stop"), data.get("index")) if isinstance(data, dict) else (None, None)
    if not isinstance(stop, int) or not isinstance(index, int):
        return gr.skip(), gr.skip(), gr.skip()
    tries = STOPS[min(max(stop, 0), len(STOPS) - 1)].tries
    one = tries[min(max(index, 0), len(tries) - 1)]
    return one.prompt, "chat" if one.chat else "raw", gr.skip() if one.steps is None else one.steps
