"""The transport: Back, Step, Play and Stop, decoding, branches, and the box that appends text."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from viz.components.regions import Branches, DecodingForm
from viz.panels.actions import describe_decoding, write_decoding
from viz.panels.scene import Scene
from viz.sentences import say

MOST_STEPS = 1000
_PREVIEW = 60


@dataclass(frozen=True)
class Transport:
    """The transport's widgets."""

    steps: gr.Number
    append: gr.Textbox
    decoding: DecodingForm
    branches: Branches


def build() -> Transport:
    """Lays the transport out."""
    caption = escape(say("tokens"))
    with gr.Row(elem_classes="ts-transport"):
        _button(say("◀ Back  ←"), "back", "act('back')")
        _button(say("Step  →"), "step", "act('step')", primary=True)
        _button(say("▶ Play  P"), "play", "act('play')")
        _button(say("■ Stop  P"), "stop", "stop()")
        steps = gr.Number(
            50,
            label=say("up to this many tokens"),
            show_label=False,
            precision=0,
            minimum=1,
            maximum=MOST_STEPS,
            container=False,
            elem_id="steps",
            min_width=70,
            scale=0,
        )
        gr.HTML(
            f'<label class="ts-caption">{caption}</label>',
            elem_classes="ts-fit",
            apply_default_css=False,
        )
        decoding = DecodingForm(elem_id="decoding", elem_classes="ts-fit")
        branches = Branches(elem_id="branches", elem_classes="ts-grow")
        append = gr.Textbox(
            label=say("append text"),
            show_label=False,
            placeholder=say("append text, then Enter"),
            elem_id="append",
            container=False,
            max_lines=1,
            min_width=180,
            scale=0,
        )
    append.submit(
        lambda text: "",
        append,
        append,
        js="(text) => { window.tokenscope.act('append', { text }); return text; }",
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return Transport(steps, append, decoding, branches)


def _button(label: str, name: str, script: str, *, primary: bool = False) -> None:
    """A button whose click is an action of the page's queue."""
    button = gr.Button(
        label, elem_id=name, variant="primary" if primary else "secondary", size="sm", scale=0, min_width=92
    )
    button.click(None, js=f"() => {{ window.tokenscope.{script}; }}", queue=False, show_progress="hidden")


def draw_decoding(scene: Scene) -> dict[str, Any]:
    """Returns the payload of the decoding settings."""
    decoding = scene.moment.decoding
    return {"settings": write_decoding(decoding), "summary": describe_decoding(decoding)}


def draw_branches(scene: Scene) -> dict[str, Any]:
    """Returns the payload of the branch list; the preview shows the end of the present text only."""
    count = len(scene.view.branches)
    preview = "".join(scene.labels)[-_PREVIEW:]
    return {
        "names": [say("main"), *(str(index + 1) for index in range(1, count))],
        "previews": [preview if index == scene.view.branch else "" for index in range(count)],
        "current": scene.view.branch,
    }
