"""The questions about what each layer knows that a model answers; `Model` is made of these, of others and its own."""

from model_runtime.errors import OutOfRange
from model_runtime.lens import lens_grid
from model_runtime.lens_records import LensGrid
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
        """
        with self._lock:
            return residual_table(self._engine, self._stream_recording(moment))

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

    def lens(self, moment: Moment) -> LensGrid:
        """What every layer would predict at every position.

        Raises:
            FeatureUnavailable: The lens's proof failed.
        """
        self._require("lens")
        with self._lock:
            return lens_grid(self._engine, self._recording(moment), self._vocabulary)

    def _stream_recording(self, moment: Moment, stream: int = 0) -> Recording:
        self._require("hidden")
        if not 0 <= stream <= self._card.layers:
            raise OutOfRange(f"Stream {stream} does not exist; this model has streams 0 to {self._card.layers}.")
        return self._recording(moment)
