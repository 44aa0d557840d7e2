"""The popover "Share": a link to the view, the view as a file, and the downloads that the server makes."""

import base64
from typing import Any, Final

from model_runtime.errors import InputError, TokenscopeError
from viz.components.sharing import Sharing
from viz.panels.arriving import LARGEST, readable
from viz.panels.exports import EXPORTS, file_stem
from viz.panels.link import MOST_LINK, MOST_PROMPT, MOST_TEXT, Shared, from_text, to_text
from viz.panels.models import Models
from viz.panels.shared_views import arriving
from viz.panels.view import View, one_of, short_text
from viz.sentences import later, say

# What can be downloaded, in the order of the popover.
DOWNLOADS: Final = EXPORTS


def build(models: Models) -> Sharing:
    """Builds the popover."""

    def link(asked: object) -> dict[str, Any]:
        """What the popover asks whenever it is open and the view has changed."""
        return _answered(_link, models, asked)

    def download(asked: object) -> dict[str, Any]:
        """What a press on a download asks."""
        return _answered(_download, models, asked)

    def unpack(asked: object) -> dict[str, Any]:
        """What a file that was chosen or dropped asks."""
        return _answered(_unpacked, models, asked)

    known = {
        "downloads": [[one.name, say(one.title), say(one.what)] for one in DOWNLOADS],
        "most": MOST_LINK,
        "most_file": MOST_TEXT,
    }
    return Sharing(known, elem_id="sharing", elem_classes="ts-fit", server_functions=[link, download, unpack])


def _answered(answer: Any, models: Models, sent: object) -> dict[str, Any]:
    """Answers a question, or says why not."""
    asked = readable(sent, largest=LARGEST)
    try:
        if not isinstance(asked, dict):
            raise InputError(say("The page asked for nothing that can be shared. Reload the page."))
        answered: dict[str, Any] = answer(models, asked)
        return answered
    except TokenscopeError as error:
        return {"error": str(error)}


def _link(models: Models, asked: dict[str, Any]) -> dict[str, Any]:
    """The text of a link, and what a file of it is called."""
    view = View.from_json(asked.get("view"))
    moment = view.moment
    prompt = short_text(asked.get("prompt", ""), MOST_PROMPT, later("prompt"))
    shared = Shared(view, prompt, asked.get("mode") == "chat")
    if not _began_with(models, shared):
        shared = Shared(view)
    name = f"{file_stem(moment.model)}-{len(moment.ids)}-tokens.tokenscope"
    return {"text": to_text(shared), "name": name}


def _unpacked(models: Models, asked: dict[str, Any]) -> dict[str, Any]:
    """What the page needs to show the view of a file."""
    return arriving(models, from_text(asked.get("text")))


def _began_with(models: Models, shared: Shared) -> bool:
    """Whether the text began with the prompt box's; what was typed since is nobody else's business."""
    moment = shared.view.moment
    try:
        begun = models.of(moment, shared.view.precision).begin(shared.prompt, chat=shared.chat)
    except InputError:
        return False
    return begun.ids == moment.ids[: moment.prompt_length]


def _download(models: Models, asked: dict[str, Any]) -> dict[str, Any]:
    """A file for the browser to save."""
    made = {one.name: one for one in DOWNLOADS}
    entry = made[one_of(asked.get("name"), tuple(made), later("download"))]
    view = View.from_json(asked.get("view"))
    file = entry.make(models.of(view.moment, view.precision), view)
    return {"name": file.name, "media": file.media, "content": base64.b64encode(file.content).decode("ascii")}
