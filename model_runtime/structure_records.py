"""What a model is made of: its parts with the shapes that went through them, its module tree, and one block's flow."""

from dataclasses import dataclass
from typing import Final, Literal

# What a part of a model does: "positions" makes or adds positions, "other" is none of these.
Kind = Literal["embedding", "positions", "blocks", "block", "attention", "MLP", "norm", "head", "other"]
# What a step of a block does; "addition" is the residual connection.
StepKind = Literal["norm", "attention", "MLP", "addition", "other"]
# Where a norm stands: the original Transformer norms the stream itself after each addition.
Placement = Literal["before", "before and after", "after, before the addition", "after the addition", "none"]
ENTERS: Final = -1  # as what a step reads: the stream that enters the block

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """One part of the model on the way from ids to logits.

    Attributes:
        kind: What it does.
        path: Its name in the model; the first block's for the stack of blocks.
        module: Its class, such as "Embedding".
        count: How many of them run one after the other: 1, or the number of blocks.
        given: The shape of the first tensor that went in when the prompt did, the batch first; None if there was none.
        returned: The shape of the first tensor that came out, likewise.
        step_given: The same when one more token went in alone, behind the cache; None where the model has no cache.
        step_returned: Likewise.
        parameters: How many it has; those that an earlier stage has too are counted there.
    """

    kind: Kind
    path: str
    module: str
    count: int
    given: Shape | None
    returned: Shape | None
    step_given: Shape | None
    step_returned: Shape | None
    parameters: int


@dataclass(frozen=True)
class TreeLine:
    """One line of `print(model)`.

    Attributes:
        depth: How deep it is indented, in levels.
        text: The line without its indent.
        path: The module it stands for, the first of them where equal ones are folded; "" for a closing bracket and the
            model itself.
        kind: What that module, or the part that it lies in, does.
        given: The shape that went in with the prompt, None where the module was not called.
        returned: The shape that came out.
        parameters: Of all modules that the line stands for; 0 where there are none.
    """

    depth: int
    text: str
    path: str
    kind: Kind
    given: Shape | None
    returned: Shape | None
    parameters: int


@dataclass(frozen=True)
class ParameterPart:
    """Some of the parameters; a parameter with two names is counted under its first.

    Attributes:
        kind: What they are for.
        path: The module that holds them; for norms the block.
        block: Block index, None outside of the blocks.
        count: How many there are, 1 or more.
    """

    kind: Kind
    path: str
    block: int | None
    count: int


@dataclass(frozen=True)
class AnatomyMap:
    """What the model is made of, and what shapes a prompt took in it.

    Attributes:
        tokens: How many tokens of the prompt were run to see the shapes: all, or as many as one pass takes.
        prompt: How many tokens the prompt has.
        stages: The parts in the order in which they ran.
        logits: The shape that came out of the model: batch, token, vocabulary.
        step_logits: The same for one more token, None where the model has no cache.
        tree: The lines of `print(model)`.
        parts: All parameters, by what they are for, in the model's order.
        parameters: How many there are in all; the sum of the parts.
        tied: The names of each parameter that has more than one.
    """

    tokens: int
    prompt: int
    stages: tuple[Stage, ...]
    logits: Shape
    step_logits: Shape | None
    tree: tuple[TreeLine, ...]
    parts: tuple[ParameterPart, ...]
    parameters: int
    tied: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        total = sum(part.count for part in self.parts)
        if total != self.parameters:
            raise ValueError(f"the parts have {total} parameters; the model has {self.parameters}")


@dataclass(frozen=True)
class BlockStep:
    """One thing that a block does to a text.

    Attributes:
        kind: What.
        names: The modules that do it, as the block names them; none for an addition.
        module: The class of the first of them; "" for an addition.
        reads: The steps whose results it takes, ENTERS for what enters the block; empty where that was not found.
        norm: For a norm what it is by its values: "LayerNorm" takes the mean off, "RMSNorm" does not; else "".
        bias: For a norm whether it adds a learned vector.
    """

    kind: StepKind
    names: tuple[str, ...]
    module: str
    reads: tuple[int, ...]
    norm: str = ""
    bias: bool = False


@dataclass(frozen=True)
class Positions:
    """How a block, or the model before it, learns where each token stands.

    Attributes:
        kind: "rotary", "learned", "sinusoidal", "ALiBi" or "none".
        seen: Whether that was seen in what the model computed; else it was read from its config.
        rotated: For rotary positions how many numbers of each query and key are turned, None where that is not known.
    """

    kind: Literal["rotary", "learned", "sinusoidal", "ALiBi", "none"]
    seen: bool
    rotated: int | None = None


@dataclass(frozen=True)
class Feedforward:
    """The MLP of a block.

    Attributes:
        activation: Such as "SiLU"; "" where it is not known.
        seen: Whether the activation makes the model's own numbers; else it was read from the config.
        gated: Whether the activation's output is multiplied with a second projection; None where that was not found.
        width: How many neurons it has, None where there is no single projection that reads them.
        experts: How many experts a router chooses from, 0 where there are none.
    """

    activation: str
    seen: bool
    gated: bool | None
    width: int | None
    experts: int


@dataclass(frozen=True)
class BlockDrawing:
    """One block as it runs.

    Attributes:
        layer: Block index.
        module: Its class.
        width: Of the stream.
        steps: What it does, in the order in which it runs.
        result: The step that gives what leaves the block, None where that was not found.
        reason: Why the residual connections are not (all) drawn, "" where they are.
        scale: What the parts' outputs are multiplied with before they are added, 1 in most families.
        placement: Where the norms of its attention and MLP stand; the parts may differ.
        parallel: Whether attention and MLP read the same stream; None where one of them or the flow is missing.
        heads: Query heads, 0 where there is no attention.
        key_value_heads: Key/value heads, likewise.
        head_width: Width of one head, likewise.
        window: The sliding window of its attention in tokens, None where it sees everything before it.
        query_key_norm: Whether queries and keys are normed before they meet.
        maps: The block's linear maps, by their names in it.
        biased: Those of them that have a bias.
        positions: How it learns where tokens stand.
        feedforward: Its MLP, None where it has none.
    """

    layer: int
    module: str
    width: int
    steps: tuple[BlockStep, ...]
    result: int | None
    reason: str
    scale: float
    placement: tuple[Placement, ...]
    parallel: bool | None
    heads: int
    key_value_heads: int
    head_width: int
    window: int | None
    query_key_norm: bool
    maps: tuple[str, ...]
    biased: tuple[str, ...]
    positions: Positions
    feedforward: Feedforward | None
