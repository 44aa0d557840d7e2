"""What the residual stream answers: how long its vectors are, how blocks turn them, which are alike, how they move."""

from dataclasses import dataclass

from model_runtime.records import Floats, seal


@dataclass(frozen=True)
class ResidualTable:
    """The residual stream of a whole text.

    Attributes:
        norm: [stream, token] Euclidean length of each vector. The first token's is often tens of times the others'.
        turn: [block, token] cosine between the stream before and after each block, -1 to 1; 1 = not turned at all. NaN
            where a vector is zero and has no direction.
        attention_norm: [block, token] length of what the attention added, NaN where it cannot be told apart.
        mlp_norm: [block, token] length of what the MLP added, likewise.
        points: [stream, token, 2] each vector's place on two axes that are the same for all streams: the principal
            components of all vectors, each first divided by its length (as the model's norms do, up to a factor), so
            that no long vector decides alone. The axes are found without the first token, which is drawn all the same.
            With fewer than three other vectors there are no axes, and all points are 0.
        explained: [2] the share of the variance of the fitted vectors along each axis, 0 to 1; 0 without axes.
        fitted: How many vectors the axes were found from; in a long text they are taken at even distances.
    """

    norm: Floats
    turn: Floats
    attention_norm: Floats
    mlp_norm: Floats
    points: Floats
    explained: Floats
    fitted: int

    def __post_init__(self) -> None:
        streams, tokens = self.norm.shape
        blocks = (streams - 1, tokens)
        seal(self, turn=blocks, attention_norm=blocks, mlp_norm=blocks, points=(streams, tokens, 2), explained=(2,))


@dataclass(frozen=True)
class StreamSimilarity:
    """How alike the vectors of one token are from stream to stream.

    Attributes:
        position: The token.
        cosine: [stream, stream] -1 to 1, NaN where a vector is zero.
    """

    position: int
    cosine: Floats

    def __post_init__(self) -> None:
        seal(self, cosine=(len(self.cosine), len(self.cosine)))


@dataclass(frozen=True)
class TokenSimilarity:
    """How alike the vectors of different tokens are in one stream.

    Attributes:
        stream: The stream.
        centred: Whether the mean vector of all tokens but the first was taken off before. Without, most pairs look
            alike, as streams share one large common direction.
        first: The position of the first row and column.
        cosine: [token, token] -1 to 1, NaN where a vector is zero (the only token after the first is, centred).
    """

    stream: int
    centred: bool
    first: int
    cosine: Floats

    def __post_init__(self) -> None:
        seal(self, cosine=(len(self.cosine), len(self.cosine)))
