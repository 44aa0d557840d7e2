"""How a program asks: every argument is checked against its type, and errors come back as plain words."""

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

import gradio as gr

from model_runtime import Moment
from model_runtime.errors import InputError, TokenscopeError
from model_runtime.turns import visiting
from viz.panels.arriving import readable
from viz.panels.models import Models

if TYPE_CHECKING:
    from model_runtime.model import Model

#: Comes with everything that an MCP client asks.
MCP_HEADER: Final = "mcp-protocol-version"

_WORDS: Final[dict[object, str]] = {
    type(None): "null",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list[str]: "a list of texts",
    list[list[int]]: "a list of lists of whole numbers",
}


def told(question: Callable[..., Any]) -> Callable[..., Any]:
    """Makes an endpoint of a question: what arrives is checked, and what this project raises is said in its own words.

    The endpoint has the question's name, description and arguments, and before them the request. To MCP clients, which
    get everything as text, records go as JSON. Whoever asks takes turns with the page's visitors.
    """
    signature, hints = inspect.signature(question), get_type_hints(question)

    def endpoint(request: gr.Request, /, *arrived: object) -> Any:
        given = readable(list(arrived))
        try:
            for name, value in signature.bind(*given).arguments.items():
                if not _is(value, hints[name]):
                    raise InputError(f"{name} is {_shown(value)}; it has to be {_word(hints[name])}.")
            with visiting(_visitor(request)):
                answer = question(*given)
        except TokenscopeError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return answer if isinstance(answer, str) or MCP_HEADER not in request.headers else json.dumps(answer)

    first = inspect.Parameter("request", inspect.Parameter.POSITIONAL_ONLY, annotation=gr.Request)
    endpoint.__signature__ = signature.replace(  # type: ignore[attr-defined]  # as `inspect` documents
        parameters=[first, *(one.replace(kind=first.POSITIONAL_ONLY) for one in signature.parameters.values())]
    )
    endpoint.__annotations__ = {"request": gr.Request, **hints}
    endpoint.__name__, endpoint.__doc__ = question.__name__, question.__doc__
    return endpoint


@contextmanager
def in_turn(models: Models, moment: Moment) -> Iterator["Model"]:
    """The model of a moment; inside, nobody else asks it.

    Raises:
        ModelError: It cannot be loaded, or may not be here.
        TooManyWaiting: Too many visitors wait for it already.
    """
    model = models.of(moment)
    with model.turns.turn():
        yield model


def _visitor(request: gr.Request) -> str:
    """Who asks: MCP clients have one session of gradio together, and each one of MCP's own."""
    return str(request.headers.get("mcp-session-id") or request.session_hash)


def _is(value: object, hint: Any) -> bool:
    """Whether a value that came as JSON is of a type."""
    if isinstance(hint, UnionType):
        return any(_is(value, one) for one in get_args(hint))
    if get_origin(hint) is list:
        return isinstance(value, list) and all(_is(one, get_args(hint)[0]) for one in value)
    if hint in (int, float):
        return not isinstance(value, bool) and isinstance(value, int if hint is int else int | float)
    return isinstance(value, hint)


def _word(hint: Any) -> str:
    return " or ".join(_WORDS[one] for one in (get_args(hint) if isinstance(hint, UnionType) else (hint,)))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
