"""Views that come to a page from elsewhere: a link, a file, or the browser's own history."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from viz.panels.link import MOST_PROMPT, Shared, from_text
from viz.panels.models import AUTO
from viz.panels.view import View, one_of, short_text
from viz.sentences import later

if TYPE_CHECKING:
    from viz.panels.models import Models


def arriving(models: "Models", shared: Shared) -> dict[str, Any]:
    """Returns what the page needs to show a shared view: the model to load first, and the detail of `revisit`.

    Raises:
        ModelError: This page may not open the model.
    """
    view = shared.view
    name = models.name_of(view.moment)
    models.check(name, view.precision)
    mode = "chat" if shared.chat else "raw"
    detail = {"view": view.to_json(), "prompt": shared.prompt, "mode": mode, "shared": True}
    return {"name": name, "precision": view.precision, "detail": detail}


def read(models: "Models", text: object) -> tuple[Shared, dict[str, Any] | None]:
    """Reads a link by which a page is opened.

    Returns:
        What it holds, and what `arriving` says of it where its model is another one than the page opens with, so that
        it may have to be loaded first.

    Raises:
        TokenscopeError: It cannot be read, or this page may not open its model.
    """
    shared = from_text(text)
    arrives = arriving(models, shared)
    usual = shared.view.moment.model == models.default and shared.view.precision == AUTO
    return shared, None if usual else arrives


def revisited(detail: Mapping[str, Any]) -> tuple[View, dict[str, str] | None]:
    """Reads the detail of `revisit`: a view, and what is to stand in the prompt box, None to leave that alone.

    Raises:
        InputError: It is none.
    """
    view = View.from_json(detail.get("view"))
    if detail.get("prompt") is None:
        return view, None
    prompt = short_text(detail["prompt"], MOST_PROMPT, later("prompt"))
    return view, {"prompt": prompt, "mode": one_of(detail.get("mode"), ("raw", "chat"), later("kind of prompt"))}
