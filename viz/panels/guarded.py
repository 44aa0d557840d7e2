"""Gradio's page, with every answer guarded: what no page sends gets a plain answer, and the log no word of it.

What an answer leaves as it is passes by gradio's work on it, too.
"""

from copy import copy
from typing import Any, Final

import gradio as gr

from viz.components.base import KEPT
from viz.panels.faults import WORDS, log_fault
from viz.sentences import say

# What gradio and its components raise at values that are of no use to them.
_MALFORMED: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, gr.Error)


class GuardedBlocks(gr.Blocks):
    """Gradio would print each fault with its message, which quotes what was sent; here `log_fault` tells the log."""

    async def preprocess_data(self, *given: Any, **named: Any) -> Any:
        """Turns what a page sent into what a function takes.

        Raises:
            gr.Error: It is of no use, in plain words.
        """
        try:
            return await super().preprocess_data(*given, **named)
        except _MALFORMED:
            raise _plain(say("What was sent has not the form that this address takes. Reload the page.")) from None

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """Turns what a function answered into what the page gets.

        Gradio goes to a thread and back for each output, of which a page has dozens; what is kept as it is needs none.
        """
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        if not isinstance(predictions, list | tuple) or not any(one is KEPT for one in predictions):
            return await super().postprocess_data(block_fn, predictions, state)
        changed = {place: one for place, one in enumerate(predictions) if one is not KEPT}
        answer: list[Any] = [gr.skip() for _ in predictions]
        if changed:
            part = copy(function)
            part.outputs = [function.outputs[place] for place in changed]
            given = list(changed.values())
            done = await super().postprocess_data(part, given if len(given) > 1 else given[0], state)
            for place, one in zip(changed, done, strict=True):
                answer[place] = one
        return answer

    async def process_api(self, *given: Any, **named: Any) -> Any:
        """Answers one event.

        Raises:
            gr.Error: It cannot be answered, in plain words.
        """
        block = given[0] if given else named["block_fn"]
        if (self.fns[block] if isinstance(block, int) else block).fn is None:
            raise _plain(say("Nothing on the server answers that. Reload the page."))
        try:
            return await super().process_api(*given, **named)
        except gr.Error:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, gradio would print its message
            log_fault(error)
            raise _plain(say(WORDS)) from None


def _plain(words: str) -> gr.Error:
    """An error that gradio neither prints nor shows above the page, whose message line tells it already."""
    return gr.Error(words, visible=False, print_exception=False)
