"""The component about prompts made of parts."""

from viz.components.base import Drawn


class PromptPartsView(Drawn):
    """A prompt and its parts. Value: what `viz.panels.prompt_parts.draw` returns; {"scan": ...} as it gets on."""

    files = "prompt_parts"
