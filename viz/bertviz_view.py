"""bertviz's head view and model view as one self-contained document, for a frame that may run scripts and nothing else.

bertviz itself pastes tokens into a script as they are and fetches its libraries from elsewhere. Here the data are JSON
without a single "<", and the libraries are part of the document.
"""

import html
import json
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from model_runtime.records import Floats
from viz.sentences import say

Kind = Literal["head view", "model view"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
DIGITS: Final = 4
_MARKER: Final = "PYTHON_PARAMS"
# bertviz asks require.js for its two libraries; they are already there.
_SHIM: Final = (
    "window.require = { config() {} };"
    "window.requirejs = (names, run) => run(...names.map((name) => ({ jquery: window.jQuery, d3: window.d3 })[name]));"
)
# The model view has a fixed width: where the frame is narrower it shrinks, down to what can be made out.
_FIT: Final = (
    "for (const svg of document.querySelectorAll('#vis svg'))"
    "svg.setAttribute('viewBox', `0 0 ${svg.getAttribute('width')} ${svg.getAttribute('height')}`);"
)
# The frame's own policy, whatever the page around it has: what is in the document runs, and nothing is asked for.
_POLICY: Final = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
_STYLE: Final = "body{margin:8px;font:13px system-ui,sans-serif;background:#fff;color:#000}"
_FITTED: Final = "svg{max-width:100%;min-width:640px;height:auto}"
# Bytes that a visible and a masked weight take as JSON, comma and brackets included.
_VISIBLE_BYTES: Final = 6.8
_MASKED_BYTES: Final = 2.1


@dataclass(frozen=True)
class Scripts:
    """The scripts of a view, as text.

    Attributes:
        libraries: d3 and jquery, in the order to run them.
        view: bertviz's own script, with its marker for the data.
    """

    libraries: tuple[str, ...]
    view: str

    @property
    def size(self) -> int:
        """Characters in all."""
        return sum(map(len, self.libraries)) + len(self.view)


def bertviz_document(
    kind: Kind, weights: Floats, layers: list[int], labels: list[str], scripts: Scripts, selected: int
) -> str:
    """Builds the document.

    Args:
        kind: Which view.
        weights: [layer, head, query, key] for the chosen layers and tokens; they are rounded to four digits.
        layers: The block indices of the chosen layers.
        labels: [token] visible labels.
        scripts: What the view runs.
        selected: The layer that the head view opens with; one of `layers`.

    Returns:
        HTML. Its only script data are the numbers and the labels.
    """
    heads = weights.shape[1]
    settings: dict[str, Any] = {"default_filter": "0", "root_div_id": "bertviz", "include_layers": layers}
    if kind == "head view":
        settings |= {"layer": selected, "heads": None}
    else:
        settings |= {"display_mode": "light", "include_heads": list(range(heads)), "total_heads": heads}
    texts = _json(labels)
    attention = f'[{{"name":null,"left_text":{texts},"right_text":{texts},"attn":{_numbers(weights)}}}]'
    data = f'{{"attention":{attention},{_json(settings)[1:]}'
    label = html.escape(say("Layer:"))
    choice = f'<label>{label} <select id="layer"></select></label>' if kind == "head view" else ""
    runs = [_SHIM, *scripts.libraries, scripts.view.replace(_MARKER, data, 1)]
    style = _STYLE
    if kind == "model view":
        runs, style = [*runs, _FIT], _STYLE + _FITTED
    return (
        '<!doctype html><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>bertviz</title>'
        f"<style>{style}</style>"
        f'<div id="bertviz">{choice}<div id="vis"></div></div>'
        + "".join(f"<script>{script}</script>" for script in runs)
    )


def estimated_bytes(layers: int, heads: int, tokens: int) -> int:
    """Returns about how large the weights of a document would be, without building it; its scripts come on top."""
    visible = tokens * (tokens + 1) // 2
    return round(layers * heads * (visible * _VISIBLE_BYTES + (tokens**2 - visible) * _MASKED_BYTES))


def _json(value: object) -> str:
    """JSON that cannot end a script or begin a comment in one."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _numbers(weights: Floats) -> str:
    """The rounded weights; as float64, since float32 would print 17 digits. Half of them are zeros: those are short."""
    text = json.dumps(weights.astype("float64").round(DIGITS).tolist(), separators=(",", ":"))
    return text.replace("0.0,", "0,").replace("0.0]", "0]")
