"""The MLP neurons of one layer that added most to a logit."""

import numpy as np
import torch

from model_runtime.contributions import Direction, pulled
from model_runtime.engine import Engine
from model_runtime.errors import FeatureUnavailable
from model_runtime.frozen import freeze, plain
from model_runtime.part_records import NeuronTable
from model_runtime.replay import PartReplay, Replay
from model_runtime.vocabulary import Vocabulary


def neuron_table(
    engine: Engine, replay: Replay, direction: Direction, vocabulary: Vocabulary, layer: int, top: int, tokens: int
) -> NeuronTable:
    """The table of one layer.

    Args:
        engine: The model.
        replay: The position.
        direction: The number that is split.
        vocabulary: Gives the texts.
        layer: Block index.
        top: The most neurons to list.
        tokens: How many tokens to list that each promotes, and as many that it suppresses.

    Raises:
        FeatureUnavailable: The layer's MLP has no neurons that can be told apart.
    """
    part, scale, reading = _readable(engine, replay, layer, direction)
    assert part.given is not None  # a part with a projection was seen to take something
    activation = plain(part.given)
    values = activation * reading  # [neuron]
    total = float(plain(part.written) @ direction.stream)
    rows = np.argsort(-values.abs().numpy(), kind="stable")[:top]
    effects = _effects(part, scale, direction, rows, activation)  # [row, vocabulary]
    high, low = effects.topk(min(tokens, effects.shape[1])), (-effects).topk(min(tokens, effects.shape[1]))
    chosen = values[torch.from_numpy(rows)]
    return NeuronTable(
        question=direction.question,
        layer=layer,
        count=len(activation),
        neuron=rows,
        activation=activation.numpy()[rows].astype(np.float32),
        value=chosen.numpy().astype(np.float32),
        promoted_ids=high.indices.cpu().numpy(),
        promoted_text=_texts(high.indices, vocabulary),
        promoted=high.values.cpu().numpy(),
        suppressed_ids=low.indices.cpu().numpy(),
        suppressed_text=_texts(low.indices, vocabulary),
        suppressed=-low.values.cpu().numpy(),
        others=float(values.sum() - chosen.sum()),
        bias=total - float(values.sum()),
        total=total,
    )


def _readable(
    engine: Engine, replay: Replay, layer: int, direction: Direction
) -> tuple[PartReplay, float, torch.Tensor]:
    """A layer's MLP, its block's scale, and what reads the number before the MLP's output projection."""
    parts, part = engine.writers[layer], replay.mlp[layer]
    if parts is None:
        raise FeatureUnavailable(f"L{layer} does not split into attention and MLP, so it has no neurons to list.")
    if part is None:
        raise FeatureUnavailable(f"L{layer} has no MLP. Choose another layer.")
    reading = pulled(part, parts.scale, direction.stream)
    if reading is None:
        raise FeatureUnavailable(
            f"The MLP of L{layer} ends in no single matrix (it mixes experts, for one), so its neurons cannot be "
            "listed. Choose another layer or model."
        )
    return part, parts.scale, reading


def _effects(
    part: PartReplay, scale: float, direction: Direction, rows: np.ndarray, activation: torch.Tensor
) -> torch.Tensor:
    """[row, vocabulary] by how many logits each neuron raises each token, against the mean over the vocabulary."""
    projection = part.writer.projection
    assert projection is not None  # the direction was pulled through it
    columns = plain(projection.matrix()[:, torch.from_numpy(rows)]).T  # [row, width]
    written = columns * activation[torch.from_numpy(rows), None]
    if part.writer.norm is not None and part.projected is not None:
        frozen = freeze(part.writer.norm, part.projected)
        assert frozen is not None  # as above
        written = frozen.forth(written)
    effects = direction.held.logits(written * scale)
    return effects - effects.mean(-1, keepdim=True)


def _texts(ids: torch.Tensor, vocabulary: Vocabulary) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(vocabulary.text(token) for token in row) for row in ids.tolist())
