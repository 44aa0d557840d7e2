"""What a user can do: each action is a function from a model, a view and what came with the action to a new view.

Actions change nothing but the view they return and draw nothing. They raise `TokenscopeError`s, whose text the page
shows while the old view stays.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from model_runtime import BadDecoding, Decoding
from viz.labels import quoted, shorten, visible
from viz.panels.view import TABS, WINDOWS, View, one_of, whole
from viz.sentences import later, say, say_many
from viz.token_strip import SHADES

if TYPE_CHECKING:
    from model_runtime.model import Model


@dataclass(frozen=True)
class Request:
    """What came with an action.

    Attributes:
        detail: The action's own data, unchecked.
        prompt: The text of the prompt box.
        chat: Whether the prompt is a chat message.
    """

    detail: Mapping[str, Any]
    prompt: str
    chat: bool


@dataclass(frozen=True)
class Outcome:
    """The view after an action, and what to say about it ("" for nothing)."""

    view: View
    notice: str = ""


Action = Callable[["Model", View, Request], Outcome]


def start(model: "Model", view: View | None, request: Request) -> Outcome:
    """Begins anew from the prompt box, keeping the decoding settings and what is selected."""
    decoding = view.moment.decoding if view else None
    moment = model.begin(request.prompt, chat=request.chat, decoding=decoding)
    card = model.card()
    fresh = View(branches=(moment.to_text(),), cursor=len(moment.ids) - 1, reading=2 * (card.layers - 1))
    if view is None:
        return Outcome(fresh)
    layer, head = min(view.layer, card.layers - 1), min(view.head, card.heads - 1)
    # Heads stay off and streams steered: the bar that says so is in sight, and one click takes all of it back.
    before = view.moment
    moment = replace(moment, interventions=before.interventions)
    changed = view.changed if before.ids[: before.prompt_length] == moment.ids else ""  # it is made of the prompt
    kept = replace(view, layer=layer, head=head, branch=0, keys=(), changed=changed)
    return Outcome(replace(kept, branches=fresh.branches).at(moment))


def step(model: "Model", view: View, request: Request) -> Outcome:
    """Takes one token at the end of the text, wherever the cursor stands."""
    moment = model.step(view.moment)
    return Outcome(view.at(moment), _ending(model, moment))


def back(model: "Model", view: View, request: Request) -> Outcome:
    """Removes the newest token."""
    moment = view.moment
    if len(moment.ids) == 1:
        return Outcome(view, say("This is the first token: there is nothing to go back to."))
    return Outcome(view.at(model.back(moment, 1)))


def take(model: "Model", view: View, request: Request) -> Outcome:
    """Takes the token of a bar from the cursor on; where the text goes on differently, on a new branch."""
    moment = view.moment
    end = len(moment.ids) - 1
    position = whole(request.detail.get("position"), 0, end, later("position"))
    token = whole(request.detail.get("token"), 0, model.card().vocabulary_size - 1, later("token id"))
    if position == end:
        moment = model.step(moment, take=token)
        return Outcome(view.at(moment), _ending(model, moment))
    if moment.ids[position + 1] == token:
        return Outcome(replace(view, cursor=position + 1))
    moment = model.step(moment.cut(position + 1), take=token)
    view = view.branched(moment)
    taken = quoted(visible(model.text(token)))
    return Outcome(view, say("A new branch, with {token} instead. The old text is kept.", token=taken))


def append(model: "Model", view: View, request: Request) -> Outcome:
    """Appends any text and says how probable the model found each of its tokens."""
    text = request.detail.get("text")
    before = view.moment
    moment = model.append(before, text if isinstance(text, str) else "")
    table = model.tokens(moment)
    added = range(len(before.ids), len(moment.ids))
    told = [f"{quoted(visible(table.text[i], table.bytes[i]))} {_percent(table.surprisal[i])}" for i in added[:12]]
    if not told:
        return Outcome(view.at(moment), say("There was no text to append."))
    tokens = ", ".join(told)
    if len(added) > len(told):
        tokens = say("{tokens} and {count} more", tokens=tokens, count=len(added) - len(told))
    return Outcome(view.at(moment), say("Appended {tokens}.", tokens=tokens))


def cursor(model: "Model", view: View, request: Request) -> Outcome:
    """Puts the cursor on a token."""
    position = whole(request.detail.get("position"), 0, len(view.moment.ids) - 1, later("position"))
    return Outcome(replace(view, cursor=position))


def branch(model: "Model", view: View, request: Request) -> Outcome:
    """Goes to another branch, to its end."""
    index = whole(request.detail.get("index"), 0, len(view.branches) - 1, later("branch"))
    view = replace(view, branch=index)
    return Outcome(replace(view, cursor=len(view.moment.ids) - 1))


def head(model: "Model", view: View, request: Request) -> Outcome:
    """Selects an attention head."""
    card = model.card()
    return Outcome(
        replace(
            view,
            layer=whole(request.detail.get("layer"), 0, card.layers - 1, later("layer")),
            head=whole(request.detail.get("head"), 0, card.heads - 1, later("head")),
        )
    )


def shade(model: "Model", view: View, request: Request) -> Outcome:
    """Chooses what the token strip's background says."""
    return Outcome(replace(view, shade=one_of(request.detail.get("shade"), SHADES, later("shade"))))


def window(model: "Model", view: View, request: Request) -> Outcome:
    """Chooses how many tokens a picture shows."""
    return Outcome(replace(view, window=one_of(request.detail.get("window"), WINDOWS, later("window"))))


def tab(model: "Model", view: View, request: Request) -> Outcome:
    """Opens a tab."""
    return Outcome(replace(view, tab=one_of(request.detail.get("tab"), TABS, later("tab"))))


def decode(model: "Model", view: View, request: Request) -> Outcome:
    """Changes the decoding settings; the text stays."""
    moment = replace(view.moment, decoding=read_decoding(request.detail))
    return Outcome(view.at(moment, view.cursor))


ACTIONS: Final[Mapping[str, Action]] = {
    "start": start,
    "step": step,
    "back": back,
    "take": take,
    "append": append,
    "cursor": cursor,
    "branch": branch,
    "head": head,
    "shade": shade,
    "window": window,
    "tab": tab,
    "decode": decode,
}


def read_decoding(fields: Mapping[str, Any]) -> Decoding:
    """Reads the texts of the settings' fields; a field that is missing or empty is off.

    Raises:
        BadDecoding: A field holds no number, or one outside its range.
    """
    given = {name: str(value).strip() for name, value in fields.items() if str(value).strip()}
    reals = {name: _real(name, given[name]) for name in _REALS if name in given}
    wholes = {name: _integer(name, given[name]) for name in _WHOLES if name in given}
    lines = str(fields.get("stop", "")).splitlines()
    stop = tuple(line.replace("\\n", "\n") for line in lines if line)
    return Decoding(**reals, **wholes, stop=stop)  # type: ignore[arg-type]  # the names decide the types


def write_decoding(decoding: Decoding) -> dict[str, str]:
    """Returns the texts of the settings' fields."""
    numbers = {name: f"{getattr(decoding, name):g}" for name in _REALS}
    wholes = {name: str(getattr(decoding, name)) for name in _WHOLES}
    return {**numbers, **wholes, "stop": "\n".join(text.replace("\n", "\\n") for text in decoding.stop)}


def describe_decoding(decoding: Decoding) -> str:
    """Sums the settings up in a few words, such as "T 0.8, top-p 0.9"."""
    parts = [say("greedy")] if decoding.temperature == 0 else [f"T {decoding.temperature:g}"]
    for name, (off, told) in _SHORT.items():
        value = getattr(decoding, name)
        if value != off:
            parts.append(" ".join([say(told), f"{value:g}"]))
    if decoding.temperature > 0:
        parts.append(say("seed {seed}", seed=decoding.seed))
    if decoding.stop:
        parts.append(say_many("{count} stop text", "{count} stop texts", len(decoding.stop)))
    return ", ".join(parts)


# What is off, and what the setting is called where there is little room.
_SHORT: Final = {
    "top_k": (0, later("top-k")),
    "top_p": (1, later("top-p")),
    "min_p": (0, later("min-p")),
    "repetition_penalty": (1, later("repetition")),
}
_REALS = ("temperature", "top_p", "min_p", "repetition_penalty")
_WHOLES = ("top_k", "seed")


def _real(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        told = say("{name} is {value}; use a number.", name=name.replace("_", "-"), value=repr(shorten(text, 20)))
        raise BadDecoding(told) from error


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        value = repr(shorten(text, 20))
        told = say("{name} is {value}; use a whole number.", name=name.replace("_", "-"), value=value)
        raise BadDecoding(told) from error


def _percent(surprisal: float) -> str:
    return f"{100 * math.exp(-surprisal):.3g} %"


def _ending(model: "Model", moment: Any) -> str:
    reason = model.ended(moment)
    if reason is None:
        return ""
    return say("The text has ended ({reason}). Go back, or take another token at an earlier step.", reason=reason)
