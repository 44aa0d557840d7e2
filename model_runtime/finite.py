"""Whether a model computed numbers at all: a broken file or float16's narrow range makes NaN of them."""

import math

import torch

from model_runtime.engine import Engine
from model_runtime.errors import NotFinite
from model_runtime.recording import Recording


def require_finite(engine: Engine, recording: Recording, logits: torch.Tensor, position: int) -> None:
    """Refuses logits that no probabilities follow from. Minus infinity is a token that the model forbids.

    Args:
        engine: The model.
        recording: Of the text.
        logits: [vocabulary] after a position of it.
        position: Which.

    Raises:
        NotFinite: A logit is NaN or infinite, or all are minus infinity.
    """
    if math.isfinite(float(logits.max())):  # NaN is the largest to torch
        return
    counts = (("NaN", torch.isnan(logits)), ("infinity", torch.isposinf(logits)), ("-infinity", torch.isneginf(logits)))
    found = [f"{name} for {int(which.sum())}" for name, which in counts if which.any()]
    raise NotFinite(
        f"The model computed {' and '.join(found)} of {logits.numel()} logits after position {position}, so no token "
        f"can be chosen there. {_where(engine, recording, position)} Its files are damaged, or its numbers do not fit "
        f"into {str(engine.model.dtype).removeprefix('torch.')}: get the files again, or load it in another dtype, "
        "such as dtype='float32'."
    )


def _where(engine: Engine, recording: Recording, position: int) -> str:
    """In which block the numbers went wrong, as far as the streams can be read."""
    if not engine.keep_streams:
        return "In which block it began cannot be read from this model."
    blocks = len(engine.anatomy.layers)
    with engine.running():
        sound = [bool(recording.streams(at, position, position + 1).isfinite().all()) for at in range(blocks + 1)]
    if all(sound):
        return f"All {blocks} blocks are sound: it happens after them, in the final norm or the output head."
    first = sound.index(False)
    return (
        "Its embedding is not finite there already."
        if first == 0
        else (
            f"The first block whose stream is not finite is block {first - 1}; what comes before it can be looked at."
        )
    )
