"""The questions about what the KV cache and cheaper attention save; `Model` is made of these, of others and its own."""

from collections.abc import Iterator, Sequence

from model_runtime.cache_records import CacheTable, CacheTiming
from model_runtime.cache_timing import time_cache
from model_runtime.cache_use import NO_CACHE, cache_table
from model_runtime.errors import ContextFull, FeatureUnavailable, OutOfRange
from model_runtime.kernel_timing import time_kernels
from model_runtime.layer_weights import attending
from model_runtime.mask_records import KernelTiming, MaskTable
from model_runtime.masks import mask_table
from model_runtime.moment import Moment
from model_runtime.questions import Questions

MOST_NEW_TOKENS = 1_000
MOST_ROUNDS = 1_000


class CostQuestions(Questions):
    """Answers about time and memory. All methods may be called from any thread."""

    def cache(self, moment: Moment, windows: Sequence[int] = ()) -> CacheTable:
        """What each pass over a text computes and what it takes from the cache, and the bytes of it.

        Args:
            moment: The text.
            windows: Sizes of sliding windows, in tokens, to compare with.

        Raises:
            OutOfRange: A window is below 1.
        """
        _at_least_one(windows)
        with self._lock:
            recording = self._recording(moment)
            return cache_table(self._engine, recording, moment, self._card.heads, self._card.context, windows)

    def time_cache(self, moment: Moment, tokens: int = 100) -> Iterator[CacheTiming]:
        """Times the same greedy generation with the cache and without; gives what is known so far, again and again.

        The plain model runs, without the moment's interventions. To cancel, stop asking.

        Args:
            moment: The text to go on from.
            tokens: How many new tokens each run writes.

        Raises:
            OutOfRange: No token, or more than 1,000.
            ContextFull: The new tokens do not fit.
            FeatureUnavailable: The model works without a cache.
        """
        if not 1 <= tokens <= MOST_NEW_TOKENS:
            raise OutOfRange(f"Cannot write {tokens} tokens; use 1 to {MOST_NEW_TOKENS}.")
        self._check(moment)
        free = self.most_tokens - len(moment.ids)
        if tokens > free:
            raise ContextFull(
                f"{tokens} new tokens do not fit: the text has {len(moment.ids)} and may have "
                f"{self.most_tokens}. Use at most {free}, or a shorter text."
            )
        if not self._engine.cached:
            raise FeatureUnavailable(f"{NO_CACHE}.")
        return time_cache(self._engine, self._lock, moment.ids, tokens, self.text)

    def masks(self, moment: Moment, reaches: Sequence[int] = ()) -> MaskTable:
        """Which scores the model's own masks leave to be computed on a text, and what other masks would leave.

        Args:
            moment: The text.
            reaches: Sizes of sliding and strided masks to compare with: for the strided one both the newest keys it
                sees and the stride before them.

        Raises:
            OutOfRange: A reach is below 1.
        """
        _at_least_one(reaches)
        try:
            self._require("attention")
            reason = ""
        except FeatureUnavailable as error:
            reason = str(error)
        with self._lock:
            return mask_table(self._engine, self._recording(moment), reaches, reason)

    def time_attention(self, moment: Moment, layer: int, rounds: int = 30) -> Iterator[KernelTiming]:
        """Times one layer's attention over a text by eager operations, SDPA and FlashAttention.

        Each kernel gets the queries, keys and values that the model itself computed. Gives what is known so far, again
        and again; to cancel, stop asking.

        Args:
            moment: The text.
            layer: Block index.
            rounds: How often each kernel runs.

        Raises:
            OutOfRange: There is no such layer, or rounds are not 1 to 1,000.
            FeatureUnavailable: The layer has no attention, or its proof failed.
        """
        self._require("attention")
        if not 0 <= layer < self._card.layers:
            raise OutOfRange(f"Layer {layer} does not exist; this model has layers 0 to {self._card.layers - 1}.")
        if not 1 <= rounds <= MOST_ROUNDS:
            raise OutOfRange(f"Cannot run {rounds} rounds; use 1 to {MOST_ROUNDS}.")
        recording = self._recording(moment)
        if layer not in attending(self._engine, recording):
            raise FeatureUnavailable(f"Layer {layer} has no attention that can be read. Choose another layer.")
        return time_kernels(self._engine, self._lock, recording, layer, rounds)


def _at_least_one(sizes: Sequence[int]) -> None:
    """Refuses windows that see nothing."""
    if any(size < 1 for size in sizes):
        raise OutOfRange(f"A window of {min(sizes)} tokens sees nothing; use 1 or more.")
