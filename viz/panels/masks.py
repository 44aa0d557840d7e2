"""The tab of cheaper attention: masks on the present text, heads that share keys and values, and kernels timed."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from viz.calls import Call, of_model
from viz.components.costs import MasksView
from viz.masks import kernels_payload, masks_payload, sharing_payload
from viz.panels.long_answers import asked_in_parts
from viz.panels.progress import Progress, paced
from viz.panels.scene import Scene
from viz.panels.view import View, one_of
from viz.sentences import later, say
from viz.window import window_to

if TYPE_CHECKING:
    from model_runtime.model import Model

REACHES: Final = (4, 8, 16, 32, 64, 128)
ROUNDS: Final = (30, 10, 100)
MOST_ROWS: Final = 48  # tokens: three masks stand side by side


def build() -> MasksView:
    """Lays the tab out."""
    return MasksView(elem_id="masks")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload without the timed kernels, which the page keeps."""
    view, labels = scene.view, scene.labels
    window = window_to(view.cursor, len(labels), min(view.window, MOST_ROWS))
    layer = min(view.layer, scene.card.layers - 1)
    return {
        **masks_payload(scene.model.masks(scene.moment, REACHES), window),
        **sharing_payload(scene.model.cache(scene.moment), layer),
        "reaches": REACHES,
        "labels": labels[window.start : window.stop],
        "start": window.start,
        "cursor": view.cursor,
        "shown": window.describe(),
        "layer": layer,
        "layers": scene.card.layers,
        "moment": scene.moment.to_text(),
    }


def asking(model: "Model", view: View, detail: Mapping[str, Any]) -> Call:
    """Returns the experiment that a page asks for.

    Raises:
        InputError: The number of rounds cannot be used.
    """
    rounds = one_of(detail.get("rounds", ROUNDS[0]), ROUNDS, later("number of rounds"))
    return of_model("time_attention", min(view.layer, model.card().layers - 1), rounds, only_last=True)


def scanned(model: "Model", view: View, detail: Mapping[str, Any]) -> Iterator[Progress]:
    """Times the kernels on the selected layer; gives what is known so far again and again, all of it at last.

    Raises:
        TokenscopeError: The number of rounds cannot be used, or the layer has no attention that can be read.
    """
    moment, call = view.moment, asking(model, view, detail)
    _, layer, rounds = call.arguments
    for timing in paced(asked_in_parts(model, moment, call), lambda part: part.done == part.total):
        payload = {**kernels_payload(timing), "moment": moment.to_text()}
        told = say(
            "Timing the attention of layer {layer}: round {done} of {rounds}",
            layer=layer,
            done=timing.done,
            rounds=rounds,
        )
        if timing.done == rounds:
            told = say(
                "Each kernel computed the attention of layer {layer} {rounds} times.", layer=layer, rounds=rounds
            )
        yield Progress(payload, timing.done, rounds, told)
