"""The attention tab: all heads at a glance, and one of them large."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from model_runtime import FeatureUnavailable
from model_runtime.attention_views import merge_words
from model_runtime.records import AttentionMap
from viz.attention_map import attention_payload, looks_at_payload
from viz.components.heads import AttentionView, HeadMosaicView, HeadSide
from viz.head_mosaic import mosaic_payload
from viz.panels.head_facts import known_facts
from viz.panels.scene import Scene
from viz.sentences import say
from viz.units import Units, tokens_as_units, words_as_units
from viz.window import window_to

# The most rows and columns of one head in the mosaic; more could not be told apart at its size.
MOSAIC_CELLS = 32
# Up to so many tokens the heads' labels cost little; in longer texts the mosaic names them once the tab Heads has.
LABELLED_TOKENS = 64
# Weights of all heads that the page waits for without being asked: some ten seconds. Stepping adds few to those known.
MOST_WEIGHTS = {"cpu": 2**31, "cuda": 2**36}


@dataclass(frozen=True)
class AttentionTab:
    """The tab's components."""

    picture: AttentionView
    mosaic: HeadMosaicView
    side: HeadSide


def build() -> AttentionTab:
    """Lays the tab out: the picture, and beside it the mosaic over the selected head's facts."""
    with gr.Row(elem_classes="ts-head-grid"):
        picture = AttentionView(elem_id="attention-map", elem_classes="ts-area-picture")
        mosaic = HeadMosaicView(elem_id="head-mosaic", elem_classes="ts-area-mosaic")
        side = HeadSide(elem_id="head-side", elem_classes="ts-area-side")
    return AttentionTab(picture, mosaic, side)


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the picture's payload. Where this head cannot be shown it says why, and another may be chosen."""
    view = scene.view
    frame = {"window": view.window, "words": view.words, "colour": view.colour, "hide": view.hide}
    try:
        attention, units = _in_units(scene)
    except FeatureUnavailable as error:
        return {**frame, "unavailable": str(error), "shown": ""}
    row = int(units.of[view.cursor])
    window = window_to(row, len(units.labels), view.window)
    payload = attention_payload(attention, units, window, row, view.colour)
    # What a zoom is about: with another text or window it would show other cells.
    revision = f"{view.branch} {scene.tokens.prompt_length} {scene.moment.ids[0]} {window.start} {view.words}"
    return {**frame, **payload, "revision": revision}


def draw_side(scene: Scene) -> dict[str, Any]:
    """Returns what stands beside the picture: the choice of the head, its facts, what the cursor's token looks at."""
    view = scene.view
    off = {(one.layer, one.head): one.by for one in scene.moment.ablations}
    frame = {
        "layers": scene.card.layers,
        "heads": scene.card.heads,
        "layer": view.layer,
        "head": view.head,
        "off": off.get((view.layer, view.head), ""),
        "keys": list(view.keys),
    }
    try:
        attention, units = _in_units(scene)
    except FeatureUnavailable as error:
        return {**frame, "unavailable": str(error)}
    return {**frame, **looks_at_payload(attention, units, int(units.of[view.cursor]))}


def draw_mosaic(scene: Scene) -> dict[str, Any]:
    """Returns the mosaic's payload, or why this model has none."""
    card = scene.card
    try:
        weights = scene.model.mosaic_weights(scene.moment, hide=scene.hide)
        if weights > MOST_WEIGHTS["cuda" if card.device.startswith("cuda") else "cpu"]:
            return {"unavailable": _too_many(card.layers * card.heads, len(scene.labels), weights, card.device)}
        mosaic = scene.model.mosaic(scene.moment, cells=MOSAIC_CELLS, hide=scene.hide)
    except FeatureUnavailable as error:
        return {"unavailable": str(error)}
    facts = known_facts(scene, LABELLED_TOKENS)
    return mosaic_payload(mosaic, len(scene.labels), None if facts is None else facts.label)


def _too_many(heads: int, tokens: int, weights: int, device: str) -> str:
    return say(
        "All {heads} heads over {tokens} tokens are {billions} billion weights, minutes of work on this {device}, so"
        " they are not drawn. Choose a head by its numbers: each opens at once.",
        heads=f"{heads:,}",
        tokens=f"{tokens:,}",
        billions=f"{weights / 1e9:.1f}",
        device=device.partition(":")[0],
    )


def _in_units(scene: Scene) -> tuple[AttentionMap, Units]:
    """The selected head from the window of what the view shows: tokens, or words."""
    if not scene.view.words:
        return scene.attention, tokens_as_units(scene.labels)
    words = scene.model.words(scene.moment)
    units = words_as_units(scene.labels, words)
    window = window_to(int(words[scene.view.cursor]), len(units.labels), scene.view.window)
    begin, end = int(units.last[window.start - 1]) + 1 if window.start else 0, int(units.last[window.stop - 1]) + 1
    return merge_words(scene.attention_from(begin, end), words[:end]), units
