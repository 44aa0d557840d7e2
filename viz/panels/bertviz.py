"""The bertviz tab: its head view or model view of the text that is shown, built when asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from model_runtime import FeatureUnavailable, TokenscopeError
from model_runtime.attention_views import hide_sink
from model_runtime.errors import OutOfRange
from model_runtime.records import Floats
from viz.bertviz_view import KINDS, Kind, bertviz_document, estimated_bytes
from viz.components.bertviz_scripts import bertviz_scripts
from viz.components.studies import BertvizFrame
from viz.labels import shorten
from viz.panels.head_facts import heads_there_are
from viz.panels.scene import Scene, scene_of
from viz.panels.view import View, one_of, whole
from viz.sentences import later, say, say_many
from viz.window import Window, window_to

if TYPE_CHECKING:
    from model_runtime.model import Model

SIZES: Final = (8, 16, 32, 64)
MOST_BYTES: Final = 24_000_000  # beyond this a browser takes minutes
_LABEL = 12  # characters that bertviz leaves room for


_INSTALL: Final = "pip install bertviz==1.4.1"
_KINDS: Final[dict[Kind, str]] = {"head view": later("head view"), "model view": later("model view")}


def build() -> BertvizFrame:
    """Lays the tab out."""
    return BertvizFrame(elem_id="bertviz")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns what may be built, and how large it would be; the frame keeps what it shows."""
    scripts = {kind: bertviz_scripts(kind) for kind in KINDS}
    if any(script is None for script in scripts.values()):
        why = say("bertviz is not installed here: {command}, then start the page again.", command=_INSTALL)
        return {"unavailable": why}
    try:
        counts = (heads_there_are(scene) >= 0).sum(axis=1)
    except FeatureUnavailable as error:
        return {"unavailable": str(error)}
    tokens = {size: window_to(scene.view.cursor, len(scene.labels), size).size for size in SIZES}
    return {
        "layers": [int(layer) for layer in np.flatnonzero(counts)],
        "selected": scene.view.layer,
        "sizes": list(SIZES),
        "most": MOST_BYTES,
        # Bytes of one layer, and of the scripts: the page adds them up while layers are chosen.
        "layer_bytes": {
            str(size): estimated_bytes(1, int(counts.max(initial=0)), count) for size, count in tokens.items()
        },
        "script_bytes": {kind: script.size for kind, script in scripts.items() if script},
        "shown": {str(size): _window(scene, size).describe() for size in SIZES},
        "text": f"{scene.view.branches[scene.view.branch]} {scene.view.cursor} {scene.view.hide}",
        "hide": scene.view.hide,
    }


def make(model: "Model", view: View, detail: Mapping[str, Any]) -> dict[str, Any]:
    """Builds the document that the page asks for.

    Args:
        model: The model.
        view: What is shown.
        detail: "kind", "layers" and "tokens", unchecked.

    Returns:
        The tab's payload with "document", and "made": what it shows, in words.

    Raises:
        TokenscopeError: What is asked for does not exist, or is too large.
    """
    scene = scene_of(model, view)
    payload = draw(scene)
    if "unavailable" in payload:
        raise TokenscopeError(payload["unavailable"])
    kind = one_of(detail.get("kind"), KINDS, later("bertviz view"))
    size = one_of(detail.get("tokens"), SIZES, later("number of tokens"))
    layers = _layers(detail.get("layers"), payload["layers"])
    scripts = bertviz_scripts(kind)
    about = payload["layer_bytes"][str(size)] * len(layers) + payload["script_bytes"][kind]
    if scripts is None or about > MOST_BYTES:
        large = f"{about / 1e6:.0f}"
        raise OutOfRange(say("That would be about {size} MB; choose fewer layers or fewer tokens.", size=large))
    window = _window(scene, size)
    labels = [shorten(label, _LABEL) for label in scene.labels[window.start : window.stop]]
    selected = view.layer if view.layer in layers else layers[0]
    document = bertviz_document(kind, _weights(scene, layers, window), layers, labels, scripts, selected)
    which = say("layer {layer}", layer=layers[0])
    if len(layers) > 1:
        which = say_many("{count} layer", "{count} layers", len(layers))
    return {
        **payload,
        "document": document,
        "made": ", ".join([say(_KINDS[kind]), which, window.describe()]),
        "made_of": payload["text"],
    }


def _weights(scene: Scene, layers: list[int], window: Window) -> Floats:
    """[layer, head, query, key] inside the window, without what the switch hides; zeros where there is no head."""
    exists = heads_there_are(scene) >= 0
    part = slice(window.start, window.stop)
    hidden = scene.model.hiding(scene.moment, scene.hide)
    weights = np.zeros((len(layers), exists.shape[1], window.size, window.size), np.float32)
    for row, layer in enumerate(layers):
        for head in np.flatnonzero(exists[layer]):
            map_ = hide_sink(scene.model.attention(scene.moment, layer, int(head)), hidden)
            weights[row, head] = map_.weights[part, part]
    return weights


def _window(scene: Scene, size: int) -> Window:
    return window_to(scene.view.cursor, len(scene.labels), size)


def _layers(value: object, known: list[int]) -> list[int]:
    if not isinstance(value, list) or not value:
        raise OutOfRange(say("No layer is chosen; choose one or more."))
    return sorted({one_of(whole(layer, 0, 2**15, later("layer")), tuple(known), later("layer")) for layer in value})
