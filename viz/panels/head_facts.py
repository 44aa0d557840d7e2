"""What each head does, for whichever picture names heads: computed once a text, when the first picture asks."""

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from model_runtime import FeatureUnavailable, HeadTable, Moment
from viz.panels.scene import Scene

if TYPE_CHECKING:
    from model_runtime.model import Model

_KEPT: Final = 16  # tables a model; each holds some numbers a head
# Weak, so that a model that makes room for another is really let go. What is lost here is computed again.
_tables: "WeakKeyDictionary[Model, dict[object, HeadTable]]" = WeakKeyDictionary()


def head_facts(scene: Scene) -> HeadTable:
    """Returns the measures and labels of all heads on the text that is shown.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    return head_facts_of(scene.model, scene.moment)


def head_facts_of(model: "Model", moment: Moment) -> HeadTable:
    """Returns the measures and labels of all heads on a text; how the next token is chosen does not matter to them.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    kept = _tables.setdefault(model, {})
    key = (moment.ids, moment.interventions)
    found = kept.get(key)
    if found is None:
        found = model.heads(moment)
        if len(kept) >= _KEPT:
            kept.clear()
        kept[key] = found
    return found


def known_facts(scene: Scene, most: int) -> HeadTable | None:
    """Returns the measures and labels where they are known already or the text has at most so many tokens.

    For pictures that name labels beside something else and must not wait for them. None where there is no attention.
    """
    kept = _tables.get(scene.model, {}).get((scene.moment.ids, scene.moment.interventions))
    if kept is not None or len(scene.moment.ids) > most:
        return kept
    try:
        return head_facts(scene)
    except FeatureUnavailable:
        return None


def head_label(scene: Scene, layer: int, head: int) -> str:
    """Returns the label of one head, such as "induction"; "" where there is no such head.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    return str(head_facts(scene).label[layer, head])
