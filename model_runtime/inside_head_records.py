"""The record of one attention head for one query: everything from its vectors to its output."""

from dataclasses import dataclass

from model_runtime.records import Booleans, Floats, seal


@dataclass(frozen=True)
class InsideHead:
    """One head for one query, from its vectors to its output; every row adds up.

    score = sum(products) * scale, softcapped or with a bias added where the model does that; hidden keys are left out;
    weight = softmax of the scores beside the model's own sink; output = sum(weight * value).

    Attributes:
        layer: Block index.
        head: Query head index.
        key_value_head: The key/value head that the head reads.
        shared_with: All query heads that read it, this one included.
        position: The query's position.
        window: The sliding window of the layer in tokens, None where it sees everything before it.
        query: [width] the query vector, positions (RoPE) applied.
        keys: [key, width] every key vector up to the query's position.
        products: [key, width] query times key, dimension by dimension.
        raw_score: [key] their sum.
        scale: What the raw score is multiplied by.
        scaled_score: [key] raw_score * scale.
        softcap: The bound c of c * tanh(score / c), None where the model has none.
        bias: [key] what is added to the scaled score for the key's place (ALiBi): 0 for the query's own, less before.
            None where the model adds nothing.
        score: [key] what the softmax is taken of: scaled_score, softcapped or with the bias where there is one.
        visible: [key] False where the mask hides the key.
        sink_score: The logit of the model's own sink, None where it has none.
        sink: The sink's share, 0 where there is none.
        weights: [key] 0 to 1; with the sink they sum to one. Exactly 0 where not visible.
        values: [key, value width] every value vector.
        weighted_values: [key, value width] weight times value.
        output: [value width] their sum: what the head passes to the output projection.
        ablated: None, or "zero" or "mean": how the moment replaces the output afterwards.
        computed_from: The dtype that the model computed query and keys in; the numbers here are float32.
    """

    layer: int
    head: int
    key_value_head: int
    shared_with: tuple[int, ...]
    position: int
    window: int | None
    query: Floats
    keys: Floats
    products: Floats
    raw_score: Floats
    scale: float
    scaled_score: Floats
    softcap: float | None
    bias: Floats | None
    score: Floats
    visible: Booleans
    sink_score: float | None
    sink: float
    weights: Floats
    values: Floats
    weighted_values: Floats
    output: Floats
    ablated: str | None
    computed_from: str

    def __post_init__(self) -> None:
        count, width = self.keys.shape
        row, deep = (count,), (count, self.output.shape[0])
        seal(self, query=(width,), products=(count, width), values=deep, weighted_values=deep)
        seal(self, raw_score=row, scaled_score=row, score=row, visible=row, weights=row)
        if self.bias is not None:
            seal(self, bias=row)
