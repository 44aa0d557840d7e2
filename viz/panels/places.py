"""Which control an error is about."""

from typing import Final

from model_runtime.errors import (
    BadDecoding,
    ContextFull,
    EmptyPrompt,
    NoChatTemplate,
    OutOfRange,
    TokenscopeError,
)

# The control that an action comes from, by its element id.
_PLACES: Final[dict[str, str]] = {
    "start": "prompt",
    "append": "append",
    "decode": "decoding",
    "show": "model-picker",
    "follow": "lens-follow",
    "patching": "patching-run",
    "steer": "steer-form",
    "playground": "choosing-form",
    "beams": "beams-run",
    "entry": "embeddings-search",
}


def place_of(error: TokenscopeError, name: str) -> str:
    """Returns the element id of the control that an action's error is about, "" where there is none."""
    place = _PLACES.get(name, "")
    if name == "start" and not isinstance(error, EmptyPrompt | ContextFull | NoChatTemplate | OutOfRange):
        place = ""
    return "decoding" if isinstance(error, BadDecoding) and not place else place
