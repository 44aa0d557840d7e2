"""What is known of all heads of a text, for whichever picture asks first: computed once a text."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from model_runtime import FeatureUnavailable, HeadSimilarity, HeadTable, Moment
from model_runtime.records import Integers
from viz.panels.scene import Scene

if TYPE_CHECKING:
    from model_runtime.model import Model

_KEPT: Final = 16  # answers a model; each holds some numbers a head, or a pair of heads
# Weak, so that a model that makes room for another is really let go. What is lost here is computed again.
_answers: "WeakKeyDictionary[Model, dict[object, Any]]" = WeakKeyDictionary()


def head_facts(scene: Scene) -> HeadTable:
    """Returns the measures and labels of all heads on the text that is shown.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    return head_facts_of(scene.model, scene.moment)


def head_facts_of(model: "Model", moment: Moment) -> HeadTable:
    """Returns the measures and labels of all heads on a text.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    found: HeadTable = _once(model, _facts(moment), lambda: model.heads(moment))
    return found


def known_facts(scene: Scene, most: int) -> HeadTable | None:
    """Returns the measures and labels where they are known already or the text has at most so many tokens.

    For pictures that name labels beside something else and must not wait for them. None where there is no attention.
    """
    found: HeadTable | None = _answers.get(scene.model, {}).get(_facts(scene.moment))
    if found is not None or len(scene.moment.ids) > most:
        return found
    try:
        return head_facts(scene)
    except FeatureUnavailable:
        return None


def heads_there_are(scene: Scene) -> Integers:
    """Returns the key/value head of every head of the model, [layer, head], -1 where there is no head; no text matters.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    first = scene.moment.restored().cut(1)
    found: Integers = _once(scene.model, "heads", lambda: scene.model.heads(first).key_value_head)
    return found


def head_label(scene: Scene, layer: int, head: int) -> str:
    """Returns the label of one head, such as "induction"; "" where there is no such head.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    return str(head_facts(scene).label[layer, head])


def similarity_of(model: "Model", moment: Moment, hide: str | None) -> HeadSimilarity:
    """Returns how alike all heads look at a text; seconds for a thousand heads.

    Raises:
        FeatureUnavailable: This model does not show its attention.
    """
    found: HeadSimilarity = _once(model, _alike(moment, hide), lambda: model.similarity(moment, hide))
    return found


def similarity_known(model: "Model", moment: Moment, hide: str | None) -> bool:
    """Returns whether `similarity_of` has its answer ready."""
    return _alike(moment, hide) in _answers.get(model, {})


def _facts(moment: Moment) -> object:
    return ("facts", *_text(moment))


def _alike(moment: Moment, hide: str | None) -> object:
    return ("alike", hide, *_text(moment))


def _text(moment: Moment) -> tuple[object, ...]:
    """What attention depends on: how the next token is chosen does not matter to it."""
    return moment.ids, moment.interventions


def _once(model: "Model", key: object, ask: Callable[[], Any]) -> Any:
    kept = _answers.setdefault(model, {})
    if key not in kept:
        answer = ask()
        if len(kept) >= _KEPT:
            kept.clear()
        kept[key] = answer
        return answer
    return kept[key]
