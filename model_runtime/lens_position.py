"""The logit lens at one position: some tokens followed through the layers, or one cell in full."""

from collections.abc import Sequence

import numpy as np
import torch

from model_runtime.engine import Engine
from model_runtime.lens import divergences
from model_runtime.lens_records import LensCell, LensCurves
from model_runtime.recording import Place, Recording
from model_runtime.token_statistics import entropies, ranks
from model_runtime.vocabulary import Vocabulary


def lens_curves(
    engine: Engine, recording: Recording, vocabulary: Vocabulary, ids: Sequence[int], position: int, middle: bool
) -> LensCurves:
    """Tokens followed from the first stream to the output."""
    blocks = len(engine.anatomy.layers)
    halves = range(2 * blocks + 1) if middle else range(0, 2 * blocks + 1, 2)
    places: list[Place] = [(half // 2, half % 2 == 1) for half in halves]
    chosen = torch.tensor(ids, dtype=torch.long, device=engine.model.device)
    with engine.running():
        logits = engine.unembed(recording, places, position, position + 1)[:, 0]  # [row, vocabulary]
        probability = logits.softmax(-1)[:, chosen].T
        rank = [ranks(logits, token.expand(len(logits))).cpu().numpy() for token in chosen]
    return LensCurves(
        position=position,
        row=np.array([half / 2 for half in halves], np.float32),
        ids=np.array(ids, np.int64),
        text=tuple(vocabulary.text(token) for token in ids),
        probability=probability.cpu().numpy(),
        rank=np.array(rank, np.int64).reshape(len(ids), len(places)),
        vocabulary_size=logits.shape[1],
    )


def lens_cell(
    engine: Engine, recording: Recording, vocabulary: Vocabulary, place: Place, position: int, top: int
) -> LensCell:
    """One cell beside the output."""
    output: Place = (len(engine.anatomy.layers), False)
    with engine.running():
        logits = engine.unembed(recording, [place, output], position, position + 1)[:, 0]  # [2, vocabulary]
        order = logits.argsort(dim=-1, descending=True, stable=True)  # equals by id
        counted = torch.arange(order.shape[1], device=order.device).expand_as(order)
        rank = torch.empty_like(order).scatter_(1, order, counted)  # a second sort would give the same, slowly
        listed = order[:, :top].unique()
        listed = listed[rank[0, listed].argsort()]
        logarithm = logits.log_softmax(-1)
        probability = logarithm.exp()
        shown = probability[:, listed].cpu().numpy()
        places = rank[:, listed].cpu().numpy()
        entropy = entropies(probability, logarithm).tolist()
        divergence = divergences(logarithm[1], logarithm[0]).item()
    ids = listed.cpu().numpy()
    return LensCell(
        position=position,
        stream=place[0],
        middle=place[1],
        ids=ids,
        text=tuple(vocabulary.text(int(token)) for token in ids),
        probability=shown[0],
        final=shown[1],
        rank=places[0],
        final_rank=places[1],
        entropy=entropy[0],
        final_entropy=entropy[1],
        divergence=divergence,
        vocabulary_size=logits.shape[1],
    )
