"""Heads switched off: the bar that says so, and what is steered; the tab "Switch off" with the scan over all heads."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from viz.ablation import off_payload, scan_payload
from viz.calls import Call, of_model
from viz.components.heads import AblationView, HeadsOff
from viz.labels import visible
from viz.panels.head_actions import WAYS
from viz.panels.long_answers import asked_in_parts
from viz.panels.progress import Progress, paced
from viz.panels.scene import Scene
from viz.panels.steering import drawn_steers
from viz.panels.view import View, one_of, whole
from viz.sentences import later, say

if TYPE_CHECKING:
    from model_runtime.model import Model

TARGETS: Final = 20


def build_off() -> HeadsOff:
    """Lays out the bar that says which heads are off and what is steered."""
    return HeadsOff(elem_id="heads-off")


def build() -> AblationView:
    """Lays the tab out."""
    return AblationView(elem_id="ablation")


def draw_off(scene: Scene) -> dict[str, Any]:
    """Returns the bar's payload."""
    return {"off": off_payload(scene.moment.ablations), "steers": drawn_steers(scene.model, scene.moment)}


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload without a scan: what may be asked about. The page keeps the scan that it has."""
    newest = scene.model.distribution(scene.moment, top=TARGETS)
    return {
        "targets": [
            [int(token), visible(text), float(raw)]
            for token, text, raw in zip(newest.ids[:TARGETS], newest.text, newest.raw, strict=False)
        ],
        "off": off_payload(scene.moment.ablations),
        "moment": scene.moment.to_text(),
        "after": scene.labels[-1],
    }


def asking(model: "Model", view: View, detail: Mapping[str, Any]) -> Call:
    """Returns the scan that a page asks for.

    Raises:
        InputError: It is about a token that the model does not have, or a way that there is not.
    """
    asked = detail.get("target")
    target = None if asked is None else whole(asked, 0, model.card().vocabulary_size - 1, later("token id"))
    return of_model(
        "scan", target, one_of(detail.get("by", "zero"), WAYS, later("way of switching off")), only_last=True
    )


def scanned(model: "Model", view: View, detail: Mapping[str, Any]) -> Iterator[Progress]:
    """Scans all heads; gives what is known of the tab's scan again and again, all of it at last.

    Raises:
        TokenscopeError: The model cannot switch heads off, or was asked about a token it does not have.
    """
    moment, call = view.moment, asking(model, view, detail)
    groups = model.looking(moment, -1, [len(moment.ids) - 1]).key_value_head
    for scan in paced(asked_in_parts(model, moment, call), lambda scan: scan.done == scan.total):
        payload = {**scan_payload(scan, groups, moment.ablations), "moment": moment.to_text()}
        told = say("Switching heads off one by one: {done} of {total}", done=scan.done, total=scan.total)
        if scan.done == scan.total:
            told = say("All {total} heads were switched off, one by one.", total=scan.total)
        yield Progress(payload, scan.done, scan.total, told)
