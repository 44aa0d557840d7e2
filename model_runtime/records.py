"""What the runtime answers: frozen records of read-only numpy arrays that know their axes, units and ranges.

Nothing else crosses from the model to the pictures. A record computes nothing; it checks, when it is built, that its
arrays fit each other.

Counting: a *position* is the index of a token in the text. A *block* index runs from 0 to n-1. A *stream* index runs
from 0 to n: stream 0 enters block 0, stream k+1 leaves block k, and stream n stands before the final norm.
"""

import builtins
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


def seal(record: object, **shapes: tuple[int, ...]) -> None:
    """Makes every array of a record read-only and checks the shapes given by name.

    Raises:
        ValueError: An array has another shape than the record's other arrays call for.
    """
    for field in fields(record):  # type: ignore[arg-type]  # dataclass instances are what is passed
        value: Any = getattr(record, field.name)
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    for name, shape in shapes.items():
        value = getattr(record, name)
        found = value.shape if isinstance(value, np.ndarray) else (len(value),)
        if found != shape:
            raise ValueError(f"{type(record).__name__}.{name} has shape {found}; the record calls for {shape}")


@dataclass(frozen=True)
class TokenTable:
    """The tokens of a moment, each with how well the tokens before it predicted it.

    Attributes:
        ids: [token] token ids.
        text: [token] each token as the tokenizer decodes it alone, leading space and all; ids beyond the tokenizer's
            vocabulary read `<id 32050>`.
        bytes: [token] the bytes that the token stands for; a partial character keeps its own bytes here.
        surprisal: [token] -ln of the token's raw probability, in nats, 0 or more. NaN at position 0.
        rank: [token] how many tokens had a higher raw probability (ties: a lower id ranks first); 0 is the model's
            first choice. -1 at position 0.
        entropy: [token] the entropy of the raw distribution that the token was drawn from, in nats. NaN at position 0.
        special: [token] whether the token is one of the tokenizer's special tokens.
        prompt_length: How many of the tokens are the prompt; the rest were generated or taken.
    """

    ids: Integers
    text: tuple[str, ...]
    bytes: tuple[builtins.bytes, ...]
    surprisal: Floats
    rank: Integers
    entropy: Floats
    special: Booleans
    prompt_length: int

    def __post_init__(self) -> None:
        shape = self.ids.shape
        seal(self, text=shape, bytes=shape, surprisal=shape, rank=shape, entropy=shape, special=shape)


@dataclass(frozen=True)
class FilterStage:
    """What one decoding filter did to a distribution.

    Attributes:
        name: The setting of `Decoding` that asked for the filter, such as "top_p".
        setting: Its value.
        probability: [token] the probabilities after this filter, renormalised; aligned with `Distribution.ids`.
        removed: [token] True where this very filter removed the token.
        removed_count: How many tokens of the whole vocabulary this very filter removed.
        kept_count: How many tokens of the whole vocabulary remain after it.
    """

    name: str
    setting: float
    probability: Floats
    removed: Booleans
    removed_count: int
    kept_count: int

    def __post_init__(self) -> None:
        seal(self, removed=self.probability.shape)


@dataclass(frozen=True)
class Distribution:
    """What the model predicts after a position, before and after each decoding filter.

    Rows are ordered by `raw`, ties by token id. Probabilities are exact over the whole vocabulary, however many rows
    are listed.

    Attributes:
        position: The position read up to; the distribution is about position + 1.
        ids: [token] token ids.
        text: [token] each token as the tokenizer decodes it.
        raw: [token] the softmax of the model's own logits, before any filter.
        final: [token] after all filters; what sampling draws from. At temperature 0 the argmax is taken instead.
        logits: [token] the model's own logits.
        stages: The filters that are on, in the order in which they run.
        chosen: The id of the token that follows in the text, None at its end. Always among `ids`.
        choice: The id that a step from here takes under the moment's decoding, whatever the text holds.
        entropy: Of the raw distribution over the whole vocabulary, in nats.
        vocabulary_size: How many tokens the model gives a probability to.
        other_raw: The raw probability of all tokens that are not listed.
        other_final: The final probability of all tokens that are not listed.
    """

    position: int
    ids: Integers
    text: tuple[str, ...]
    raw: Floats
    final: Floats
    logits: Floats
    stages: tuple[FilterStage, ...]
    chosen: int | None
    choice: int
    entropy: float
    vocabulary_size: int
    other_raw: float
    other_final: float

    def __post_init__(self) -> None:
        shape = self.ids.shape
        seal(self, text=shape, raw=shape, final=shape, logits=shape)
        for stage in self.stages:
            if stage.probability.shape != shape:
                raise ValueError(f"stage {stage.name} lists {stage.probability.shape} tokens; expected {shape}")


@dataclass(frozen=True)
class AttentionMap:
    """The attention of one head over the whole text, or of some neighbouring queries of it.

    Attributes:
        layer: Block index.
        head: Query head index.
        key_value_head: The key/value head that this query head reads (grouped-query attention shares them).
        weights: [query, key] softmax weights, 0 to 1. A row and its sink sum to one.
        visible: [query, key] False where the mask hides the key from the query; the weight there is exactly 0.
        sink: [query] the share that goes to the model's own attention sink, 0 where the model has none.
        window: The sliding window of the layer in tokens, None where it sees everything before it.
        computed_from: The dtype of the queries and keys that the weights were computed from in float32, such as
            "bfloat16". Anything but "float32" means that the model itself rounded on the way.
        hidden: [query] the share that was taken out before the rest of the row was renormalised (see `hide_sink`), 0
            to 1; None where nothing was hidden and `weights` are the model's own.
        begin: The position of the first query; 0 for the whole text. The keys are those from 0 to the last query's.
    """

    layer: int
    head: int
    key_value_head: int
    weights: Floats
    visible: Booleans
    sink: Floats
    window: int | None
    computed_from: str
    hidden: Floats | None = None
    begin: int = 0

    def __post_init__(self) -> None:
        queries = self.weights.shape[0]
        cells = queries, self.begin + queries
        seal(self, weights=cells, visible=cells, sink=(queries,))
        if self.hidden is not None:
            seal(self, hidden=(queries,))


@dataclass(frozen=True)
class Proof:
    """One check that was made when the model was loaded.

    Attributes:
        name: What was checked, in a few words.
        feature: The part of the page that rests on it: "attention", "ablation", "lens", "middle" (of the lens),
            "hidden", "contributions", "heads" (of the contributions), "distribution" or "replay" (of one layer, without
            which long texts take more memory).
        passed: Whether it held.
        error: The largest difference found, relative to the quantity's largest value.
        bound: What the error had to stay under.
        detail: One sentence for the page: what was compared with what, or why it failed.
    """

    name: str
    feature: str
    passed: bool
    error: float
    bound: float
    detail: str


@dataclass(frozen=True)
class ModelCard:
    """The facts of a loaded model, read from the model itself.

    Attributes:
        name: What it was loaded by.
        revision: The commit of a hub model, else "".
        fingerprint: A short hash of its vocabulary and config.
        model_type: The architecture as transformers names it, such as "phi3".
        architecture: The class, such as "Phi3ForCausalLM".
        layers: Number of blocks.
        heads: Query heads a block (the largest, where blocks differ).
        key_value_heads: Key/value heads a block.
        head_width: Width of one head.
        width: Width of the residual stream.
        vocabulary_size: Rows of the output head.
        context: The most tokens that fit.
        parameters: Number of parameters, tied weights counted once.
        device: Where it runs, such as "cpu" or "cuda:0".
        dtype: What it computes in, such as "float32".
        chat: Whether the tokenizer has a chat template.
        end_ids: Tokens that end a text.
        proofs: What was checked at load.
        notes: What a reader of its numbers has to know about how its weights came to be; empty for weights as they are.
    """

    name: str
    revision: str
    fingerprint: str
    model_type: str
    architecture: str
    layers: int
    heads: int
    key_value_heads: int
    head_width: int
    width: int
    vocabulary_size: int
    context: int
    parameters: int
    device: str
    dtype: str
    chat: bool
    end_ids: tuple[int, ...]
    proofs: tuple[Proof, ...]
    notes: tuple[str, ...] = ()
