"""Records with numbers that can be checked by hand."""

import numpy as np

from model_runtime.cause_records import AblationScan
from model_runtime.head_records import HeadMosaic, HeadPairs, HeadRanking
from model_runtime.records import AttentionMap, Distribution, FilterStage, TokenTable

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


def key_value_heads() -> np.ndarray:
    """Three layers of four heads, two of which share keys and values; layer 1 has no attention."""
    return np.array([[0, 0, 1, 1], [-1, -1, -1, -1], [0, 0, 1, 1]])


def mosaic(hidden: bool = False) -> HeadMosaic:
    groups = key_value_heads()
    share = np.where(groups >= 0, 0.25, np.nan).astype(np.float32)
    ablated = np.zeros(groups.shape, bool)
    ablated[2, 3] = True
    return HeadMosaic(
        cells=np.arange(3 * 4 * 4, dtype=np.uint8).repeat(4).reshape(3, 4, 4, 4),
        scale="sqrt",
        edges=np.array([0, 2, 4, 6, 8]),
        exists=groups >= 0,
        key_value_head=groups,
        ablated=ablated,
        hidden_positions=(0,) if hidden else (),
        hidden=share if hidden else np.where(groups >= 0, 0, np.nan).astype(np.float32),
    )


def ranking() -> HeadRanking:
    """Weights that grow with the head's number."""
    groups = key_value_heads()
    weights = np.where(groups >= 0, np.arange(12).reshape(3, 4) / 16, np.nan).astype(np.float32)
    order = np.array([(2, 3), (2, 2), (2, 1), (2, 0), (0, 3), (0, 2), (0, 1), (0, 0)])
    rank = np.full(groups.shape, -1)
    rank[tuple(order.T)] = np.arange(8)
    share = np.where(groups >= 0, 0.5, np.nan).astype(np.float32)
    return HeadRanking(5, (1, 4), weights, rank, order, groups, np.zeros(groups.shape, bool), (0, 1), share)


def pairs() -> HeadPairs:
    weights = np.array([0.75, 0.5], np.float32)
    return HeadPairs(2, 1, np.array([4, 5]), np.array([2, 4]), weights, ())


def scan(done: int) -> AblationScan:
    change = np.full((3, 4), np.nan, np.float32)
    change[0] = [0.1, -0.3, 0.0, 0.2]
    if done == 8:
        change[2] = [0.0, 0.0, -0.5, 0.05]
    return AblationScan(7, " Tokyo<b>", "mean", 0.6, change, change * 2, done, 8)
