"""Which control an error is about."""

from typing import Final

from model_runtime.errors import (
    BadDecoding,
    ContextFull,
    EmptyPrompt,
    GpuUnavailable,
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
# Likewise, where there is no GPU for it: of the actions that run new tokens and cannot be refused in another way.
_CALLING: Final[dict[str, str]] = {"start": "start", "step": "step", "play": "play", "take": "next-token"}


def place_of(error: TokenscopeError, name: str) -> str:
    """Returns the element id of the control that an action's error is about, "" where there is none."""
    place = _PLACES.get(name, "")
    if isinstance(error, GpuUnavailable):
        return _CALLING.get(name, place)
    if name == "start" and not isinstance(error, EmptyPrompt | ContextFull | NoChatTemplate | OutOfRange):
        place = ""
    return "decoding" if isinstance(error, BadDecoding) and not place else place
