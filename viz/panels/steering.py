"""The tab "Steering": the draft of the next steering, and those that are in force."""

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from model_runtime import FeatureUnavailable, Moment
from model_runtime.errors import InputError, OutOfRange
from model_runtime.interventions import MAX_STEERS, Steer
from model_runtime.records import Floats
from viz.calls import Call
from viz.components.causes import SteeringView
from viz.labels import visible
from viz.panels.direction import LAST, Direction
from viz.panels.scene import Scene
from viz.sentences import later, say, say_many
from viz.steering import described, difference_lengths, lengths_payload, side_payload, steers_payload
from viz.token_strip import labels_of

if TYPE_CHECKING:
    from model_runtime.model import Model

# (title, towards, away from, share of the model's depth, strength, the prompt to try it on): what the built-in model
# follows without falling apart.
_STORE: Final = "When Mary and John went to the store, {} gave a drink to"
EXAMPLES: Final = (
    (
        later("France, not Japan"),
        "The capital of France is",
        "The capital of Japan is",
        5 / 6,
        1.2,
        "The capital of Japan is",
    ),
    (
        later("Spain, not Brazil"),
        "In Spain, people speak",
        "In Brazil, people speak",
        5 / 6,
        1.0,
        "In Brazil, people speak",
    ),
    (later("a boy, not a girl"), "He was a boy", "She was a girl", 4 / 6, 1.0, "Once upon a time, there was a little"),
    (later("Mary gives, not John"), _STORE.format("Mary"), _STORE.format("John"), 4 / 6, 1.0, _STORE.format("John")),
)
# The lengths of the draft that was asked for last, of each model: a long text is not read again for every step. Weak,
# so that a model that makes room for another is really let go.
_lengths: "WeakKeyDictionary[Model, tuple[Direction, dict[str, Any]]]" = WeakKeyDictionary()


def build() -> SteeringView:
    """Lays the tab out."""
    return SteeringView(elem_id="steering")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload. A text that cannot be read says why beside its box."""
    model, view = scene.model, scene.view
    draft = view.direction
    plus, plus_side = _side(model, draft.plus, draft.plus_position)
    minus, minus_side = _side(model, draft.minus, draft.minus_position)
    payload = {
        "examples": [[say(title), *rest] for title, *rest in EXAMPLES],
        "plus": plus_side,
        "minus": minus_side,
        "layers": scene.card.layers,
        "lengths": None,
        "start": view.cursor,
        "at": scene.labels[view.cursor],
        "steers": drawn_steers(model, scene.moment),
        "most": MAX_STEERS,
        "unavailable": "",
    }
    if plus is None or minus is None:
        return payload
    try:
        if _lengths.get(model, (None,))[0] != draft:
            vectors = (_vectors(model, plus, plus_side["position"]), _vectors(model, minus, minus_side["position"]))
            _lengths[model] = draft, lengths_payload(difference_lengths(*vectors))
    except FeatureUnavailable as error:
        return {**payload, "unavailable": str(error)}
    return {**payload, "lengths": _lengths[model][1]}


def drawn_steers(model: "Model", moment: Moment) -> list[dict[str, Any]]:
    """Returns what the page says about each steering of a moment."""
    return steers_payload(moment.steers, lambda ids: [visible(model.text(token)) for token in ids])


def words_for(model: "Model", steer: Steer) -> str:
    """Says what a steering adds, and where."""
    (payload,) = steers_payload([steer], lambda ids: [visible(model.text(token)) for token in ids])
    return described(steer, payload["name"])


def source_of(model: "Model", text: str, position: int) -> tuple[tuple[int, ...], int]:
    """Returns one side of a steering: a text's ids, and the position of the token whose vector is taken.

    Raises:
        InputError: The text cannot be read, or has no such token.
    """
    ids = model.begin(text).ids
    if position >= len(ids):
        told = say_many(
            "The text has {count} token, and no position {position}. Choose one of its tokens.",
            "The text has {count} tokens, and no position {position}. Choose one of its tokens.",
            len(ids),
            position=position,
        )
        raise OutOfRange(told)
    return ids, len(ids) - 1 if position == LAST else position


def _side(model: "Model", text: str, position: int) -> tuple[Moment | None, dict[str, Any]]:
    """One text of the draft as a moment, None where it cannot be read, and as the page shows it."""
    try:
        moment = model.begin(text)
        labels = labels_of(model.tokens(moment))
    except InputError as error:
        return None, side_payload(text, [], LAST, str(error))
    # Another text may have been typed since a token was chosen.
    place = position if 0 <= position < len(labels) else len(labels) - 1
    return moment, side_payload(text, labels, place)


def _vectors(model: "Model", moment: Moment, position: int) -> list[Floats]:
    """[stream] [width] the streams of one token."""
    return [model.hidden(moment, stream)[position] for stream in range(model.card().layers + 1)]


def lengths_asked(scene: Scene) -> dict[str, Call]:
    """Returns what the tab asks about the two texts of the draft, by name; nothing where one cannot be read."""
    model, draft = scene.model, scene.view.direction
    sides = {
        "plus": _side(model, draft.plus, draft.plus_position),
        "minus": _side(model, draft.minus, draft.minus_position),
    }
    calls: dict[str, Call] = {}
    vectors: list[list[Call]] = []
    for name, (moment, side) in sides.items():
        if moment is None:
            return {}
        text = Call("Moment.from_text", (moment.to_text(),))
        calls[name] = Call("model.tokens", (text,))
        streams = range(scene.card.layers + 1)
        vectors.append([Call("model.hidden", (text, stream), item=side["position"]) for stream in streams])
    return {**calls, "lengths": Call("difference_lengths", tuple(vectors))}
