"""What Tokenscope answers beside what stock transformers computes, and by how much the two differ."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from model_runtime import FeatureUnavailable, Moment
from model_runtime.anatomy import dissect
from model_runtime.model import Model

Array = NDArray[np.float32]

TOKENS = 24
PREFILL = 15
BOUND = 1e-5


@dataclass(frozen=True)
class Answers:
    """Per layer [head, query, key] or None; [stream, token, width]; [token, vocabulary]."""

    attention: tuple[Array | None, ...]
    streams: Array
    probability: Array


def some_ids(count: int, vocabulary: int, seed: int = 1) -> tuple[int, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(3, vocabulary, (count,), generator=generator).tolist())


def moment_of(model: Model, ids: tuple[int, ...], prompt: int | None = None) -> Moment:
    return replace(model.begin("x"), ids=ids, prompt_length=prompt or len(ids))


def stock_answers(stock: PreTrainedModel, ids: tuple[int, ...]) -> Answers:
    """One uncached pass of stock eager attention."""
    final: list[torch.Tensor] = []

    def keep(module: object, args: object, output: object) -> None:
        final.append(output[0] if isinstance(output, tuple) else output)  # type: ignore[index]

    hook = dissect(stock).layers[-1].register_forward_hook(keep)
    with torch.no_grad():
        output = stock(torch.tensor([ids]), use_cache=False, output_attentions=True, output_hidden_states=True)
    hook.remove()
    streams = [*output.hidden_states[:-1], final[0]]  # transformers gives the last one after the norm
    rows = output.attentions or ()
    return Answers(
        attention=tuple(None if row is None else row[0].numpy() for row in rows),
        streams=np.stack([stream[0].numpy() for stream in streams]),
        probability=output.logits[0].softmax(-1).numpy(),
    )


def stepped_answers(model: Model, ids: tuple[int, ...], prefill: int = PREFILL) -> Answers:
    """A prefill and cached single steps, as a person goes through a text."""
    return answers(model, stepped(model, ids, prefill))


def stepped(model: Model, ids: tuple[int, ...], prefill: int = PREFILL) -> Moment:
    """The moment at the end of a prefill and single steps."""
    moment = moment_of(model, ids[:prefill])
    for token in ids[prefill:]:
        model.tokens(moment)
        moment = model.step(moment, take=token)
    return moment


def answers(model: Model, moment: Moment) -> Answers:
    layers, heads = model.card().layers, model.card().heads
    attention: list[Array | None] = []
    for layer in range(layers):
        try:
            attention.append(np.stack([model.attention(moment, layer, head).weights for head in range(heads)]))
        except FeatureUnavailable:
            attention.append(None)
    rows = [model.distribution(moment, position, top=None) for position in range(len(moment.ids))]
    return Answers(
        attention=tuple(attention),
        streams=np.stack([model.hidden(moment, stream) for stream in range(layers + 1)]),
        probability=np.stack([row.raw[np.argsort(row.ids)] for row in rows]),
    )


def differences(found: Answers, expected: Answers) -> dict[str, float]:
    """The largest difference of each quantity as a share of its largest value; attention by its worst layer."""
    errors = {
        "streams": max(_error(mine, theirs) for mine, theirs in zip(found.streams, expected.streams, strict=True)),
        "probability": _error(found.probability, expected.probability),
    }
    mine = [weights for weights in found.attention if weights is not None]
    if mine:  # transformers lists only the layers that have attention
        theirs = [weights for weights in expected.attention if weights is not None]
        errors["attention"] = max(_error(own, other) for own, other in zip(mine, theirs, strict=True))
    return errors


def _error(found: Array, expected: Array) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())
