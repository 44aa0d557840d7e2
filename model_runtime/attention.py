"""The exact attention weights of one head, computed from what was recorded."""

import torch

from model_runtime.engine import Engine
from model_runtime.errors import FeatureUnavailable, OutOfRange
from model_runtime.layer_weights import window_of
from model_runtime.recording import Recording
from model_runtime.records import AttentionMap
from model_runtime.weights import Formula, scores_of, softmax_with_sink


def attention_map(
    engine: Engine, recording: Recording, layer: int, head: int, begin: int = 0, end: int | None = None
) -> AttentionMap:
    """One head from the queries at positions begin to end - 1, by default over the whole text.

    Raises:
        OutOfRange: There is no such layer, or no such head in it.
        FeatureUnavailable: The layer has no attention, or cannot be read.
    """
    formula, keys = head_formula(engine, layer, head), recording.keys[layer]
    assert keys is not None  # the layer attends
    end = len(recording.ids) if end is None else end
    query = recording.queries(layer, head, begin, end)
    shared = formula.key_value_head(head)
    with engine.running():
        visible = recording.visible(layer, begin, end)[:, :end]
        alone = formula.only(head)
        scores = scores_of(query[None], keys[shared, :end][None], alone, visible)
        weights, sink = softmax_with_sink(scores, alone.sinks)
    return AttentionMap(
        layer=layer,
        head=head,
        key_value_head=shared,
        weights=weights[0].cpu().numpy(),
        visible=visible.cpu().numpy(),
        sink=sink[0].cpu().numpy(),
        window=window_of(engine, layer),
        computed_from=str(query.dtype).removeprefix("torch."),
        begin=begin,
    )


def head_formula(engine: Engine, layer: int, head: int) -> Formula:
    """How the weights of one head follow from queries and keys.

    Raises:
        OutOfRange: There is no such layer, or no such head in it.
        FeatureUnavailable: The layer has no attention, or cannot be read.
    """
    formulas = engine.recorder.formulas
    if not 0 <= layer < len(formulas):
        raise OutOfRange(f"Layer {layer} does not exist; this model has layers 0 to {len(formulas) - 1}.")
    formula = formulas[layer]
    if layer in engine.recorder.unreadable:
        raise FeatureUnavailable(f"The attention of L{layer} cannot be read: {engine.recorder.unreadable[layer]}.")
    if formula is None:
        raise FeatureUnavailable(f"L{layer} has no attention; it mixes tokens in another way. Choose another layer.")
    if not 0 <= head < formula.heads:
        raise OutOfRange(f"Head {head} of L{layer} does not exist; the layer has heads 0 to {formula.heads - 1}.")
    return formula


def head_weights(
    engine: Engine, layer: int, query: torch.Tensor, keys: torch.Tensor, visible: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """All heads of a layer at once, for the self-check: weights [head, query, key] and sink shares [head, query].

    Args:
        engine: The model.
        layer: Block index.
        query: [head, query, head width].
        keys: [key/value head, key, head width].
        visible: Boolean [query, key].
    """
    formula = engine.recorder.formulas[layer]
    assert formula is not None  # asked only of layers that attended
    repeated = keys.repeat_interleave(formula.heads // formula.key_value_heads, dim=0)
    return softmax_with_sink(scores_of(query, repeated, formula, visible), formula.sinks)
