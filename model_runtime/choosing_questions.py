"""The questions about choosing a token that a model answers: filter by filter, by many draws, by beam search."""

from collections.abc import Iterator
from dataclasses import replace

from model_runtime.beams import BeamSettings, beam_search
from model_runtime.choosing import choice_steps, draws
from model_runtime.choosing_records import BeamTree, ChoiceSteps, Draws
from model_runtime.errors import OutOfRange
from model_runtime.moment import Decoding, Moment
from model_runtime.questions import Questions

MOST_DRAWS = 100_000
MOST_BEAMS = 16
MOST_BEAM_STEPS = 64
MOST_LENGTH_PENALTY = 10


class ChoosingQuestions(Questions):
    """Answers about how one of many tokens is chosen. All methods may be called from any thread."""

    def choice_steps(
        self, moment: Moment, position: int = -1, decoding: Decoding | None = None, top: int = 8
    ) -> ChoiceSteps:
        """The distribution filter by filter. Other settings do not run the model again.

        Args:
            moment: The text.
            position: What is read up to; -1 is the newest.
            decoding: The settings, by default the moment's own.
            top: How many tokens to list of each distribution; its other numbers are exact over the vocabulary.

        Raises:
            OutOfRange: There is no such position, or top is below 1.
        """
        if top < 1:
            raise OutOfRange(f"Cannot list {top} tokens; use 1 or more.")
        position = self._position(moment, position)
        settings = decoding or moment.decoding
        choice = self._choice_and_logits(replace(moment, decoding=settings), position)[0]
        return choice_steps(choice, self._vocabulary, position, settings, top)

    def draws(
        self,
        moment: Moment,
        position: int = -1,
        decoding: Decoding | None = None,
        count: int = 1_000,
        seed: int | None = None,
        top: int = 20,
    ) -> Draws:
        """Many draws from one distribution, each made as a step makes its one; the first is what a step takes.

        Args:
            moment: The text.
            position: What is read up to; -1 is the newest.
            decoding: The settings, by default the moment's own.
            count: How many draws, up to 100,000.
            seed: Of the draws, by default the settings' own.
            top: How many tokens to list; the other numbers are exact over the vocabulary.

        Raises:
            OutOfRange: There is no such position, or count or top are outside their range.
            BadDecoding: The seed is no whole number from 0.
        """
        if not 1 <= count <= MOST_DRAWS:
            raise OutOfRange(f"Cannot draw {count} times; use 1 to {MOST_DRAWS}.")
        if top < 1:
            raise OutOfRange(f"Cannot list {top} tokens; use 1 or more.")
        position = self._position(moment, position)
        settings = decoding or moment.decoding
        settings = settings if seed is None else replace(settings, seed=seed)
        choice = self._choice_and_logits(replace(moment, decoding=settings), position)[0]
        return draws(choice, self._vocabulary, position, settings, count, top)

    def beams(self, moment: Moment, width: int = 4, steps: int = 6, length_penalty: float = 1.0) -> Iterator[BeamTree]:
        """Beam search from the end of a text, on the model's own distribution; the tree after each step.

        To cancel, stop asking. The moment's decoding settings play no part, as with `generate` when it searches
        without a repetition penalty; its interventions do.

        Args:
            moment: The text.
            width: How many beams are kept, 1 to 16; with 1 it is greedy decoding.
            steps: How many tokens may be written, 1 to 64; fewer where the context ends before.
            length_penalty: The power of its length by which a result's total is divided: 0 to compare totals, 1 for
                the mean a token, more to favour long ones; up to 10.

        Raises:
            OutOfRange: A setting is outside its range.
            TextEnded: The generated text already ended.
            ContextFull: There is no position left.
        """
        if not 1 <= width <= MOST_BEAMS:
            raise OutOfRange(f"Cannot keep {width} beams; use 1 to {MOST_BEAMS}.")
        if not 1 <= steps <= MOST_BEAM_STEPS:
            raise OutOfRange(f"Cannot search {steps} tokens ahead; use 1 to {MOST_BEAM_STEPS}.")
        if not 0 <= length_penalty <= MOST_LENGTH_PENALTY:
            raise OutOfRange(f"The length penalty is {length_penalty}; use 0 to {MOST_LENGTH_PENALTY}.")
        self._refuse_ended(moment)
        steps = min(steps, self.most_tokens - len(moment.ids))
        settings = BeamSettings(width, steps, float(length_penalty), self._card.end_ids)
        with self._lock:
            recording = self._recording(moment)
            changes = self._changes(moment.interventions)
        return beam_search(self._engine, self._lock, recording, changes, self._vocabulary, settings)
