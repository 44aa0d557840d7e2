"""Programs take turns with the page's visitors."""

from typing import Any

import gradio as gr
import pytest

from model_runtime import turns
from viz.panels.api.asking import told


def question(text: str) -> str:
    """Says who asks."""
    return turns._VISITOR.get()


@pytest.mark.parametrize(
    ("headers", "visitor"), [({}, "page7"), ({"mcp-session-id": "m1", "mcp-protocol-version": "2025-06-18"}, "m1")]
)
def test_who_asks_is_known_to_the_turns(headers: dict[str, Any], visitor: str) -> None:
    request = gr.Request(headers=headers, session_hash="page7")
    assert told(question)(request, "x") == visitor
    assert turns._VISITOR.get() == ""
