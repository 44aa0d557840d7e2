"""What a model takes of a machine's memory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryNeed:
    """The memory that a model takes, and what there is; all in bytes.

    Attributes:
        name: The model.
        dtype: What its weights will be in, such as "bfloat16", "8bit" or "4bit".
        weights: What the weights take.
        cache: What the keys and values of a text of so many tokens take.
        recording: What is kept of that text beside them: queries, residual stream, what each attention added.
        tokens: The length of the text.
        device: Where it is to go, such as "cuda:0", or "cuda" for all of them together.
        free: What is free there, None where the system does not say.
        stored: The files of the weights as they lie on the disk or the hub.
    """

    name: str
    dtype: str
    weights: int
    cache: int
    recording: int
    tokens: int
    device: str
    free: int | None
    stored: int

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.cache + self.recording

    @property
    def fits(self) -> bool:
        """Whether it fits, as far as the system says what is free."""
        return self.free is None or self.total <= self.free
