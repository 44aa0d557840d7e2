"""One head for one query, taken apart into its two steps: scoring the keys, and combining the values."""

import torch

from model_runtime.attention import head_formula
from model_runtime.engine import Engine
from model_runtime.inside_head_records import InsideHead
from model_runtime.layer_weights import window_of
from model_runtime.moment import Moment
from model_runtime.recording import Recording
from model_runtime.records import Floats
from model_runtime.weights import softmax_with_sink


def inside_head(
    engine: Engine, recording: Recording, moment: Moment, layer: int, head: int, position: int
) -> InsideHead:
    """Every step from a query's vectors to the head's output.

    Raises:
        OutOfRange: There is no such layer, or no such head in it.
        FeatureUnavailable: The layer has no attention, or cannot be read.
    """
    formula = head_formula(engine, layer, head)
    alone = formula.only(head)
    shared = formula.key_value_head(head)
    keys, values = recording.keys[layer], recording.values[layer]
    assert keys is not None  # the layer attends
    assert values is not None
    with engine.running():
        own = recording.queries(layer, head)[position]
        query, key = own.float(), keys[shared, : position + 1].float()
        value = values[shared, : position + 1].float()
        products = query * key
        raw = products.sum(-1)
        scaled = raw * formula.scaling
        score = scaled if formula.softcap is None else torch.tanh(scaled / formula.softcap) * formula.softcap
        bias = None if alone.bias is None else alone.gained(position + 1)[0]
        score = score if bias is None else score + bias
        visible = recording.visible(layer, position, position + 1)[0, : position + 1]
        masked = score.masked_fill(~visible, torch.finfo(torch.float32).min)
        weights, sink = softmax_with_sink(masked[None, None], alone.sinks)
        weighted = weights[0, 0, :, None] * value
    off = {(one.layer, one.head): one.by for one in moment.ablations}
    return InsideHead(
        layer=layer,
        head=head,
        key_value_head=shared,
        shared_with=tuple(other for other in range(formula.heads) if formula.key_value_head(other) == shared),
        position=position,
        window=window_of(engine, layer),
        query=_plain(query),
        keys=_plain(key),
        products=_plain(products),
        raw_score=_plain(raw),
        scale=formula.scaling,
        scaled_score=_plain(scaled),
        softcap=formula.softcap,
        bias=None if bias is None else _plain(bias),
        score=_plain(score),
        visible=visible.cpu().numpy(),
        sink_score=None if alone.sinks is None else float(alone.sinks.detach()[0]),
        sink=float(sink[0, 0]),
        weights=_plain(weights[0, 0]),
        values=_plain(value),
        weighted_values=_plain(weighted),
        output=_plain(weighted.sum(0)),
        ablated=off.get((layer, head)),
        computed_from=str(own.dtype).removeprefix("torch."),
    )


def _plain(tensor: torch.Tensor) -> Floats:
    """The numbers on the CPU, in memory of their own."""
    result: Floats = tensor.float().cpu().numpy().copy()
    return result
