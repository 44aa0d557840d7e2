"""Every output that an answer may draw: by what, and when it need not be drawn again."""

from collections.abc import Callable
from typing import Any, Final

from model_runtime.errors import NotFinite
from viz.panels import ablation, header, next_token, opening, sink, strip, transport, walk
from viz.panels.scene import Scene
from viz.panels.tabs import ALL, TAB_OF, Draw
from viz.panels.view import View

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
# What an output depends on, where that is less than the whole view: it is not sent again while that stays the same.
_DEPENDS: Final[dict[str, Callable[[View], object]]] = {
    "mosaic": lambda view: (view.tab, view.branches[view.branch], view.hide),
    "walk": lambda view: view.moment.fingerprint,
    "picker": opening.shown,
}
# Outputs whose element has another id than their name.
_ELEMENTS: Final = {"map": "model-map", "parts": "prompt-parts", "strip": "token-strip", "heads": "head-table"}


def payloads_of(scene: Scene, before: View | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """Draws what is in sight and has changed.

    Args:
        scene: What is shown.
        before: What the page showed before, None where nothing of that can be kept.

    Returns:
        The payloads of outputs, and by element id why some have none: the model computed no numbers to draw.
    """
    hidden = {name for name, tab in TAB_OF.items() if tab != scene.view.tab}
    if before is not None:
        hidden |= {name for name, part in _DEPENDS.items() if part(before) == part(scene.view)}
    payloads, missing = {}, {}
    for name, draw in DRAWN.items():
        if name in hidden:
            continue
        try:
            payloads[name] = draw(scene)
        except NotFinite as error:
            missing[_ELEMENTS.get(name, name.replace("_", "-"))] = str(error)
    return payloads, missing
