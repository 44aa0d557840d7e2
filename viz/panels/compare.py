"""The compare tab: pinned heads side by side, the nearest heads, and the map of all."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from model_runtime import FeatureUnavailable, HeadTable, Moment, TokenscopeError
from model_runtime.attention_views import hide_sink
from model_runtime.head_records import CombinedMap, Head
from model_runtime.records import AttentionMap, Integers
from viz.calls import Call, Name
from viz.comparison import Pinned, card_payload, difference_payload, similarity_payload
from viz.components.studies import CompareView
from viz.head_names import group_name, head_name, shares
from viz.head_table import label_indices
from viz.labels import SPACE_MARK, quoted
from viz.panels.head_facts import head_facts, head_facts_of, heads_there_are, similarity_known, similarity_of
from viz.panels.pins import MOST_PINS, Pin
from viz.panels.scene import Scene, scene_of
from viz.sentences import later, say, say_many
from viz.terms import term
from viz.window import Window, window_to

NEAREST = 6
MOST_SHOWN = 128  # tokens on a card: more would neither be seen nor be sent quickly
MOST_AT_ONCE = 256  # heads that are compared without being asked to, at every step
_PREVIEW = 28
_NOT_TWO = later("A difference and a distance are drawn when exactly two maps are pinned.")


def build() -> CompareView:
    """Lays the tab out."""
    return CompareView(elem_id="compare")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload. A pin that cannot be shown says why; the others are shown."""
    view = scene.view
    pinned = [_pinned(scene, pin) for pin in view.pins]
    two, why = _two(pinned)
    frame = {
        "selected": [view.layer, view.head],
        "most": MOST_PINS,
        "cards": [{**card_payload(one), "now": not pin.moment} for one, pin in zip(pinned, view.pins, strict=True)],
        "shown": _common(pinned),
        "colour": view.colour,
        "two": two,
        "why": why,
        "alike": None,
    }
    try:
        asked = (heads_there_are(scene) >= 0).sum() > MOST_AT_ONCE
        ready = not asked or similarity_known(scene.model, scene.moment, scene.hide)
        return {**frame, "chosen": _chosen(scene), "alike": _alike(scene) if ready else None, "ask": not ready}
    except FeatureUnavailable as error:
        return {**frame, "chosen": None, "unavailable": str(error)}


def _chosen(scene: Scene) -> dict[str, Any]:
    """The selected head as a card, which is always there: what a click on the map opens in place."""
    view = scene.view
    return card_payload(_pinned(scene, Pin("head", "head", ((view.layer, view.head),))))


def _alike(scene: Scene) -> dict[str, Any]:
    from model_runtime.head_distance import nearest  # late: these imports bring torch
    from model_runtime.head_measures import LABELS

    view = scene.view
    similarity = similarity_of(scene.model, scene.moment, scene.hide)
    known = bool((similarity.heads == (view.layer, view.head)).all(axis=1).any())
    near = nearest(similarity, view.layer, view.head, NEAREST) if known else []
    facts = head_facts(scene)
    names = [term(label.name) for label in LABELS]
    return similarity_payload(similarity, facts.key_value_head, label_indices(facts, LABELS), names, near)


def _pinned(scene: Scene, pin: Pin) -> Pinned:
    """Computes one pinned map; what goes wrong with it stays on its card."""
    now = Pinned(pin.name, "", say("now"), _head(pin), None, [], _window(scene), scene.view.cursor)
    try:
        place = _kept(scene, pin) if pin.moment else scene
        facts = head_facts_of(place.model, place.moment)
        if pin.moment:
            count = len(place.labels)
            # Of equal length, so that both show the same tokens wherever the cursor stands.
            window = now.window if count == len(scene.labels) else _window(place)
            ending = quoted(_ending(place.labels), _PREVIEW)
            when = say_many("{count} token kept: {ending}", "{count} tokens kept: {ending}", count, ending=ending)
            now = replace(now, when=when, window=window, cursor=place.view.cursor)
        map_ = _map(place, pin, facts)
    except TokenscopeError as error:
        return replace(now, problem=str(error))
    off = [head_name(one.layer, one.head) for one in place.moment.ablations]
    when = say("{when}, off: {heads}", when=now.when, heads=", ".join(off)) if off else now.when
    return replace(now, about=_about(pin, facts), when=when, map=map_, labels=place.labels)


def _window(scene: Scene) -> Window:
    return window_to(scene.view.cursor, len(scene.labels), min(scene.view.window, MOST_SHOWN))


def _kept(scene: Scene, pin: Pin) -> Scene:
    """The scene of the moment that is kept with a pin."""
    text = Moment.from_text(pin.moment)
    return scene_of(scene.model, replace(scene.view, branches=(text.to_text(),), branch=0, cursor=pin.cursor))


def _map(scene: Scene, pin: Pin, facts: HeadTable) -> AttentionMap | CombinedMap:
    if pin.scope == "head":
        map_ = scene.model.attention(scene.moment, *pin.heads[0])
        return hide_sink(map_, scene.model.hiding(scene.moment, scene.hide))
    return scene.model.combined(scene.moment, _heads(pin, facts.key_value_head), pin.method, scene.hide)


def _heads(pin: Pin, key_value_head: Integers) -> list[Head]:
    """The heads that become one map."""
    if pin.scope == "pinned":
        return list(pin.heads)
    every = [(int(layer), int(head)) for layer, head in np.argwhere(key_value_head >= 0)]
    return [head for head in every if pin.scope == "all" or head[0] == pin.heads[0][0]]


def map_asked(scene: Scene, pin: Pin) -> Call:
    """Returns the question whose answer is a pin's map.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    text = Moment.from_text(pin.moment) if pin.moment else scene.moment
    about = Call("Moment.from_text", (pin.moment,)) if pin.moment else Name("moment")
    if pin.scope != "head":
        heads = _heads(pin, heads_there_are(scene))
        return Call("model.combined", (about, heads, pin.method, scene.hide))
    hidden = tuple(scene.model.hiding(text, scene.hide))
    one = Call("model.attention", (about, *pin.heads[0]))
    return Call("hide_sink", (one, hidden)) if hidden else one


def equally_long(scene: Scene, pins: Sequence[Pin]) -> bool:
    """Returns whether the texts of some pins have the same number of tokens."""
    return len({len(Moment.from_text(pin.moment).ids if pin.moment else scene.moment.ids) for pin in pins}) == 1


def _head(pin: Pin) -> tuple[int, int] | None:
    return pin.heads[0] if pin.scope == "head" else None


def _about(pin: Pin, facts: HeadTable) -> str:
    if pin.scope == "head":
        place = pin.heads[0]
        group = group_name(int(facts.key_value_head[place]), shares(facts.key_value_head))
        off = say("switched off") if facts.ablated[place] else ""
        return " · ".join(filter(None, [group, term(str(facts.label[place])), off]))
    count = len(pin.heads) if pin.scope == "pinned" else int((facts.key_value_head >= 0).sum())
    if pin.scope == "layer":
        count = int((facts.key_value_head[pin.heads[0][0]] >= 0).sum())
    return say_many("{count} head as one map", "{count} heads as one map", count)


def _ending(labels: list[str]) -> str:
    """The end of a text, as much as fits on a card."""
    text = "".join(labels).lstrip(SPACE_MARK)
    return text if len(text) <= _PREVIEW else f"…{text[1 - _PREVIEW :]}"


def _two(pinned: list[Pinned]) -> tuple[dict[str, Any] | None, str]:
    """The difference of exactly two maps, or why there is none."""
    if len(pinned) != 2:
        return None, say("Pin a second map to see the difference of the two.") if len(pinned) < 2 else say(_NOT_TWO)
    one, other = pinned
    if one.map is None or other.map is None:
        return None, say("One of the two cannot be shown.")
    if len(one.labels) != len(other.labels):
        return None, say(
            "The two texts have {first} and {second} tokens: a difference needs texts of equal length.",
            first=len(one.labels),
            second=len(other.labels),
        )
    from model_runtime.head_distance import distance_between  # late: this import brings torch

    return difference_payload(one, other, distance_between(one.map, other.map)), ""


def _common(pinned: list[Pinned]) -> str:
    """Which tokens the cards show, where they agree."""
    shown = {one.window.describe() for one in pinned if one.map is not None}
    return shown.pop() if len(shown) == 1 else ""
