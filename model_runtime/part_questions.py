"""The questions about what each part added that a model answers; `Model` is made of these, of others and its own."""

from model_runtime.contributions import contributions, direction_of
from model_runtime.errors import OutOfRange
from model_runtime.moment import Intervention, Moment
from model_runtime.neurons import neuron_table
from model_runtime.output_map import OutputMap
from model_runtime.part_records import Contributions, NeuronTable
from model_runtime.questions import Questions, Target
from model_runtime.replay import Replay, replay


class PartQuestions(Questions):
    """Answers about the parts of a prediction. All methods may be called from any thread.

    `target` is the token whose logit is split: None for the model's first choice at the position, an id, or a pair
    (a, b) for the logit of a less that of b. `centred` takes the vocabulary's mean logit off one token's.
    """

    _output: OutputMap | None
    _off: dict[str, str]
    _replayed: tuple[tuple[tuple[int, ...], tuple[Intervention, ...]], Replay] | None

    def contributions(
        self, moment: Moment, position: int = -1, target: Target = None, centred: bool = False
    ) -> Contributions:
        """What the embedding, every attention, every MLP and every head added to one logit or difference of two.

        Args:
            moment: The text.
            position: What is read up to; -1 is the newest.
            target: Which logit.
            centred: Whether to take the vocabulary's mean logit off it.

        Raises:
            OutOfRange: There is no such position or id.
            InputError: A pair of equal ids, or a pair and `centred` at once.
            FeatureUnavailable: The model's logits cannot be split, or the proof of it failed.
        """
        self._require("contributions")
        question = self._question(moment, position, target, centred)
        with self._lock, self._engine.running():
            again, output = self._replay(moment, question.position)
            direction = direction_of(output.held(again.streams[-1]), question)
            steering = self._steering.at(moment.steers, question.position)
            without = f"{self._off['heads']}." if "heads" in self._off else ""
            return contributions(self._engine, again, direction, steering, without)

    def neurons(
        self,
        moment: Moment,
        layer: int,
        position: int = -1,
        target: Target = None,
        centred: bool = False,
        top: int = 16,
        tokens: int = 8,
    ) -> NeuronTable:
        """The MLP neurons of one layer that added most to one logit or difference of two.

        Args:
            moment: The text.
            layer: Block index.
            position: What is read up to; -1 is the newest.
            target: Which logit.
            centred: Whether to take the vocabulary's mean logit off it.
            top: The most neurons to list, 1 or more.
            tokens: How many tokens to list that each promotes, and as many that it suppresses, 1 or more.

        Raises:
            OutOfRange: There is no such layer, position or id, or top or tokens is below 1.
            InputError: A pair of equal ids, or a pair and `centred` at once.
            FeatureUnavailable: The layer's MLP has no neurons that can be told apart, the model's logits cannot be
                split, or the proof of it failed.
        """
        self._require("contributions")
        self._require("neurons")
        if not 0 <= layer < self._card.layers:
            raise OutOfRange(f"Layer {layer} does not exist; this model has layers 0 to {self._card.layers - 1}.")
        if top < 1 or tokens < 1:
            raise OutOfRange(f"Cannot list {top} neurons with {tokens} tokens each; use 1 or more of both.")
        question = self._question(moment, position, target, centred)
        with self._lock, self._engine.running():
            again, output = self._replay(moment, question.position)
            direction = direction_of(output.held(again.streams[-1]), question)
            return neuron_table(self._engine, again, direction, self._vocabulary, layer, top, tokens)

    def _replay(self, moment: Moment, position: int) -> tuple[Replay, OutputMap]:
        """The position run again, the last one kept: a page asks several questions about one position."""
        assert self._output is not None  # else the contributions are switched off
        key = moment.ids[: position + 1], moment.interventions
        if self._replayed is None or self._replayed[0] != key:
            changes = self._changes(moment.interventions)
            again = replay(self._engine, self._recording(moment), position, self._output, changes)
            self._replayed = key, again
        return self._replayed[1], self._output
