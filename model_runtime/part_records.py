"""What every part of the model added to one logit: blocks, heads and neurons, with the final norm frozen at the point.

A residual stream is a sum, and the final norm, its statistics held at the value they have at this very position, is
linear. So the logit is exactly a sum of what each part wrote (Elhage et al., "A Mathematical Framework for Transformer
Circuits", 2021; direct logit attribution).
"""

from dataclasses import dataclass

from model_runtime.records import Floats, Integers, seal

# What a part is.
EMBEDDING, ATTENTION, MLP, BLOCK, STEERING, BIAS = "embedding", "attention", "MLP", "block", "steering", "bias"


@dataclass(frozen=True)
class Question:
    """Which number is split.

    Attributes:
        position: The position read up to; the logit is that of the token after it.
        target: The token's id.
        text: Its text as the tokenizer decodes it.
        against: The id of the token whose logit is taken off, None where none is.
        against_text: Its text, "" where there is none.
        centred: Whether the mean logit over the whole vocabulary is taken off: what every token gets alike says nothing
            about the choice. Never together with `against`.
    """

    position: int
    target: int
    text: str
    against: int | None = None
    against_text: str = ""
    centred: bool = False


@dataclass(frozen=True)
class Contributions:
    """What the embedding, each attention, each MLP and each head added to one logit, or to a difference of two.

    Attributes:
        question: Which number is split.
        names: [part] such as "embedding", "attention 0", "MLP 0", "block 0" (where a block cannot be split further),
            "steering 2" (added to stream 2), "bias" (of the final norm and the head), in the order of the computation.
        kinds: [part] "embedding", "attention", "MLP", "block", "steering" or "bias".
        layers: [part] block index, the stream index for steering, -1 for the others.
        values: [part] logits. They alone sum to `total`.
        heads: [layer, head] logits, what each head added to its attention's value; NaN where there is no head, or
            where the heads cannot be told apart.
        output_bias: [layer] logits, what is left of the attention's value besides its heads: the projection's bias and,
            in some families, a norm's. NaN where `heads` are.
        total: The model's own number before any softcap, with its output scaling: not a sum of ours.
        logit: The same after the softcap, as the softmax takes it.
        softcap: The bound c of c * tanh(logit / c), None where the model has none.
        error: sum(values) - total; what rounding left.
        unsplit: Why blocks are not split into attention and MLP, "" where they are.
        unsplit_heads: Why no heads are given, "" where they are.
    """

    question: Question
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    layers: Integers
    values: Floats
    heads: Floats
    output_bias: Floats
    total: float
    logit: float
    softcap: float | None
    error: float
    unsplit: str = ""
    unsplit_heads: str = ""

    def __post_init__(self) -> None:
        shape = (len(self.names),)
        seal(self, kinds=shape, layers=shape, values=shape, output_bias=self.heads.shape[:1])


@dataclass(frozen=True)
class NeuronTable:
    """The MLP neurons of one layer that added most to one logit, whichever the sign; the largest first.

    A neuron is one entry of what goes into the MLP's output projection: in a gated MLP the product of gate and up. It
    writes its activation times a fixed direction into the stream. What that direction promotes and suppresses are the
    tokens whose logits it raises and lowers most, read with the final norm frozen at this position.

    Attributes:
        question: Which number is split.
        layer: Block index.
        count: How many neurons the layer has.
        neuron: [row] index of the neuron.
        activation: [row] its activation here.
        value: [row] logits, what it added.
        promoted_ids: [row, k] the tokens that the neuron, with its activation as it is here, raises most.
        promoted_text: [row][k] their texts.
        promoted: [row, k] by how many logits it raises each here, against the mean over the vocabulary.
        suppressed_ids: [row, k] the tokens that it lowers most here.
        suppressed_text: [row][k] their texts.
        suppressed: [row, k] by how many logits, against the mean over the vocabulary; negative.
        others: What all neurons that are not listed added, in logits.
        bias: What the output projection's bias (and a norm's) added, in logits.
        total: The MLP's own value in `Contributions`; `value`, `others` and `bias` sum to it.
    """

    question: Question
    layer: int
    count: int
    neuron: Integers
    activation: Floats
    value: Floats
    promoted_ids: Integers
    promoted_text: tuple[tuple[str, ...], ...]
    promoted: Floats
    suppressed_ids: Integers
    suppressed_text: tuple[tuple[str, ...], ...]
    suppressed: Floats
    others: float
    bias: float
    total: float

    def __post_init__(self) -> None:
        rows = self.neuron.shape
        deep = self.promoted_ids.shape
        seal(self, activation=rows, value=rows, promoted_ids=(*rows, deep[1]), promoted=deep, promoted_text=rows)
        seal(self, suppressed_ids=deep, suppressed=deep, suppressed_text=rows)
