"""Records with numbers that can be checked by hand."""

import numpy as np

from model_runtime.records import AttentionMap, Distribution, FilterStage, LensGrid, TokenTable

TEXT = ("<s>", " The", " cat", "\n", "</script>", " sat")


def tokens() -> TokenTable:
    count = len(TEXT)
    surprisal = np.array([np.nan, 0.0, 0.5, 1.0, 2.0, 9.0], np.float32)
    return TokenTable(
        ids=np.arange(10, 10 + count),
        text=TEXT,
        bytes=tuple(text.encode() for text in TEXT),
        surprisal=surprisal,
        rank=np.array([-1, 0, 1, 2, 3, 40]),
        entropy=np.array([np.nan, 1, 2, 3, 4, 5], np.float32),
        special=np.array([True, False, False, False, False, False]),
        prompt_length=3,
    )


def distribution(count: int = 24, chosen: int | None = None, choice: int = 0) -> Distribution:
    """Halving probabilities over a vocabulary of 100; top-k 2 cut all but the first two."""
    raw = (0.5 ** np.arange(1, count + 1)).astype(np.float32)
    final = np.where(np.arange(count) < 2, raw / raw[:2].sum(), 0).astype(np.float32)
    removed = np.arange(count) >= 2
    return Distribution(
        position=5,
        ids=np.arange(count),
        text=tuple(f" {index}" for index in range(count)),
        raw=raw,
        final=final,
        logits=np.log(raw),
        stages=(FilterStage("top_k", 2.0, final, removed, 98, 2),),
        chosen=chosen,
        choice=choice,
        entropy=1.25,
        vocabulary_size=100,
        other_raw=float(1 - raw.sum(dtype=np.float64)),
        other_final=0.0,
    )


def attention(count: int = 6) -> AttentionMap:
    visible = np.tril(np.ones((count, count), bool))
    weights = np.random.default_rng(0).random((count, count)).astype(np.float32) * visible
    weights /= weights.sum(axis=1, keepdims=True)
    return AttentionMap(3, 5, 2, weights, visible, np.zeros(count, np.float32), 4, "bfloat16")


def lens(streams: int = 4, count: int = 6) -> LensGrid:
    random = np.random.default_rng(1)
    ids = random.integers(0, 9, (streams, count))
    probability = random.random((streams, count)).astype(np.float32)
    return LensGrid(
        ids=ids,
        probability=probability,
        top_ids=ids[..., None].copy(),
        top_probability=probability[..., None].copy(),
        target_ids=ids[-1].copy(),
        target_rank=random.integers(0, 9, (streams, count)),
        target_probability=probability.copy(),
        vocabulary={index: f"<{index}>" for index in range(9)},
    )
