"""The page: puts the regions together."""

from typing import Any

import gradio as gr

from viz.components import assets
from viz.components.regions import MessageLine, Session, TabBar
from viz.panels import ablation, events, header, next_token, prompt, sink, strip, transport, walk
from viz.panels.answers import Desk
from viz.panels.api import endpoints
from viz.panels.guarded import GuardedBlocks
from viz.panels.limits import NO_LIMITS, Limits
from viz.panels.models import Models
from viz.panels.opening import Opening
from viz.panels.tabs import ALL, GROUPS
from viz.sentences import say


def build_page(models: Models, limits: Limits = NO_LIMITS) -> gr.Blocks:
    """Builds the page over its models, within what visitors may take."""
    gr.set_static_paths(list(assets.PLOTLY.values()))
    page: gr.Blocks = GuardedBlocks(title="Tokenscope", fill_width=True, analytics_enabled=False)
    with page:
        outputs: dict[str, Any] = {"session": Session(elem_classes="ts-session-block")}
        head, text, controls = header.build(models), prompt.build(), transport.build()
        prompt.offer(text, controls.steps)
        outputs |= {"picker": head.picker, "loading": head.loading, "facts": head.facts}
        outputs |= {"prompt": text.text, "mode": text.mode}
        outputs |= {"decoding": controls.decoding, "branches": controls.branches}
        outputs |= {"strip": strip.build(), "off": ablation.build_off()}
        with gr.Row(elem_classes="ts-panels"):
            with gr.Column(scale=4, min_width=320, elem_classes="ts-left"):
                outputs["next_token"] = next_token.build()
            with gr.Column(scale=8, min_width=320, elem_classes="ts-right"):
                outputs["walk"] = walk.build(text, controls)
                outputs |= _build_tabs()
        outputs["message"] = MessageLine(elem_id="message")
        desk, opening = Desk(models, limits), Opening(models)
        events.connect(page, desk, controls.steps, outputs)
        events.connect_loading(opening, outputs)
        events.connect_visits(page, desk.visits, opening)
        endpoints.build(page, models, limits)
    return page


def _build_tabs() -> dict[str, Any]:
    """Builds the bar of tabs and the tabs; the bar shows and hides them, and only the open one is computed."""
    named = [[say(title), [[tab.name, say(tab.title)] for tab in tabs]] for title, tabs in GROUPS]
    TabBar({"groups": named}, elem_id="tabs")
    outputs: dict[str, Any] = {"sink": sink.build()}
    for tab in ALL:
        with gr.Column(elem_id=f"panel-{tab.name}", elem_classes="ts-tab-panel"):
            outputs |= tab.build()
    return outputs
