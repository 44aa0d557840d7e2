"""Which questions each tab asks of the model, as data: for exports, notebooks and reports of the tab that is open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from model_runtime.attention_views import hide_sink, merge_words
from viz.calls import Call, Name, of_model
from viz.choosing import DRAWN
from viz.choosing import ROWS as STEP_ROWS
from viz.lens_grid import nearest_reading
from viz.next_token import ROWS
from viz.panels import attention, cache, embeddings, lens, looking, masks, neurons, residual, tokenizer
from viz.panels.inputs import QUICK
from viz.panels.scene import Scene
from viz.window import window_to


@dataclass(frozen=True)
class Picture:
    """Which array of an answer is drawn.

    Attributes:
        answer: The name of the answer.
        field: The array's field, [row] or [row, column].
        key: Its key where the field holds several, else "".
        rows: What the rows are called, "" where nothing names them but their index.
        columns: Likewise; the only axis of an array [row] is drawn along the columns.
        first_row: The index of the first row, and so of the first column.
        first_column: As above.
    """

    answer: str
    field: str
    rows: str = ""
    columns: str = "token"
    key: str = ""
    first_row: int = 0
    first_column: int = 0

    def expression(self) -> str:
        """The array as a Python expression over the answers' names."""
        return f"{self.answer}.{self.field}" + (f"[{self.key!r}]" if self.key else "")

    def of(self, answers: Mapping[str, Any]) -> Any:
        """The array."""
        value = getattr(answers[self.answer], self.field)
        return value[self.key] if self.key else value


@dataclass(frozen=True)
class Asked:
    """What a tab asks.

    Attributes:
        calls: By the name of the answer.
        picture: What is drawn of the answers.
    """

    calls: dict[str, Call]
    picture: Picture


_BARS: Final = Picture("distribution", "raw", columns="candidate")


def asked_of(scene: Scene) -> Asked:
    """What the page asks for the view of a scene: of the tokens, of the next one, and of the open tab.

    Raises:
        FeatureUnavailable: The model does not have what the tab shows.
    """
    always = always_asked(scene)
    tab = _TABS.get(scene.view.tab)
    if tab is None:
        return always
    found = tab(scene)
    return Asked({**always.calls, **found.calls}, found.picture)


def always_asked(scene: Scene) -> Asked:
    """What the page asks whichever tab is open: of the tokens, and of the next one."""
    cursor = scene.view.cursor
    calls = {
        "tokens": of_model("tokens"),
        "distribution": of_model("distribution", position=cursor, top=ROWS),
    }
    if scene.moment.interventions:
        plain = Call("replace", (Name("moment"),), (("interventions", ()),))
        calls["unchanged"] = Call("model.distribution", (plain,), (("position", cursor), ("top", ROWS)))
    return Asked(calls, _BARS)


def answers_of(scene: Scene, asked: Asked) -> dict[str, tuple[str, Any]]:
    """The answers by name, each with the call that gave it.

    Raises:
        TokenscopeError: The model cannot answer one of them.
    """
    known = {"model": scene.model, "moment": scene.moment, "replace": replace}
    known |= {"hide_sink": hide_sink, "merge_words": merge_words}
    return {name: (call.source(), call.run(known)) for name, call in asked.calls.items()}


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
        return Asked({"pairs": pairs}, _BARS)
    ranking = of_model("looking", view.cursor, view.keys, hide=scene.hide)
    return Asked({"ranking": ranking, "pairs": pairs}, Picture("ranking", "weights", "layer", "head"))


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
        return Asked({}, _BARS)
    gradient = of_model("attribution", "gradient", only_last=True, **_question(scene))
    return Asked({"gradient": gradient}, Picture("gradient", "score"))


def _streams(scene: Scene) -> Asked:
    return Asked({"predictions": of_model("predictions"), "context": of_model("context_use")}, _BARS)


def _choosing(scene: Scene) -> Asked:
    cursor, tried = scene.view.cursor, scene.view.playground
    decoding = tried.decoding or scene.moment.decoding
    steps = of_model("choice_steps", cursor, decoding, STEP_ROWS)
    draws = of_model("draws", cursor, decoding, tried.count, top=DRAWN)
    return Asked({"steps": steps, "draws": draws}, _BARS)


def _tokenizer(scene: Scene) -> Asked:
    calls = {"special": Call("model.special_tokens"), "vocabulary": Call("model.vocabulary")}
    calls["page"] = Call("model.search", (), (("count", tokenizer.ROWS),))
    return Asked(calls, _BARS)


def _embeddings(scene: Scene) -> Asked:
    chosen = scene.view.entry
    here = scene.moment.ids[scene.view.cursor]
    token = here if chosen is None or chosen >= scene.card.vocabulary_size else chosen
    near = {
        name: Call("model.nearest", (token, embeddings.NEIGHBOURS), (("centred", centred),))
        for name, centred in (("nearest", False), ("nearest_centred", True))
    }
    return Asked(near, Picture("nearest", "cosine", columns="neighbour"))


_TABS: Final[dict[str, Callable[[Scene], Asked]]] = {
    "attention": _attention,
    "bertviz": _attention,
    "looking": _looking,
    "heads": _heads,
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
    "map": lambda scene: Asked({"map": of_model("anatomy_map")}, _BARS),
    "block": lambda scene: Asked({"block": Call("model.block", (scene.view.layer,))}, _BARS),
    "cache": lambda scene: Asked({"cache": of_model("cache", cache.WINDOWS)}, _BARS),
    "masks": lambda scene: Asked({"masks": of_model("masks", masks.REACHES), "cache": of_model("cache")}, _BARS),
    "positions": lambda scene: Asked({"positions": Call("model.position_scheme")}, _BARS),
}
