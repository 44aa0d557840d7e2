"""What cheaper attention answers: which scores a mask leaves to be computed, and what each kernel takes for them."""

from dataclasses import dataclass

from model_runtime.records import Floats, Integers, seal


@dataclass(frozen=True)
class OwnMask:
    """A mask that layers of the model use.

    Attributes:
        layers: Which.
        starts: [token] the first key that each query sees; it sees all from there to itself.
        scores: Scores of one head over the text: the cells that are seen.
    """

    layers: tuple[int, ...]
    starts: Integers
    scores: int

    def __post_init__(self) -> None:
        seal(self)


@dataclass(frozen=True)
class MaskChoice:
    """What a mask of some kind would leave to be computed.

    Attributes:
        name: "full", "sliding" (the newest `reach` keys) or "strided" (those, and every `reach`-th key before them).
        reach: Keys, 0 for the full mask.
        scores: Scores of one head over the text.
    """

    name: str
    reach: int
    scores: int


@dataclass(frozen=True)
class MaskTable:
    """The masks of a model on a text, beside others.

    Attributes:
        tokens: Length of the text.
        own: The model's own masks, by the first layer that uses each.
        without: Layers whose mask is not known: they have no attention, or it cannot be read.
        choices: What other masks would take.
        reason: Why no mask of the model is known; "" where one is.
        choosing: Layers that choose the keys of every token anew, so that their masks are no windows.
    """

    tokens: int
    own: tuple[OwnMask, ...]
    without: tuple[int, ...]
    choices: tuple[MaskChoice, ...]
    reason: str
    choosing: tuple[int, ...] = ()


@dataclass(frozen=True)
class KernelTime:
    """One way to compute a layer's attention, timed.

    Attributes:
        name: "eager", "SDPA" or "FlashAttention".
        reason: Why it cannot be run here; "" where it can.
        seconds: [round] wall time of each run.
        error: The largest difference from the first kernel's output, as a share of that output's largest value.
        memory: Bytes: the most that was held at once beyond the inputs where that is measured, else those of the whole
            score matrix, 0 where the kernel never holds it.
    """

    name: str
    reason: str
    seconds: Floats
    error: float
    memory: int

    def __post_init__(self) -> None:
        seal(self)


@dataclass(frozen=True)
class KernelTiming:
    """One layer's attention over a text by several kernels, as far as it is known.

    Attributes:
        layer: Block index.
        tokens: Length of the text.
        heads: Query heads.
        key_value_heads: Key/value heads.
        head_width: Numbers in one query.
        kernels: The ways.
        done: Rounds that are done; each runs every kernel once.
        total: Rounds that there are.
        measured: Whether the memory was measured; else it is the score matrix's, by arithmetic.
        device: Where it ran, such as "cpu".
        dtype: What it computed in, such as "float32".
    """

    layer: int
    tokens: int
    heads: int
    key_value_heads: int
    head_width: int
    kernels: tuple[KernelTime, ...]
    done: int
    total: int
    measured: bool
    device: str
    dtype: str
