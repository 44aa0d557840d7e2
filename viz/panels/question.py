"""The question that several tabs share: which token's logit is explained, and against what."""

from typing import TYPE_CHECKING, Any, Final

from model_runtime import Moment
from model_runtime.errors import InputError
from viz.labels import SPACE_MARK, quoted, visible
from viz.panels.scene import Scene
from viz.panels.view import AVERAGE
from viz.sentences import say

if TYPE_CHECKING:
    from model_runtime.model import Model

# Of a text that is several tokens, so many are named.
_MOST_NAMED: Final = 6


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the payload of the form `tokenscope.questionForm`.

    Returns:
        `choices`: (id, label, raw probability) of the most probable tokens; `target` and `against` as in the view, the
        average where the two are one token; `next`: the id of the token that follows the cursor in the text, None at
        the end; `others`: (id, label) of these three where they are not among the choices.
    """
    view, ids = scene.view, scene.moment.ids
    following = ids[view.cursor + 1] if view.cursor + 1 < len(ids) else None
    target = scene.choices[0][0] if view.target is None else view.target
    listed = {token for token, _, _ in scene.choices}
    others = {one for one in (view.target, view.against, following) if one is not None and one >= 0} - listed
    return {
        "choices": scene.choices,
        "target": view.target,
        "against": AVERAGE if view.against == target else view.against,
        "next": following,
        "others": [(token, visible(scene.model.text(token))) for token in sorted(others)],
    }


def token_of(model: "Model", moment: Moment, text: str) -> tuple[int, str]:
    """Finds the token that a typed text means: as it stands, or after a space where only that makes it one token.

    Returns:
        The id, and a notice: "" where the whole text is one token, else which of its tokens was taken.

    Raises:
        InputError: There is no text, far too much, or none that this vocabulary can write.
    """
    typed = text.replace(SPACE_MARK, " ")
    if not typed.strip():
        raise InputError(say("Type the token to ask about."))
    readings = [_encoded(model, moment, written) for written in (typed, f" {typed}")]
    for ids in readings:
        if len(ids) == 1:
            return ids[0], ""
    pieces = readings[0] if typed.startswith(" ") else readings[1]
    if not pieces:
        raise InputError(say("{text} is no token in this vocabulary; type another.", text=quoted(visible(text))))
    names = ", ".join(quoted(visible(model.text(token))) for token in pieces[:_MOST_NAMED])
    more = ", …" if len(pieces) > _MOST_NAMED else ""
    told = say(
        "{text} is {count} tokens in this vocabulary, {names}; this is about the first.",
        text=quoted(text),
        count=len(pieces),
        names=f"{names}{more}",
    )
    return pieces[0], told


def _encoded(model: "Model", moment: Moment, text: str) -> tuple[int, ...]:
    return model.append(moment.cut(1), text).ids[1:]
