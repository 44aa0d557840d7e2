"""The questions about attention heads that a model answers; `Model` is made of these and its own."""

from collections.abc import Iterable, Iterator
from reprlib import repr as shortened

from model_runtime.ablation_scan import scan_heads
from model_runtime.attention_views import hide_sink, words_of
from model_runtime.cause_records import AblationScan
from model_runtime.errors import OutOfRange
from model_runtime.head_distance import head_similarity
from model_runtime.head_mosaic import mosaic, weights_to_draw
from model_runtime.head_records import CombinedMap, Head, HeadMosaic, HeadPairs, HeadRanking, HeadSimilarity, HeadTable
from model_runtime.head_views import combined_map, ranking, strongest_pairs
from model_runtime.heads import Grids, head_table, measured, repeated_ids
from model_runtime.inside_head import inside_head
from model_runtime.inside_head_records import InsideHead
from model_runtime.moment import WAYS, Ablate, Moment
from model_runtime.questions import Questions
from model_runtime.recording import Recording
from model_runtime.records import Integers

MOST_RANDOM_RUNS = 32  # kept, one for each set of interventions; each holds some numbers a head


class HeadQuestions(Questions):
    """Answers about heads, from what was recorded. All methods may be called from any thread.

    `hide` is None, "first" (the first token) or "special" (the first token and all special ones): these keys, and the
    model's own sink, are taken out before anything is pooled, summed or compared, and the rest of each row is
    renormalised.
    """

    _random_runs: dict[tuple[Ablate, ...], tuple[Grids, Grids] | None]

    def heads(self, moment: Moment) -> HeadTable:
        """What every head does on the text, measured and labelled.

        Raises:
            FeatureUnavailable: The attention's proof failed.
        """
        recording = self._attention_recording(moment)
        return head_table(self._engine, recording, self._vocabulary, self._random_run(moment), moment)

    def mosaic(self, moment: Moment, cells: int = 48, hide: str | None = None, scale: str = "sqrt") -> HeadMosaic:
        """All heads at a glance, pooled by maximum; some 480 KB as base64 at most.

        Args:
            moment: The text.
            cells: The most rows and columns of one head's picture.
            hide: What to hide first.
            scale: "sqrt" or "linear": how bytes follow from weights.

        Raises:
            OutOfRange: Fewer than one cell, or an unknown scale.
            FeatureUnavailable: The attention's proof failed.
        """
        if cells < 1 or scale not in ("sqrt", "linear"):
            raise OutOfRange(
                f"A mosaic of {cells} cells on a {scale!r} scale cannot be; use 1 or more, sqrt or linear."
            )
        recording = self._attention_recording(moment)
        return mosaic(self._engine, recording, moment, cells, self.hiding(moment, hide), scale)

    def mosaic_weights(self, moment: Moment, hide: str | None = None) -> int:
        """How many weights `mosaic` would have to compute: few where it goes on from that of a shorter text.

        Raises:
            FeatureUnavailable: The attention's proof failed.
        """
        return weights_to_draw(self._engine, self._attention_recording(moment), self.hiding(moment, hide), "sqrt")

    def looking(self, moment: Moment, query: int, keys: Iterable[int], hide: str | None = None) -> HeadRanking:
        """Which heads look from one token at some others.

        Args:
            moment: The text.
            query: The position that looks; -1 is the newest.
            keys: The positions looked at; the order and repetitions do not matter.
            hide: What to hide first.

        Raises:
            OutOfRange: There is no such position, or no key is given.
            FeatureUnavailable: The attention's proof failed.
        """
        query = self._position(moment, query)
        chosen = sorted({self._position(moment, key) for key in keys})
        if not chosen:
            raise OutOfRange("No token to look at is chosen; choose one or more.")
        recording = self._attention_recording(moment)
        return ranking(self._engine, recording, moment, query, chosen, self.hiding(moment, hide))

    def pairs(self, moment: Moment, layer: int, head: int, top: int = 20, hide: str | None = None) -> HeadPairs:
        """The pairs of tokens that one head connects most.

        Raises:
            OutOfRange: There is no such head, or top is below 1.
            FeatureUnavailable: The layer has no attention, or its proof failed.
        """
        if top < 1:
            raise OutOfRange(f"Cannot list {top} pairs; use 1 or more.")
        hidden = self.hiding(moment, hide)
        return strongest_pairs(hide_sink(self.attention(moment, layer, head), hidden), top, hidden)

    def combined(
        self, moment: Moment, heads: Iterable[Head], method: str = "mean", hide: str | None = None
    ) -> CombinedMap:
        """Several heads as one map: their "mean", their "maximum" or their "rollout" through the layers.

        What is hidden is taken out of the combination, after it was made.

        Raises:
            OutOfRange: There is no such head or method, or no head is chosen.
            FeatureUnavailable: A layer has no attention, or its proof failed.
        """
        combination = combined_map(lambda layer, head: self.attention(moment, layer, head), method, list(heads))
        return hide_sink(combination, self.hiding(moment, hide))

    def similarity(self, moment: Moment, hide: str | None = None) -> HeadSimilarity:
        """All heads by how alike they look at the text.

        Raises:
            FeatureUnavailable: The attention's proof failed.
        """
        return head_similarity(self._engine, self._attention_recording(moment), self.hiding(moment, hide))

    def inside(self, moment: Moment, layer: int, head: int, query: int = -1) -> InsideHead:
        """One head for one query, from its vectors to its output.

        Raises:
            OutOfRange: There is no such head or position.
            FeatureUnavailable: The layer has no attention, or its proof failed.
        """
        position = self._position(moment, query)
        return inside_head(self._engine, self._attention_recording(moment), moment, layer, head, position)

    def scan(self, moment: Moment, target: int | None = None, by: str = "zero") -> Iterator[AblationScan]:
        """Switches every head off in turn; gives what is known so far, again and again. To cancel, stop asking.

        Args:
            moment: The text, and the heads that stay off throughout.
            target: The id whose probability at the newest position is watched; by default the model's first choice.
            by: "zero" or "mean".

        Raises:
            OutOfRange: The model has no such id, or there is no such way.
            FeatureUnavailable: The proof of ablation failed.
        """
        self._require("ablation")
        if by not in WAYS:
            raise OutOfRange(f"A head can be switched off by 'zero' or by 'mean', not by {shortened(by)}.")
        if target is None:
            target = int(self.distribution(moment, top=1).ids[0])
        named = target, self.text(target)
        return scan_heads(self._engine, self._changes, self._lock, moment, named, by)

    def words(self, moment: Moment) -> Integers:
        """[token] the index of each token's word, from 0, never falling; for `merge_words`."""
        return words_of(self.tokens(moment))

    def hiding(self, moment: Moment, hide: str | None) -> tuple[int, ...]:
        """The positions that `hide` stands for.

        Raises:
            OutOfRange: An unknown way.
        """
        if hide is None:
            return ()
        if hide not in ("first", "special"):
            raise OutOfRange(f"{hide!r} is nothing to hide; use 'first', 'special' or None.")
        special = self._vocabulary.special_ids if hide == "special" else ()
        return tuple(position for position, token in enumerate(moment.ids) if position == 0 or token in special)

    def _attention_recording(self, moment: Moment) -> Recording:
        self._require("attention")
        return self._recording(moment)

    def _random_run(self, moment: Moment) -> tuple[Grids, Grids] | None:
        """The measures on random tokens said twice, with the moment's heads off; made once.

        Not steered: a steering begins at a position of the moment's own text, which means nothing in another.
        """
        key = moment.ablations
        with self._lock:
            if key not in self._random_runs:
                ids = repeated_ids(self._vocabulary, self._card.context)
                if len(self._random_runs) >= MOST_RANDOM_RUNS:
                    self._random_runs.clear()
                self._random_runs[key] = None if ids is None else self._measured(ids, key)
            return self._random_runs[key]

    def _measured(self, ids: tuple[int, ...], ablations: tuple[Ablate, ...]) -> tuple[Grids, Grids]:
        recording = self._engine.record(ids, None, ablations, self._changes(ablations))
        return measured(self._engine, recording, self._vocabulary)
