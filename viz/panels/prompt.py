"""The prompt: a text box that grows, examples, raw or chat, Start."""

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from viz.components.regions import Examples
from viz.sentences import later, say


@dataclass(frozen=True)
class Example:
    """A prompt worth looking at; `steps` is what Play is set to with it, None to leave that."""

    title: str
    text: str
    chat: bool = False
    steps: int | None = None


_GARDEN = "Write an email apologizing to Sarah for the tragic gardening mishap. Explain how it happened."
_REPORT = "Write an email to the university about the late report."

EXAMPLES: Final = (
    Example(later("A fact: the capital of Japan"), "The capital of Japan is"),
    Example(later("A fact: the capital of France"), "The capital of France is"),
    Example(later("A language"), "In Brazil, people speak"),
    Example(later("A currency"), "In Mexico, people pay with the"),
    Example(later("A famous title"), "The Shawshank"),
    Example(later("Who gets the drink?"), "When Mary and John went to the store, John gave a drink to"),
    Example(later("What was fast?"), "The dog chased the squirrel because it was fast. What was fast? The"),
    Example(later("Copying a made-up word"), "A zorblax is a small animal. My friend has never seen a"),
    Example(later("Copying a code"), "The code of the door is 4 7 1. The next day the code was"),
    Example(later("The days of the week"), "Monday, Tuesday, Wednesday,"),
    Example(later("A story begins"), "Once upon a time, there was a little girl named Lily."),
    Example(later("A story, as a chat message"), "Tell me a story about a fox and a kite.", chat=True),
    Example(later("An apology, as the book asks for it"), _GARDEN),
    Example(later("An apology, as a chat message"), _GARDEN, chat=True),
    Example(later("A late report, up to 500 tokens"), _REPORT, steps=500),
    Example(later("A late report, as a chat message"), _REPORT, chat=True, steps=500),
    Example(later("A short question, as a chat message"), "What is the opposite of hot?", chat=True),
)


@dataclass(frozen=True)
class Prompt:
    """The prompt's widgets."""

    text: gr.Textbox
    mode: gr.Radio
    examples: Examples
    start: gr.Button


def build() -> Prompt:
    """Lays the prompt out."""
    with gr.Row(elem_classes="ts-prompt-row", equal_height=True):
        text = gr.Textbox(
            EXAMPLES[0].text,
            lines=1,
            max_lines=5,
            label=say("prompt"),
            show_label=False,
            placeholder=say("Type a text for the model to go on from"),
            elem_id="prompt",
            container=False,
            scale=6,
            min_width=260,
        )
        mode = gr.Radio(
            [(say("raw"), "raw"), (say("chat"), "chat")],
            value="raw",
            label=say("kind of prompt"),
            show_label=False,
            container=False,
            elem_id="mode",
            scale=0,
            min_width=130,
        )
        examples = Examples([say(example.title) for example in EXAMPLES], elem_id="examples", elem_classes="ts-fit")
        start = gr.Button(say("Start  Ctrl+↵"), variant="primary", elem_id="start", scale=0, min_width=130)
    start.click(None, js="() => { window.tokenscope.act('start'); }", queue=False, show_progress="hidden")
    return Prompt(text, mode, examples, start)


def offer(prompt: Prompt, steps: gr.Number) -> None:
    """Lets a chosen example fill the prompt's widgets and the number of tokens to play in, and begin."""
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
    filled = [prompt.text, prompt.mode, steps]
    chosen = prompt.examples.pick(_fill, None, filled, api_visibility="private", **quiet)
    chosen.then(None, js="() => { window.tokenscope.act('start'); }", **quiet)


def _fill(event: gr.EventData) -> tuple[Any, Any, Any]:
    data: Any = event._data
    index = data.get("index") if isinstance(data, dict) else None
    example = EXAMPLES[index if isinstance(index, int) and 0 <= index < len(EXAMPLES) else 0]
    return example.text, "chat" if example.chat else "raw", gr.skip() if example.steps is None else example.steps
