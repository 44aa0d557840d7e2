"""What every group of questions stands on: the parts of a model, and the answers that others are made from."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from model_runtime.ablation import Ablation
from model_runtime.decoding import Choice
from model_runtime.edits import Changes
from model_runtime.engine import Engine
from model_runtime.errors import ContextFull, InputError
from model_runtime.moment import Intervention, Moment
from model_runtime.part_records import Question
from model_runtime.recording import Recording
from model_runtime.records import AttentionMap, Distribution, Floats, ModelCard, TokenTable
from model_runtime.room import roomy
from model_runtime.steering import Steering
from model_runtime.vocabulary import Vocabulary

# Which number is asked about: the first choice's logit, that of an id, or the first id's less the second's.
Target = int | tuple[int, int] | None


class Questions:
    """The base of the groups of questions that `Model` is made of; `Model` gives the methods their bodies."""

    _engine: Engine
    _readable_ids: int  # how many ids the model can read
    _vocabulary: Vocabulary
    _card: ModelCard
    most_tokens: int
    _lock: AbstractContextManager[object]
    _ablation: Ablation
    _steering: Steering

    def __init_subclass__(cls) -> None:
        """Every question about a moment is tried once more after making room, where the memory was full."""
        super().__init_subclass__()
        roomy(cls)

    def attention(self, moment: Moment, layer: int, head: int, begin: int = 0, end: int | None = None) -> AttentionMap:
        """What one head looks at, from positions begin to end - 1, by default from every one."""
        raise NotImplementedError

    def distribution(self, moment: Moment, position: int = -1, top: int | None = 20) -> Distribution:
        """What the model predicts after a position."""
        raise NotImplementedError

    def tokens(self, moment: Moment) -> TokenTable:
        """Every token of the text."""
        raise NotImplementedError

    def text(self, token: int) -> str:
        """One token as text."""
        raise NotImplementedError

    def _question(self, moment: Moment, position: int, target: Target, centred: bool = False) -> Question:
        """Which number is asked about.

        Raises:
            OutOfRange: There is no such position or id.
            InputError: A pair of equal ids, or a pair and the mean at once.
        """
        position = self._position(moment, position)
        if isinstance(target, tuple):
            first, second = target
            if first == second:
                raise InputError(
                    f"The token {self.text(first)!r} is compared with itself. Choose two different tokens."
                )
            if centred:
                raise InputError("A difference of two tokens has no mean to take off. Choose one of the two ways.")
            return Question(position, first, self.text(first), second, self.text(second))
        if target is None:
            target = int(self.distribution(moment, position, top=1).ids[0])
        return Question(position, target, self.text(target), centred=centred)

    def _changes(self, interventions: Sequence[Intervention]) -> Changes:
        """What a moment's interventions do in a run of the model. The caller holds the lock."""
        raise NotImplementedError

    def _recording(self, moment: Moment) -> Recording:
        raise NotImplementedError

    def _check(self, moment: Moment) -> None:
        raise NotImplementedError

    def _position(self, moment: Moment, position: int) -> int:
        raise NotImplementedError

    def _require(self, feature: str) -> None:
        raise NotImplementedError

    def _full(self) -> ContextFull:
        raise NotImplementedError

    def _refuse_ended(self, moment: Moment) -> None:
        raise NotImplementedError

    def _require_numbers(self, moment: Moment) -> None:
        """Refuses texts whose predictions are not all numbers, for pictures that compare every row with the output.

        Raises:
            NotFinite: The model computed NaN or infinite logits after some token.
        """
        best = self._recording(moment).statistics.best[1:].tolist()
        for position in [*(place for place, token in enumerate(best) if token < 0)][:1] or [len(moment.ids) - 1]:
            self._choice_and_logits(moment, position)

    def _choice_and_logits(self, moment: Moment, position: int) -> tuple[Choice, Floats]:
        raise NotImplementedError
