"""What every position predicts, and how much of the model's context a text takes."""

from dataclasses import dataclass

from model_runtime.records import Floats, Integers, seal


@dataclass(frozen=True)
class Predictions:
    """The model's first choice after every token of a text. Only the last one is used to go on.

    Attributes:
        ids: [token] the most probable token after each, from the model's own probabilities; the lowest id among equals.
        text: [token] each as the tokenizer decodes it.
        probability: [token] its raw probability, 0 to 1.
    """

    ids: Integers
    text: tuple[str, ...]
    probability: Floats

    def __post_init__(self) -> None:
        seal(self, text=self.ids.shape, probability=self.ids.shape)


@dataclass(frozen=True)
class ContextUse:
    """How full the model's context is.

    Attributes:
        limit: The most tokens that the model takes at once.
        prompt: Tokens of the prompt.
        written: Tokens that were generated or taken after it.
        free: Positions that are left.
        at_limit: What a further step answers once none is left.
    """

    limit: int
    prompt: int
    written: int
    free: int
    at_limit: str
