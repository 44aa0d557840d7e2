"""The tab of positions: what turns, is added or weighs, the score against distance, and two texts in one context."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from model_runtime import FeatureUnavailable
from viz.calls import Call
from viz.components.positions import PositionsView
from viz.panels.long_answers import asked_in_parts
from viz.panels.progress import Progress
from viz.panels.scene import Scene
from viz.panels.view import View, short_text
from viz.positions import learned_payload, packing_payload, rotary_payload, scheme_payload
from viz.sentences import later, say

if TYPE_CHECKING:
    from model_runtime.model import Model

REACH: Final = 256  # distances that the curve shows
MOST_TEXT: Final = 1_000  # characters of a packed text
DOCUMENTS: Final = ("Once upon a time, there was a little girl named Lily.", "The capital of Japan is")


def build() -> PositionsView:
    """Lays the tab out."""
    return PositionsView(elem_id="positions")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload: what was seen of the model's positions, and what this scheme shows on the text."""
    payload: dict[str, Any] = {
        "scheme": scheme_payload(scene.model.position_scheme()),
        "layers": scene.card.layers,
        "heads": scene.card.heads,
        "selected": [scene.view.layer, scene.view.head],
        "keys": list(scene.view.keys),
        "documents": DOCUMENTS,
        "model": scene.card.name,
        "rotary": None,
        "learned": None,
        "choices": [],
    }
    try:
        if payload["scheme"]["kind"] == "learned":
            window = scene.window
            learned = scene.model.learned_positions(scene.moment)
            payload["learned"] = learned_payload(learned, window.start, window.stop, scene.labels)
        elif payload["scheme"]["kind"] == "rotary":
            payload |= _rotary(scene)
    except FeatureUnavailable as error:
        payload["unavailable"] = str(error)
    return payload


def _rotary(scene: Scene) -> dict[str, Any]:
    view = scene.view
    key = _key(scene)
    rotary = scene.model.rotary(scene.moment, view.layer, view.head, view.cursor, key, reach=REACH)
    window = scene.window
    offered = sorted({key, *range(window.start, min(window.stop, view.cursor + 1))})
    return {
        "rotary": rotary_payload(rotary, scene.labels),
        "choices": [[position, scene.labels[position]] for position in offered],
    }


def _key(scene: Scene) -> int:
    """The chosen key: the last of the marked tokens that the cursor's can see, else the one it looks at most."""
    marked = [key for key in scene.view.keys if key <= scene.view.cursor]
    if marked:
        return marked[-1]
    weights = scene.model.attention(scene.moment, scene.view.layer, scene.view.head).weights[scene.view.cursor]
    return int(np.argmax(weights))


def asking(model: "Model", view: View, detail: Mapping[str, Any]) -> Call:
    """Returns the packing that a page asks for.

    Raises:
        InputError: A text cannot be used.
    """
    first = short_text(detail.get("first"), MOST_TEXT, later("first text"))
    second = short_text(detail.get("second"), MOST_TEXT, later("second text"))
    return Call("model.packing", (first, second))


def scanned(model: "Model", view: View, detail: Mapping[str, Any]) -> Iterator[Progress]:
    """Packs two texts into one context.

    Raises:
        TokenscopeError: A text cannot be used.
    """
    call = asking(model, view, detail)
    (packed,) = asked_in_parts(model, view.moment, call)
    packing = packing_payload(packed)
    told = say("The second text was run alone and packed in four ways.")
    yield Progress({**packing, "model": model.card().name}, 1, 1, told)
