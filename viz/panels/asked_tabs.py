"""The questions of each tab, as data."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from model_runtime.errors import InputError
from viz.calls import Call, of_model
from viz.choosing import DRAWN
from viz.choosing import ROWS as STEP_ROWS
from viz.lens_grid import nearest_reading
from viz.panels import (
    attention,
    cache,
    compare,
    embeddings,
    lens,
    looking,
    masks,
    neurons,
    patching,
    prompt_parts,
    residual,
    steering,
    tokenizer,
)
from viz.panels.asked_types import BARS, Asked, Picture
from viz.panels.head_facts import similarity_known, similarity_of
from viz.panels.inputs import QUICK
from viz.panels.pins import Pin
from viz.panels.scene import Scene
from viz.window import window_to


def _attention(scene: Scene) -> Asked:
    view = scene.view
    begin, end = _span(scene)
    hidden = tuple(place for place in scene.model.hiding(scene.moment, scene.hide) if place < end)
    shown = of_model("attention", view.layer, view.head, begin=begin, end=end)
    if hidden:
        shown = Call("hide_sink", (shown, hidden))
    mosaic = of_model("mosaic", cells=attention.MOSAIC_CELLS, hide=scene.hide)
    if view.words:
        shown = Call("merge_words", (shown, of_model("words", upto=end)))
        return Asked({"attention": shown, "mosaic": mosaic}, Picture("attention", "weights", "word", "word"))
    return Asked({"attention": shown, "mosaic": mosaic}, Picture("attention", "weights", "token", first_row=begin))


def _span(scene: Scene) -> tuple[int, int]:
    """The tokens whose attention is shown: those of the window, or of the words in it."""
    if not scene.view.words:
        return scene.window.start, scene.window.stop
    words = scene.model.words(scene.moment)
    window = window_to(int(words[scene.view.cursor]), int(words[-1]) + 1, scene.view.window)
    begin, end = np.searchsorted(words, [window.start, window.stop])
    return int(begin), int(end)


def _looking(scene: Scene) -> Asked:
    view = scene.view
    pairs = of_model("pairs", view.layer, view.head, top=looking.PAIRS, hide=scene.hide)
    if not view.keys:
        return Asked({"pairs": pairs}, BARS)
    ranking = of_model("looking", view.cursor, view.keys, hide=scene.hide)
    return Asked({"ranking": ranking, "pairs": pairs}, Picture("ranking", "weights", "layer", "head"))


def _compare(scene: Scene) -> Asked:
    view, calls, known = scene.view, {}, {}
    calls["selected"] = compare.map_asked(scene, Pin("head", "head", ((view.layer, view.head),)))
    pins = {f"pin_{index}": compare.map_asked(scene, pin) for index, pin in enumerate(view.pins)}
    calls |= pins
    if len(pins) == 2 and compare.equally_long(scene, view.pins):
        calls["distance"] = Call("distance_between", tuple(pins.values()))
    if similarity_known(scene.model, scene.moment, scene.hide):
        calls["similarity"] = of_model("similarity", scene.hide)
        known["similarity"] = similarity_of(scene.model, scene.moment, scene.hide)
    return Asked(calls, Picture("pin_0" if pins else "selected", "weights", "token"), known)


def _patching(scene: Scene) -> Asked:
    try:
        return Asked(patching.texts_asked(scene), BARS)
    except InputError as error:  # the changed prompt does not fit: the tab says so, too
        return Asked({}, BARS, missing=str(error))


def _parts(scene: Scene) -> Asked:
    try:
        calls = prompt_parts.parts_asked(scene)
    except InputError as error:  # the text begins otherwise by now
        return Asked({}, BARS, missing=str(error))
    return Asked(calls, Picture("attention", "average", "layer", "group") if calls else BARS)


def _steering(scene: Scene) -> Asked:
    return Asked(steering.lengths_asked(scene), BARS)


def _heads(scene: Scene) -> Asked:
    return Asked({"heads": of_model("heads")}, Picture("heads", "measures", "layer", "head", "previous"))


def _inside(scene: Scene) -> Asked:
    view = scene.view
    return Asked({"inside": of_model("inside", view.layer, view.head, view.cursor)}, Picture("inside", "weights"))


def _lens(scene: Scene) -> Asked:
    view = scene.view
    grid = scene.model.lens(scene.moment, view.middle)  # kept; which of the others can be asked depends on it
    middle = grid.middle is not None
    reading = nearest_reading(view.reading, grid.ids.shape[0], middle)
    final = int(grid.target_ids[view.cursor])
    followed = (final, *(token for token in view.follow if token != final))
    calls = {
        "lens": of_model("lens", view.middle),
        "cell": of_model("lens_cell", reading // 2, view.cursor, bool(reading % 2), lens.TOP),
        "curves": of_model("lens_curves", followed, view.cursor, middle),
    }
    return Asked(calls, Picture("lens", "probability", "stream"))


def _question(scene: Scene) -> dict[str, Any]:
    return {**scene.question}


def _contributions(scene: Scene) -> Asked:
    call = of_model("contributions", **_question(scene))
    return Asked({"contributions": call}, Picture("contributions", "values", columns="part"))


def _neurons(scene: Scene) -> Asked:
    asked = _contributions(scene)
    table = of_model("neurons", scene.view.layer, **_question(scene), top=neurons.ROWS, tokens=neurons.TOKENS)
    return Asked({**asked.calls, "neurons": table}, asked.picture)


def _residual(scene: Scene) -> Asked:
    stream = min(scene.view.reading // 2, scene.card.layers)
    pairs = window_to(scene.view.cursor, len(scene.labels), min(scene.view.window, residual.MOST_PAIRS))
    calls = {"residual": of_model("residual"), "streams": of_model("stream_similarity", scene.view.cursor)}
    for name, centred in (("alike", False), ("alike_centred", True)):
        calls[name] = of_model("token_similarity", stream, centred=centred, begin=pairs.start, end=pairs.stop)
    return Asked(calls, Picture("residual", "norm", "stream"))


def _inputs(scene: Scene) -> Asked:
    if scene.card.parameters * (scene.view.cursor + 1) > QUICK:
        return Asked({}, BARS)
    gradient = of_model("attribution", "gradient", only_last=True, **_question(scene))
    return Asked({"gradient": gradient}, Picture("gradient", "score"))


def _streams(scene: Scene) -> Asked:
    return Asked({"predictions": of_model("predictions"), "context": of_model("context_use")}, BARS)


def _choosing(scene: Scene) -> Asked:
    cursor, tried = scene.view.cursor, scene.view.playground
    decoding = tried.decoding or scene.moment.decoding
    steps = of_model("choice_steps", cursor, decoding, STEP_ROWS)
    draws = of_model("draws", cursor, decoding, tried.count, top=DRAWN)
    return Asked({"steps": steps, "draws": draws}, BARS)


def _tokenizer(scene: Scene) -> Asked:
    calls = {"special": Call("model.special_tokens"), "vocabulary": Call("model.vocabulary")}
    calls["page"] = Call("model.search", (), (("count", tokenizer.ROWS),))
    return Asked(calls, BARS)


def _embeddings(scene: Scene) -> Asked:
    chosen = scene.view.entry
    here = scene.moment.ids[scene.view.cursor]
    token = here if chosen is None or chosen >= scene.card.vocabulary_size else chosen
    near = {
        name: Call("model.nearest", (token, embeddings.NEIGHBOURS), (("centred", centred),))
        for name, centred in (("nearest", False), ("nearest_centred", True))
    }
    return Asked(near, Picture("nearest", "cosine", columns="neighbour"))


TABS: Final[dict[str, Callable[[Scene], Asked]]] = {
    "attention": _attention,
    "bertviz": _attention,
    "looking": _looking,
    "compare": _compare,
    "heads": _heads,
    "patching": _patching,
    "parts": _parts,
    "steering": _steering,
    "inside": _inside,
    "lens": _lens,
    "contributions": _contributions,
    "neurons": _neurons,
    "residual": _residual,
    "inputs": _inputs,
    "streams": _streams,
    "choosing": _choosing,
    "tokenizer": _tokenizer,
    "embeddings": _embeddings,
    "map": lambda scene: Asked({"map": of_model("anatomy_map")}, BARS),
    "block": lambda scene: Asked({"block": Call("model.block", (scene.view.layer,))}, BARS),
    "cache": lambda scene: Asked({"cache": of_model("cache", cache.WINDOWS)}, BARS),
    "masks": lambda scene: Asked({"masks": of_model("masks", masks.REACHES), "cache": of_model("cache")}, BARS),
    "positions": lambda scene: Asked({"positions": Call("model.position_scheme")}, BARS),
}
