"""What our components share: a constant template and a script from files, and a value made of plain JSON."""

from typing import Any, Final

import gradio as gr

from viz.components import assets
from viz.sentences import templates

#: What a component is given in an answer that leaves it as it is. `gradio.skip()` says the same to the page, but the
#: server then makes the component anew, for every visitor and every answer: 1.5 ms and some kilobytes for each. The
#: page's `GuardedBlocks` passes over what is given this.
KEPT: Final = object()


class Drawn(gr.HTML):
    """A component whose constant template is filled in by its script from `value`, a JSON payload.

    The template is never touched again, so that its elements (and their focus and scroll position) outlive every
    update; and it holds no placeholders, so that no value can become markup. Its sentences, written `[[Step]]`, are
    those of the page's language when the component is made.

    Attributes:
        files: The name of the .html and .js files beside this one.
    """

    files = ""

    def __init__(self, value: Any = None, **settings: Any) -> None:
        # Gradio rebuilds a component from its config, which repeats what is fixed here.
        for fixed in ("html_template", "js_on_load", "apply_default_css"):
            settings.pop(fixed, None)
        super().__init__(
            value=value,
            html_template=templates.fill(assets.read(f"{self.files}.html")),
            js_on_load=assets.read(f"{self.files}.js"),
            apply_default_css=False,
            **settings,
        )

    def api_info(self) -> dict[str, Any]:
        """The value is JSON of any kind."""
        return {"type": "object"}
