"""The tab of choosing a token: other decoding settings tried on the distribution at the cursor."""

from typing import Any

from model_runtime import Decoding
from viz.choosing import DRAWN, ROWS, curve_payload, curve_ranks, draws_payload, steps_payload, taken_words
from viz.components.choosing import ChoosingView
from viz.labels import visible
from viz.panels.actions import describe_decoding, write_decoding
from viz.panels.playground import COUNTS
from viz.panels.scene import Scene


def build() -> ChoosingView:
    """Lays the tab out."""
    return ChoosingView(elem_id="choosing")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload. The model does not run again for other settings: its logits are kept."""
    model, moment, cursor = scene.model, scene.moment, scene.view.cursor
    tried = scene.view.playground
    decoding: Decoding = tried.decoding or moment.decoding
    steps = model.choice_steps(moment, cursor, decoding, ROWS)
    drawn = model.draws(moment, cursor, decoding, tried.count, top=DRAWN)
    shown = steps.order[curve_ranks(len(steps.order), steps.nucleus) - 1]
    labels = {int(token): visible(model.text(int(token))) for token in shown}
    greedy, choice = (visible(model.text(token)) for token in (steps.greedy, steps.choice))
    return {
        "after": scene.labels[cursor],
        "position": cursor,
        "settings": write_decoding(decoding),
        "summary": describe_decoding(decoding),
        "page": write_decoding(moment.decoding),
        "page_summary": describe_decoding(moment.decoding),
        "differs": tried.decoding is not None,
        "steps": steps_payload(steps),
        "vocabulary": scene.card.vocabulary_size,
        "curve": curve_payload(steps, labels),
        "taken": taken_words(steps, greedy, choice),
        "greedy": steps.greedy,
        "choice": steps.choice,
        "draws": draws_payload(drawn),
        "counts": sorted(COUNTS),
    }
