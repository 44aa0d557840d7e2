"""All endpoints, and how they get onto the page.

Their docstrings are what a program is told about them, by the API page and by MCP: there an argument has one line.
"""

from collections.abc import Callable
from typing import Any, Final

import gradio as gr
from gradio.components import Component
from gradio.events import api
from gradio.utils import get_function_description

from viz.panels.api.asking import told
from viz.panels.api.questions import QuestionEndpoints
from viz.panels.api.texts import TextEndpoints
from viz.panels.limits import Limits
from viz.panels.models import Models

# What an endpoint's answer is called in its description, by its type; all others are records.
_KINDS: Final[dict[object, str]] = {str: "moment", list[dict[str, Any]]: "records"}


def endpoints(models: Models, limits: Limits) -> tuple[Callable[..., Any], ...]:
    """Returns every endpoint; each goes by the name of its function."""
    texts, questions = TextEndpoints(models, limits), QuestionEndpoints(models)
    finding = (texts.offers, texts.card)
    writing = (texts.begin, texts.step, texts.append, texts.back, texts.without, texts.restored)
    reading = (questions.tokens, questions.distribution, questions.attention, questions.heads, questions.lens)
    return (*finding, *writing, *reading, questions.contributions, questions.hidden)


def build(page: gr.Blocks, models: Models, limits: Limits) -> None:
    """Adds the endpoints to the page that is being built."""
    for endpoint in endpoints(models, limits):
        # Programs wait for their turn with a model, as pages do, and not in gradio's queue.
        added = api(told(endpoint), api_name=endpoint.__name__, concurrency_limit=None)
        _, lines, returned = get_function_description(endpoint)
        known = page.fns[added["id"]]
        answer = (_KINDS.get(endpoint.__annotations__["return"], "record"), " ".join(returned))
        for widget, (name, line) in zip((*known.inputs, *known.outputs), (*lines.items(), answer), strict=True):
            assert isinstance(widget, Component)
            widget.label = name
            widget.api_info()["additional_description"] = line  # which Gradio tells MCP clients only by itself
