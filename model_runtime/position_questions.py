"""The questions about positions; `Model` is made of these, of others and its own."""

from model_runtime.errors import FeatureUnavailable, InputError, OutOfRange
from model_runtime.moment import Moment
from model_runtime.packing import compared, first_choices, impossible, logits_of, separable
from model_runtime.position_records import LearnedPositions, Packing, PositionScheme, RotaryHead
from model_runtime.positions import Positions, learned, read_positions, rotary_head
from model_runtime.questions import Questions
from model_runtime.records import Integers
from model_runtime.rotation import takes_positions

MOST_REACH = 4096
MOST_PACKED = 128  # tokens of each of two packed texts


class PositionQuestions(Questions):
    """Answers about how the model knows the order of its tokens. All methods may be called from any thread."""

    _order: Positions | None = None  # how it tells positions apart, once that has been asked

    def position_scheme(self) -> PositionScheme:
        """How the model tells positions apart, as a short text run at two places shows it."""
        return self._read_positions().scheme

    def rotary(
        self, moment: Moment, layer: int, head: int, position: int = -1, key: int | None = None, reach: int = 256
    ) -> RotaryHead:
        """One head's query and key, and how their score falls with distance when nothing else changes.

        Args:
            moment: The text.
            layer: Block index.
            head: Query head.
            position: The query's token; -1 is the newest.
            key: The key's token, at or before the query's; by default the query's own.
            reach: How many distances, 1 to 4,096; no more than the context has.

        Raises:
            OutOfRange: There is no such head, position or reach, or the key stands after the query.
            FeatureUnavailable: The block does not turn its vectors, or they cannot be read.
        """
        position = self._position(moment, position)
        key = position if key is None else self._position(moment, key)
        if key > position:
            raise OutOfRange(f"The key at {key} stands after the query at {position}; choose one at or before it.")
        if not 1 <= reach <= MOST_REACH:
            raise OutOfRange(f"Cannot follow the score over {reach} distances; use 1 to {MOST_REACH}.")
        self._require("attention")
        positions = self._read_positions()
        with self._lock:
            recording = self._recording(moment)
            reach = min(reach, self._card.context)
            return rotary_head(self._engine, recording, positions, (layer, head), (position, key), reach)

    def learned_positions(self, moment: Moment, most: int = 64) -> LearnedPositions:
        """The vectors that are added for each position, and what they add to the present text.

        Args:
            moment: The text.
            most: How many positions to compare with each other.

        Raises:
            OutOfRange: Fewer than two positions to compare.
            FeatureUnavailable: The model adds no such vectors, or they cannot be told apart.
        """
        if most < 2:
            raise OutOfRange(f"Cannot compare {most} positions; use 2 or more.")
        positions = self._read_positions()
        self._require("hidden")
        with self._lock:
            return learned(self._engine, self._recording(moment), positions, most)

    def packing(self, first: str, second: str) -> Packing:
        """What a text is predicted when another stands before it in the same context, in four ways and alone.

        Both texts are encoded as prompts are. The model runs as it is, without interventions.

        Args:
            first: The text before.
            second: The text whose predictions are compared.

        Raises:
            InputError: A text is empty or too long.
        """
        ids, other = self._packed(first, "first"), self._packed(second, "second")
        if len(ids) + len(other) > self.most_tokens:
            raise InputError(
                f"Both texts have {len(ids) + len(other)} tokens together; {self.most_tokens} are the most here."
            )
        with self._lock:
            alone = logits_of(self._engine, other, 0, False, False)
        runs = []
        for way in ((False, False), (True, False), (False, True), (True, True)):
            if self._impossible(*way):
                runs.append(impossible(len(other), way))
                continue
            try:
                with self._lock:
                    logits = logits_of(self._engine, (*ids, *other), len(ids), *way)
            except FeatureUnavailable:  # its masks cannot be changed
                runs.append(impossible(len(other), way))
                continue
            runs.append(compared(logits, alone, way, self._texts))
        top, probability = first_choices(alone)
        return Packing(
            first=len(ids),
            text=tuple(self.text(token) for token in other),
            top_ids=top,
            top_text=self._texts(top),
            top_probability=probability,
            largest=float(alone.abs().max()),
            runs=tuple(runs),
        )

    def _impossible(self, restarted: bool, separate: bool) -> bool:
        return (restarted and not takes_positions(self._engine)) or (separate and not separable(self._engine))

    def _packed(self, text: str, name: str) -> tuple[int, ...]:
        ids = self._vocabulary.encode(text) if text.strip() else ()
        if not ids:
            raise InputError(f"The {name} text is empty. Type something.")
        if len(ids) > MOST_PACKED:
            raise InputError(f"The {name} text has {len(ids)} tokens; use at most {MOST_PACKED}.")
        return ids

    def _texts(self, ids: Integers) -> tuple[str, ...]:
        return tuple(self.text(token) for token in ids.tolist())

    def _read_positions(self) -> Positions:
        with self._lock:
            if self._order is None:
                self._order = read_positions(self._engine, self._card)
            return self._order
