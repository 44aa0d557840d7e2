"""What each head does, for whichever picture names heads: computed once a text, when the first picture asks."""

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from model_runtime import HeadTable, Moment
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


def head_label(scene: Scene, layer: int, head: int) -> str:
    """Returns the label of one head, such as "induction"; "" where there is no such head.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    return str(head_facts(scene).label[layer, head])
