"""What every group of questions stands on: the parts of a model, and the answers that others are made from."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from model_runtime.ablation import Ablation
from model_runtime.edits import Changes
from model_runtime.engine import Engine
from model_runtime.moment import Intervention, Moment
from model_runtime.recording import Recording
from model_runtime.records import AttentionMap, Distribution, ModelCard, TokenTable
from model_runtime.vocabulary import Vocabulary


class Questions:
    """The base of the groups of questions that `Model` is made of; `Model` gives the methods their bodies."""

    _engine: Engine
    _vocabulary: Vocabulary
    _card: ModelCard
    _lock: AbstractContextManager[object]
    _ablation: Ablation

    def attention(self, moment: Moment, layer: int, head: int) -> AttentionMap:
        """What one head looks at, from every position."""
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

    def _changes(self, interventions: Sequence[Intervention]) -> Changes:
        """What a moment's interventions do in a run of the model. The caller holds the lock."""
        raise NotImplementedError

    def _recording(self, moment: Moment) -> Recording:
        raise NotImplementedError

    def _position(self, moment: Moment, position: int) -> int:
        raise NotImplementedError

    def _require(self, feature: str) -> None:
        raise NotImplementedError
