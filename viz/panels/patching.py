"""The tab "Patching": a changed prompt beside the present one, and the runs that put a part of one into the other."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from model_runtime import Distribution, Moment
from model_runtime.errors import InputError
from viz.calls import Call
from viz.components.causes import PatchingView
from viz.panels.long_answers import asked_in_parts
from viz.panels.progress import Progress, paced
from viz.panels.scene import Scene
from viz.panels.view import View, one_of, whole
from viz.patching import PATCH_PARTS, aligned_payload, answer_pair, answers_payload, column_names, patch_payload
from viz.sentences import later, say
from viz.token_strip import labels_of

if TYPE_CHECKING:
    from model_runtime.model import Model

ANSWERS: Final = 20  # tokens that the selects offer


@dataclass(frozen=True)
class _Pair:
    """The two texts that are compared, up to the cursor, and what each is followed by."""

    clean: Moment
    changed: Moment
    after_clean: Distribution
    after_changed: Distribution

    @property
    def key(self) -> str:
        """Names the two texts and what the model runs under: a result that carries another is about something else."""
        both = f"{self.clean.ids}{self.changed.ids}{self.clean.interventions}"
        return hashlib.blake2s(both.encode(), digest_size=12).hexdigest()

    @property
    def answers(self) -> tuple[int, int]:
        """The ids whose logits are compared unless others are chosen."""
        return answer_pair(self.after_clean, self.after_changed)


def build() -> PatchingView:
    """Lays the tab out."""
    return PatchingView(elem_id="patching")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload without a grid. A prompt that does not fit says why beside its box."""
    model, view = scene.model, scene.view
    original = model.prompt_text(scene.moment)
    frame = {"original": original, "text": view.changed or original, "layers": scene.card.layers, "layer": view.layer}
    try:
        pair = _pair(model, view)
    except InputError as error:
        return {**frame, "error": str(error)}
    return {
        **frame,
        "error": "",
        "key": pair.key,
        **aligned_payload(_labels(model, pair.clean), _labels(model, pair.changed)),
        **answers_payload(pair.after_clean, pair.after_changed, pair.answers),
    }


def asking(model: "Model", view: View, detail: Mapping[str, Any]) -> Call:
    """Returns the patches that a page asks for.

    Raises:
        InputError: The two texts cannot be compared, or there is no such part.
    """
    part = one_of(detail.get("part"), PATCH_PARTS, later("part to patch"))
    layer = whole(detail.get("layer", 0), 0, model.card().layers - 1, later("layer"))
    pair = _pair(model, view)
    target = _target(detail.get("pair"), model) or pair.answers
    texts = (Call("Moment.from_text", (text.to_text(),)) for text in (pair.clean, pair.changed))
    return Call("model.patch", (*texts, part, target, layer if part == "layer heads" else -1), only_last=True)


def texts_asked(scene: Scene) -> dict[str, Call]:
    """Returns what the tab asks about the two texts, by name.

    Raises:
        InputError: The two texts cannot be compared.
    """
    pair = _pair(scene.model, scene.view)
    texts = {"after_text": pair.clean, "after_changed": pair.changed}
    named = (("position", -1), ("top", ANSWERS))
    return {
        name: Call("model.distribution", (Call("Moment.from_text", (text.to_text(),)),), named)
        for name, text in texts.items()
    }


def scanned(model: "Model", view: View, detail: Mapping[str, Any]) -> Iterator[Progress]:
    """Patches cell by cell; gives what is known of the grid again and again, all of it at last.

    Raises:
        TokenscopeError: The two texts cannot be compared, or this model cannot be patched so.
    """
    call, pair = asking(model, view, detail), _pair(model, view)
    columns = column_names(_labels(model, pair.clean), _labels(model, pair.changed))
    groups = None
    if detail.get("part") == "heads":
        groups = model.looking(pair.clean, -1, [len(pair.clean.ids) - 1]).key_value_head
    for grid in paced(asked_in_parts(model, view.moment, call), lambda grid: grid.done == grid.total):
        told = say("Patching: {done} of {total} runs", done=grid.done, total=grid.total)
        if grid.done == grid.total:
            told = say("All {total} patches are done.", total=grid.total)
        payload = {**patch_payload(grid, columns, groups), "key": pair.key}
        yield Progress(payload, grid.done, grid.total, told)


def _pair(model: "Model", view: View) -> _Pair:
    """The present text and the changed one, both up to the cursor.

    Raises:
        InputError: The changed prompt has another number of tokens.
    """
    moment = view.moment
    length = view.cursor + 1
    changed = model.rewritten(moment, view.changed) if view.changed else moment
    clean, changed = moment.cut(length), changed.cut(length)
    after = (model.distribution(one, -1, top=ANSWERS) for one in (clean, changed))
    return _Pair(clean, changed, *after)


def _labels(model: "Model", moment: Moment) -> list[str]:
    return labels_of(model.tokens(moment))


def _target(chosen: object, model: "Model") -> tuple[int, int] | None:
    """The pair of tokens that came with the question, None for the two answers."""
    if not isinstance(chosen, list) or len(chosen) != 2:
        return None
    most = model.card().vocabulary_size - 1
    first, second = (whole(one, 0, most, later("token id")) for one in chosen)
    return first, second
