"""What is kept as it is costs no work, and the page is told of it as gradio tells it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from viz.components.base import KEPT
from viz.panels.guarded import GuardedBlocks

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of gradio and its server, about each other


class Counted(gr.JSON):
    """Counts what it is asked to turn into what a page gets."""

    asked = 0

    def postprocess(self, value: Any) -> Any:
        Counted.asked += 1
        return super().postprocess(value)


def answered(given: list[Any]) -> list[Any]:
    """What a page gets of an answer to a function with as many outputs."""
    with GuardedBlocks(analytics_enabled=False) as page:
        outputs = [Counted() for _ in given]
        page.load(lambda: None, None, outputs)
    (function,) = page.fns.values()
    Counted.asked = 0
    predictions = given if len(given) > 1 else given[0]
    answer = page.postprocess_data(function, predictions, SessionState(page))
    with ThreadPoolExecutor(1) as thread:  # a browser of other tests may have its loop on this one
        found: list[Any] = thread.submit(asyncio.run, answer).result()
    return found


@pytest.mark.parametrize(
    "given",
    [
        [{"a": 1}, KEPT, KEPT],
        [KEPT, {"a": 1}, KEPT, [2]],
        [KEPT, KEPT],
        [{"a": 1}, {"b": 2}],
        [{"a": 1}],
    ],
)
def test_the_page_is_told_what_gradio_would_tell_it(given: list[Any]) -> None:
    found = answered(given)
    assert Counted.asked == sum(one is not KEPT for one in given)
    assert found == answered([gr.skip() if one is KEPT else one for one in given])
