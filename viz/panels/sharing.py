"""The popover "Share": a link to the view, the view as a file, and the downloads that the server makes."""

from collections.abc import Callable
from typing import Any, Final

from model_runtime.errors import InputError, TokenscopeError
from viz.components.sharing import Sharing
from viz.panels.arriving import LARGEST, readable
from viz.panels.exports import EXPORTS, file_stem
from viz.panels.link import MOST_LINK, MOST_PROMPT, MOST_TEXT, Shared, from_text, to_text
from viz.panels.making import Making
from viz.panels.models import Models
from viz.panels.shared_views import arriving
from viz.panels.view import View, one_of, short_text
from viz.sentences import later, say

# What can be downloaded, in the order of the popover.
DOWNLOADS: Final = EXPORTS
LARGE: Final = 4_000_000  # bytes; the page asks before it takes a larger file


def build(models: Models) -> Sharing:
    """Builds the popover."""
    making = Making(models)

    def link(asked: object) -> dict[str, Any]:
        """What the popover asks whenever it is open and the view has changed."""
        return _answered(lambda sent: _link(models, sent), asked)

    def begin(asked: object) -> dict[str, Any]:
        """What a press on a download asks."""
        return _answered(lambda sent: _begun(making, sent), asked)

    def follow(asked: object) -> dict[str, Any]:
        """What the popover asks again and again while a file is made."""
        return _answered(lambda sent: making.follow(sent.get("ticket")), asked)

    def take(asked: object) -> dict[str, Any]:
        """What asks for a file that is made."""
        return _answered(lambda sent: making.take(sent.get("ticket")), asked)

    def leave(asked: object) -> dict[str, Any]:
        """What a press on "cancel" asks."""
        return _answered(lambda sent: making.leave(sent.get("ticket")), asked)

    def unpack(asked: object) -> dict[str, Any]:
        """What a file that was chosen or dropped asks."""
        return _answered(lambda sent: arriving(models, from_text(sent.get("text"))), asked)

    known = {
        "downloads": [[one.name, say(one.title), say(one.what)] for one in DOWNLOADS],
        "most": MOST_LINK,
        "most_file": MOST_TEXT,
        "large": LARGE,
    }
    answers = [link, begin, follow, take, leave, unpack]
    return Sharing(known, elem_id="sharing", elem_classes="ts-fit", server_functions=answers)


def _answered(answer: Callable[[dict[str, Any]], dict[str, Any]], sent: object) -> dict[str, Any]:
    """Answers a question, or says why not."""
    asked = readable(sent, largest=LARGEST)
    try:
        if not isinstance(asked, dict):
            raise InputError(say("The page asked for nothing that can be shared. Reload the page."))
        return answer(asked)
    except TokenscopeError as error:
        return {"error": str(error)}


def _link(models: Models, asked: dict[str, Any]) -> dict[str, Any]:
    """The text of a link, what a file of it is called, and the sizes that are said before."""
    view = View.from_json(asked.get("view"))
    moment = view.moment
    prompt = short_text(asked.get("prompt", ""), MOST_PROMPT, later("prompt"))
    shared = Shared(view, prompt, asked.get("mode") == "chat")
    if not _began_with(models, shared):
        shared = Shared(view)
    name = f"{file_stem(moment.model)}-{len(moment.ids)}-tokens.tokenscope"
    model = models.of(moment, view.precision)
    sizes = {one.name: one.size(model, view) for one in DOWNLOADS if one.size}
    return {"text": to_text(shared), "name": name, "sizes": sizes}


def _began_with(models: Models, shared: Shared) -> bool:
    """Whether the text began with the prompt box's; what was typed since is nobody else's business."""
    moment = shared.view.moment
    try:
        begun = models.of(moment, shared.view.precision).begin(shared.prompt, chat=shared.chat)
    except InputError:
        return False
    return begun.ids == moment.ids[: moment.prompt_length]


def _begun(making: Making, asked: dict[str, Any]) -> dict[str, Any]:
    """Begins a file."""
    made = {one.name: one for one in DOWNLOADS}
    entry = made[one_of(asked.get("name"), tuple(made), later("download"))]
    detail = asked.get("asked")
    return making.begin(entry, View.from_json(asked.get("view")), detail if isinstance(detail, dict) else None)
