"""The book's experiment: the same generation with the KV cache and without, token by token side by side."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from transformers import DynamicCache

from model_runtime.cache_records import CacheTiming
from model_runtime.engine import Engine
from model_runtime.stopwatch import timed
from model_runtime.token_statistics import first_best


class _Run:
    """One greedy generation by the plain model: no tape runs, so nothing is recorded and nothing changed."""

    def __init__(self, engine: Engine, ids: Sequence[int], cached: bool) -> None:
        self._engine, self.ids = engine, list(ids)
        self._cache = DynamicCache(config=engine.anatomy.config) if cached else None
        # As `generate` does, with and without its cache: only the last position's logits are wanted.
        keep = "logits_to_keep" in inspect.signature(engine.model.forward).parameters
        self._last = {"logits_to_keep": 1} if keep else {}

    def step(self) -> int:
        """One more token. End tokens do not end it, so that runs of one length can be compared."""
        begin = 0 if self._cache is None else self._cache.get_seq_length()
        part = torch.tensor([self.ids[begin:]], device=self._engine.model.device)
        output = self._engine.model(part, past_key_values=self._cache, use_cache=self._cache is not None, **self._last)
        token = int(first_best(output.logits[:, -1].float())[0])
        self.ids.append(token)
        return token


def time_cache(
    engine: Engine,
    lock: AbstractContextManager[object],
    ids: tuple[int, ...],
    tokens: int,
    text: Callable[[int], str],
) -> Iterator[CacheTiming]:
    """Times each token of both runs: they take turns, and take turns in being the first.

    One step of each is run before and not counted: what a device does once belongs to neither.

    Args:
        engine: The model.
        lock: The model's; held only for one token at a time, so that others can ask in between.
        ids: The text to go on from.
        tokens: How many tokens each run writes.
        text: A token as the tokenizer decodes it.

    Yields:
        What is known so far; the last is whole.
    """
    device = engine.model.device
    for cached in (True, False):
        with lock, engine.running():
            _Run(engine, ids, cached).step()
    runs = [_Run(engine, ids, cached) for cached in (True, False)]
    seconds = np.zeros((2, tokens), np.float32)
    for done in range(tokens):
        for index in (0, 1) if done % 2 == 0 else (1, 0):
            with lock, engine.running():
                _, seconds[index, done] = timed(device, runs[index].step)
        written = np.array([run.ids[len(ids) :] for run in runs])
        yield CacheTiming(
            start=len(ids),
            total=tokens,
            seconds=seconds[:, : done + 1].copy(),
            ids=written,
            text=tuple(text(token) for token in written[0].tolist()),
            device=str(device),
            dtype=str(engine.model.dtype).removeprefix("torch."),
        )
