"""Which tokens a part of a prompt became, and what attention it gets."""

import numpy as np
import torch

from model_runtime.engine import Engine
from model_runtime.layer_weights import Rows, all_rows, attending, rows_at
from model_runtime.prompt_part_records import (
    FIRST,
    GROUPS,
    JOINED_BY,
    PART_NAMES,
    SINK,
    TEMPLATE,
    WRITTEN,
    Composition,
    PartAttention,
    PartSpans,
)
from model_runtime.recording import Recording
from model_runtime.records import Floats, Integers


def part_of_tokens(pieces: list[bytes], composition: Composition) -> Integers | None:
    """Finds the part that each token of a prompt belongs to.

    Args:
        pieces: [token] the bytes of each.
        composition: The parts that the prompt was made of.

    Returns:
        [token] as in `PartSpans`; None where the tokens do not spell the composed text.
    """
    whole = b"".join(pieces)
    begins = whole.find(composition.text().encode())
    if begins < 0:
        return None
    owner = np.full(len(whole), -1, np.int64)  # of each byte
    at = begins
    for index in composition.present:
        size = len(composition.texts[index].strip().encode())
        owner[at : at + size] = index
        at += size + len(JOINED_BY)
    part = np.full(len(pieces), -1, np.int64)
    at = 0
    for token, piece in enumerate(pieces):
        owners = owner[at : at + len(piece)]
        counts = np.bincount(owners[owners >= 0], minlength=len(PART_NAMES))
        if counts.sum():
            part[token] = counts.argmax()
        at += len(piece)
    return part


def spans_of(part: Integers, tokens: int, chat: bool) -> PartSpans:
    """The spans of a whole text.

    Args:
        part: [token] of the prompt.
        tokens: Of the whole text.
        chat: Whether the prompt stands in the chat template.
    """
    whole = np.concatenate([part, np.full(tokens - len(part), -1, np.int64)])
    return PartSpans(whole, np.bincount(part[part >= 0], minlength=len(PART_NAMES)), chat)


def part_attention(engine: Engine, recording: Recording, spans: PartSpans, prompt: int, position: int) -> PartAttention:
    """The attention that goes to each part.

    Args:
        engine: The model.
        recording: The text's.
        spans: Its parts.
        prompt: Tokens of the prompt.
        position: The token that looks.
    """
    group = _groups(spans, prompt)
    shape = (len(engine.anatomy.layers), len(GROUPS))
    here, average = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    first = prompt - 1
    with engine.running():
        for layer in attending(engine, recording):
            here[layer] = _shares(rows_at(engine, recording, layer, [position]), group)[0]
            parts = [_shares(rows, group) for rows in all_rows(engine, recording, layer, first)]
            average[layer] = np.concatenate(parts).mean(0)
    seen = np.bincount(group[: position + 1], minlength=len(GROUPS)).astype(np.float32)
    return PartAttention(
        spans=spans,
        position=position,
        here=here,
        average=average,
        averaged=len(recording.ids) - first,
        uniform=seen / seen.sum(),
    )


def _groups(spans: PartSpans, prompt: int) -> Integers:
    """[token] the group that attention to it counts for."""
    group = spans.part.copy()
    group[group < 0] = TEMPLATE
    group[prompt:] = WRITTEN
    group[0] = FIRST
    return group


def _shares(rows: Rows, group: Integers) -> Floats:
    """[query, group] the mean over heads of what goes to each group."""
    weights = rows.weights.mean(0)  # [query, key]
    shares = weights.new_zeros(len(weights), len(GROUPS))
    index = torch.from_numpy(group[: weights.shape[1]]).to(weights.device)
    shares.index_add_(1, index, weights)
    shares[:, SINK] = rows.sink.mean(0)
    result: Floats = shares.cpu().numpy()
    return result
