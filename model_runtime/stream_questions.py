"""The questions about what each layer knows that a model answers; `Model` is made of these, of others and its own."""

from collections.abc import Iterable

import numpy as np

from model_runtime.errors import OutOfRange
from model_runtime.lens import lens_grid
from model_runtime.lens_position import lens_cell, lens_curves
from model_runtime.lens_records import LensCell, LensCurves, LensGrid
from model_runtime.moment import Moment
from model_runtime.questions import Questions
from model_runtime.recording import Recording
from model_runtime.records import Floats
from model_runtime.residual import residual_table, stream_similarity, token_similarity
from model_runtime.stream_records import ResidualTable, StreamSimilarity, TokenSimilarity


class StreamQuestions(Questions):
    """Answers about the residual stream and what it predicts. All methods may be called from any thread."""

    def hidden(self, moment: Moment, layer: int) -> Floats:
        """[token, width] one residual stream: 0 enters block 0, k+1 leaves block k, n stands before the final norm.

        Raises:
            OutOfRange: There is no such stream.
            FeatureUnavailable: The streams' proof failed.
        """
        recording = self._stream_recording(moment, layer)
        with self._lock:
            stream = recording.streams(layer, 0, len(moment.ids))
        result: Floats = stream.float().cpu().numpy().copy()
        result.flags.writeable = False
        return result

    def residual(self, moment: Moment) -> ResidualTable:
        """How long the stream's vectors are, how each block turns them, and how they move.

        Raises:
            FeatureUnavailable: The streams' proof failed.
            NotFinite: The model computed NaN or infinite logits; `hidden` still gives each stream.
        """
        with self._lock:
            recording = self._stream_recording(moment)
            self._require_numbers(moment)
            return residual_table(self._engine, recording, self._changes(moment.interventions).edits)

    def stream_similarity(self, moment: Moment, position: int = -1) -> StreamSimilarity:
        """How alike the vectors of one token are from stream to stream.

        Args:
            moment: The text.
            position: The token; -1 is the newest.

        Raises:
            OutOfRange: There is no such position.
            FeatureUnavailable: The streams' proof failed.
        """
        position = self._position(moment, position)
        with self._lock:
            return stream_similarity(self._engine, self._stream_recording(moment), position)

    def token_similarity(
        self, moment: Moment, stream: int, centred: bool = False, begin: int = 0, end: int | None = None
    ) -> TokenSimilarity:
        """How alike the vectors of different tokens are in one stream.

        Args:
            moment: The text.
            stream: 0 to n.
            centred: Whether to take the mean vector of all tokens of the text but the first off before.
            begin: The first position that is compared.
            end: The position after the last; by default the text's end.

        Raises:
            OutOfRange: There is no such stream, or no such run of positions.
            FeatureUnavailable: The streams' proof failed.
        """
        count = len(moment.ids)
        end = count if end is None else end
        if not 0 <= begin < end <= count:
            raise OutOfRange(
                f"Positions {begin} to {end - 1} are no part of the text; use a begin and a later end, 0 to {count}."
            )
        with self._lock:
            recording = self._stream_recording(moment, stream)
            return token_similarity(self._engine, recording, stream, centred, begin, end)

    def lens(self, moment: Moment, middle: bool = True) -> LensGrid:
        """What every layer would predict at every position; while a text grows only the new tokens are read.

        Args:
            moment: The text.
            middle: Whether to read between attention and MLP too, where the blocks have such a point.

        Raises:
            FeatureUnavailable: The lens's proof failed.
            NotFinite: The model computed NaN or infinite logits, so that rows have no output to be compared with.
        """
        self._require("lens")
        with self._lock:
            grid = lens_grid(self._engine, self._recording(moment), self._vocabulary, self._between(middle))
            for position in np.flatnonzero(np.isnan(grid.target_probability[-1])).tolist():
                self._choice_and_logits(moment, position)  # which says why there is no output
            return grid

    def lens_curves(self, moment: Moment, ids: Iterable[int], position: int = -1, middle: bool = True) -> LensCurves:
        """Some tokens followed through the layers at one position.

        Args:
            moment: The text.
            ids: The tokens to follow; each gets a curve, in this order.
            position: The position that is read; -1 is the newest.
            middle: Whether to read between attention and MLP too, where the blocks have such a point.

        Raises:
            OutOfRange: There is no such position, or the model has no such id.
            FeatureUnavailable: The lens's proof failed.
        """
        self._require("lens")
        position, chosen = self._position(moment, position), list(ids)
        for token in chosen:
            self._vocabulary.check(token)
        with self._lock:
            recording = self._recording(moment)
            return lens_curves(self._engine, recording, self._vocabulary, chosen, position, self._between(middle))

    def lens_cell(
        self, moment: Moment, stream: int, position: int = -1, middle: bool = False, top: int = 20
    ) -> LensCell:
        """One cell of the lens in full, beside the model's output at the same position.

        Args:
            moment: The text.
            stream: 0 to n; with `middle` the block, 0 to n-1.
            position: The position that is read; -1 is the newest.
            middle: Whether to read the block between its attention and its MLP.
            top: How many tokens of the cell and how many of the output to list. The numbers are exact over the
                vocabulary, whatever is listed.

        Raises:
            OutOfRange: There is no such stream, block or position, or top is below 1.
            FeatureUnavailable: The lens's proof failed, or the blocks have no such point.
        """
        self._require("lens")
        if middle:
            self._require("middle")
            if not 0 <= stream < self._card.layers:
                raise OutOfRange(f"Block {stream} does not exist; this model has blocks 0 to {self._card.layers - 1}.")
        if top < 1:
            raise OutOfRange(f"Cannot list {top} tokens; use 1 or more.")
        position = self._position(moment, position)
        with self._lock:
            recording = self._stream_recording(moment, stream)
            return lens_cell(self._engine, recording, self._vocabulary, (stream, middle), position, top)

    def _between(self, middle: bool) -> bool:
        """Whether midpoints are wanted and there are any."""
        return middle and self._engine.middle

    def _stream_recording(self, moment: Moment, stream: int = 0) -> Recording:
        self._require("hidden")
        if not 0 <= stream <= self._card.layers:
            raise OutOfRange(f"Stream {stream} does not exist; this model has streams 0 to {self._card.layers}.")
        return self._recording(moment)
