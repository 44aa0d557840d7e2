"""The tab of beam search: from the text up to the cursor, as a tree."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from model_runtime import InputError
from viz.beams import beams_payload
from viz.calls import Call
from viz.components.choosing import BeamsView
from viz.inputs import state_of
from viz.panels.long_answers import asked_in_parts
from viz.panels.progress import Progress, paced
from viz.panels.scene import Scene
from viz.panels.view import View, one_of, whole
from viz.sentences import later, say, say_many

if TYPE_CHECKING:
    from model_runtime.model import Model

WIDEST: Final = 8
LONGEST: Final = 12
PENALTIES: Final = (1, 0, 0.5, 2)
# Parameters up to which a search is short enough to be begun without being asked for, when the tab has none yet.
QUICK: Final = 2**26


def build() -> BeamsView:
    """Lays the tab out."""
    return BeamsView(elem_id="beams")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns what a search would go on from; the page keeps the tree."""
    cursor = scene.view.cursor
    return {
        "ids": scene.moment.ids[: cursor + 1],
        "state": state_of(scene.moment),
        "after": scene.labels[cursor],
        "position": cursor,
        "quick": scene.card.parameters <= QUICK,
    }


def asking(model: "Model", view: View, detail: Mapping[str, Any]) -> Call:
    """Returns the search that a page asks for.

    Raises:
        InputError: A setting cannot be used.
    """
    width = whole(detail.get("width", 4), 1, WIDEST, later("number of beams"))
    steps = whole(detail.get("steps", 6), 1, LONGEST, later("number of tokens"))
    penalty = one_of(detail.get("length_penalty", PENALTIES[0]), PENALTIES, later("length penalty"))
    text = Call("moment.cut", (view.cursor + 1,))
    return Call("model.beams", (text, width, steps, penalty), only_last=True)


def scanned(model: "Model", view: View, detail: Mapping[str, Any]) -> Iterator[Progress]:
    """Searches; gives the tree after each step.

    Raises:
        TokenscopeError: A setting cannot be used, or the text cannot be gone on from.
    """
    call, moment = asking(model, view, detail), view.moment
    width = call.arguments[1]
    if view.cursor >= len(moment.ids):
        raise InputError(say("The cursor stands behind the text. Click a token and search again."))
    text = moment.cut(view.cursor + 1)
    begun = {"about": {"ids": text.ids, "state": state_of(moment), "position": view.cursor}}
    for tree in paced(asked_in_parts(model, moment, call), lambda tree: tree.finished):
        told = say_many(
            "Searching with {count} beam: {done} of {steps} tokens",
            "Searching with {count} beams: {done} of {steps} tokens",
            width,
            done=tree.done,
            steps=tree.steps,
        )
        if tree.finished:
            told = say_many(
                "Searched {done} tokens ahead with {count} beam.",
                "Searched {done} tokens ahead with {count} beams.",
                width,
                done=tree.done,
            )
        done = tree.steps if tree.finished else tree.done
        yield Progress({**begun, **beams_payload(tree)}, done, tree.steps, told)
