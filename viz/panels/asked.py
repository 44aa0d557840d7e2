"""Which questions a view asks of the model, as data: for exports, notebooks and reports of the tab that is open."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from model_runtime.attention_views import hide_sink, merge_words
from model_runtime.head_records import HeadDistance
from model_runtime.progress import tell
from viz.calls import Call, Name, of_model
from viz.next_token import ROWS
from viz.panels.asked_tabs import TABS
from viz.panels.asked_types import BARS, Asked, Picture
from viz.panels.long_answers import known_answer, names_of
from viz.panels.scene import Scene
from viz.panels.tabs import ALL
from viz.sentences import later, say
from viz.steering import difference_lengths

# Of each long question: its name among the answers, what is drawn of it, and what to say where it was not asked.
_LONG: Final = {
    "ablation": ("scan", Picture("scan", "change", "layer", "head"), later("No head was switched off for it.")),
    "inputs": ("attribution", Picture("attribution", "score"), later("No further method was run.")),
    "patching": ("patches", Picture("patches", "recovered", "row", "column"), later("Nothing was patched.")),
    "beams": ("beams", Picture("beams", "score", columns="result"), later("No beams were searched.")),
    "parts": ("effects", BARS, later("No part was left out.")),
    "cache": ("timing", Picture("timing", "seconds", "run", "new token"), later("The two runs were not timed.")),
    "masks": ("kernels", BARS, later("The kernels were not timed.")),
    "positions": ("packing", BARS, later("No texts were packed.")),
}
_ASKING: Final = {tab.name: tab.asking for tab in ALL if tab.asking}


def asked_of(scene: Scene, detail: Mapping[str, Any] | None = None) -> Asked:
    """What the page asks for the view of a scene: of the tokens, of the next one, and of the open tab.

    Args:
        scene: The view.
        detail: What came with the open tab's own question, unchecked, when the page asked it last; else None.

    Raises:
        FeatureUnavailable: The model does not have what the tab shows.
        InputError: The detail is no question of the tab.
    """
    always, tab = always_asked(scene), TABS.get(scene.view.tab)
    found = tab(scene) if tab else always
    asked = replace(found, calls={**always.calls, **found.calls})
    return _with_long(scene, asked, detail) if scene.view.tab in _LONG else _with_own(scene, asked, detail)


def _with_long(scene: Scene, asked: Asked, detail: Mapping[str, Any] | None) -> Asked:
    """Adds the answer of a long question as far as it has come, without asking it again."""
    name, picture, why = _LONG[scene.view.tab]
    again = say("This is about the present text and the settings in the tab: start it there, and save again.")
    missing = " ".join([say(why), again])
    if detail is None or asked.missing:
        return replace(asked, missing=asked.missing or missing)
    call = _ASKING[scene.view.tab](scene.model, scene.view, detail)
    answer = known_answer(scene.model, scene.moment, call)
    if answer is None:
        return replace(asked, missing=missing)
    known = {**asked.known, name: answer}
    shown = asked.picture if picture == BARS else picture
    return replace(asked, calls={**asked.calls, name: call}, known=known, picture=shown)


def _with_own(scene: Scene, asked: Asked, detail: Mapping[str, Any] | None) -> Asked:
    """Adds a quick question that the page asks by itself."""
    if detail is None or scene.view.tab not in _ASKING:
        return asked
    return replace(asked, calls={**asked.calls, "asked": _ASKING[scene.view.tab](scene.model, scene.view, detail)})


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
    return Asked(calls, BARS)


def answers_of(scene: Scene, asked: Asked) -> dict[str, tuple[str, Any]]:
    """The answers by name, each with the call that gave it.

    Raises:
        TokenscopeError: The model cannot answer one of them.
    """
    known = {**names_of(scene.model, scene.moment), "replace": replace}
    known |= {"hide_sink": hide_sink, "merge_words": merge_words, "distance_between": _distance_between}
    known["difference_lengths"] = difference_lengths
    answers = {}
    for index, (name, call) in enumerate(asked.calls.items()):
        tell(say("Asking for the numbers: {name}", name=name), index, len(asked.calls))
        answers[name] = call.source(), asked.known[name] if name in asked.known else call.run(known)
    return answers


def _distance_between(one: Any, other: Any) -> HeadDistance:
    from model_runtime.head_distance import distance_between  # late: this import brings torch

    return distance_between(one, other)
