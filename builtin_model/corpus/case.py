"""One question that a probe asks the trained model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A text to continue, and how the greedy continuation has to start.

    Attributes:
        prompt: What the model reads.
        answer: What its greedy continuation must begin with, without the leading space.
        task: The name of the group that the case counts in.
    """

    prompt: str
    answer: str
    task: str
