"""The tab of what each token contributed to the choice: gradients, integrated gradients, tokens left out."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from model_runtime import FeatureUnavailable
from viz.calls import Call, of_model
from viz.components.layers import InputsView
from viz.inputs import attribution_payload, state_of
from viz.panels import question
from viz.panels.long_answers import asked_in_parts
from viz.panels.progress import Progress, paced
from viz.panels.scene import Scene, scene_of
from viz.panels.view import View, one_of
from viz.sentences import later, say

if TYPE_CHECKING:
    from model_runtime.model import Model

METHODS: Final = ("gradient", "integrated", "leave-one-out")
STEPS: Final = (64, 16, 32, 128)
# Parameters times tokens up to which a gradient takes less than 30 ms on one core; it is drawn without being asked.
QUICK: Final = 2**27


def build() -> InputsView:
    """Lays the tab out."""
    return InputsView(elem_id="inputs")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload: the question, and the gradient's answer where it is quick; the page keeps the rest."""
    asked = scene.question
    target = asked["target"]
    pair = target if isinstance(target, tuple) else (target, None)
    frame: dict[str, Any] = {
        "form": question.draw(scene),
        "asked": [scene.view.cursor, *pair, asked["centred"]],
        "ids": scene.moment.ids[: scene.view.cursor + 1],
        "state": state_of(scene.moment),
        "now": None,
    }
    if scene.card.parameters * (scene.view.cursor + 1) > QUICK:
        return frame
    try:
        *_, gradient = scene.model.attribution(scene.moment, "gradient", **asked)
    except FeatureUnavailable as error:
        return {**frame, "unavailable": str(error)}
    return {**frame, "now": attribution_payload(gradient, scene.moment, scene.labels)}


def asking(model: "Model", view: View, detail: Mapping[str, Any]) -> Call:
    """Returns the attribution that a page asks for.

    Raises:
        InputError: The method or the number of steps cannot be used.
    """
    method = one_of(detail.get("method"), METHODS, later("method"))
    steps = one_of(detail.get("steps", STEPS[0]), STEPS, later("number of steps"))
    question: dict[str, Any] = {**scene_of(model, view).question}
    return of_model("attribution", method, only_last=True, **question, steps=steps)


def scanned(model: "Model", view: View, detail: Mapping[str, Any]) -> Iterator[Progress]:
    """Attributes the choice to the tokens; gives what is known so far again and again, all of it at last.

    Raises:
        TokenscopeError: The method or the number of steps cannot be used, or the model gives no attribution.
    """
    call, scene = asking(model, view, detail), scene_of(model, view)
    parts = asked_in_parts(model, scene.moment, call)
    for part in paced(parts, lambda part: part.done == part.runs):
        told = say("Asking what each token contributed: {done} of {runs}", done=part.done, runs=part.runs)
        if part.done == part.runs:
            told = say("The contribution of every token is known.")
        yield Progress(attribution_payload(part, scene.moment, scene.labels), part.done, part.runs, told)
