"""What the logit lens answers: a reading of every stream, some tokens followed through it, one cell in full.

From "interpreting GPT: the logit lens" (nostalgebraist, 2020). Only the last row is the model's output; the rows before
it are a reading of intermediate streams with a norm and a head that were not trained for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from model_runtime.records import Floats, Integers, seal


@dataclass(frozen=True)
class LensReading:
    """What the model's final norm and head make of some rows of vectors.

    Attributes:
        ids: [row, token] the top token of each row.
        probability: [row, token] its probability.
        top_ids: [row, token, k] the k most probable tokens, first first.
        top_probability: [row, token, k] their probabilities.
        target_rank: [row, token] the rank of the final choice in each row, 0 = first.
        target_probability: [row, token] its probability in each row.
        entropy: [row, token] the entropy of the row's distribution, in nats, 0 to ln(vocabulary).
        divergence: [row, token] the Kullback-Leibler divergence of the row's distribution from the output's, the sum of
            output * ln(output / row), in nats, 0 or more; how much of the output the row does not know yet.
    """

    ids: Integers
    probability: Floats
    top_ids: Integers
    top_probability: Floats
    target_rank: Integers
    target_probability: Floats
    entropy: Floats
    divergence: Floats

    def __post_init__(self) -> None:
        rows, tokens = self.ids.shape
        grid = (rows, tokens)
        deep = (*grid, self.top_ids.shape[2])
        seal(self, probability=grid, top_ids=deep, top_probability=deep, target_rank=grid, target_probability=grid)
        seal(self, entropy=grid, divergence=grid)


@dataclass(frozen=True)
class LensGrid(LensReading):
    """The logit lens: what each layer would predict if the model's final norm and head read its stream directly.

    Rows are streams, 0 to n; row n is the model's real output.

    Attributes:
        target_ids: [token] the final choice: the top token of row n.
        first_lead: [token] the first stream in which the final choice has rank 0; n at the latest.
        settled: [token] the first stream from which on the final choice keeps rank 0.
        vocabulary: The text of every id that occurs in `top_ids`, of the midpoints too.
        middle: The same reading between attention and MLP: row k stands after block k's attention has been added and
            before its MLP is. None where it was not asked for, or where the blocks have no such point.
    """

    target_ids: Integers
    first_lead: Integers
    settled: Integers
    vocabulary: Mapping[int, str]
    middle: LensReading | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        tokens = self.ids.shape[1:]
        seal(self, target_ids=tokens, first_lead=tokens, settled=tokens)


@dataclass(frozen=True)
class LensCurves:
    """Chosen tokens followed through the layers at one position.

    Attributes:
        position: The position that is read.
        row: [row] where each reading stands, in streams: 2.0 is stream 2, 2.5 the midpoint of block 2.
        ids: [curve] the tokens that are followed.
        text: [curve] each as the tokenizer decodes it.
        probability: [curve, row] its probability in each reading.
        rank: [curve, row] its rank, 0 = first.
        vocabulary_size: How many tokens have a rank.
    """

    position: int
    row: Floats
    ids: Integers
    text: tuple[str, ...]
    probability: Floats
    rank: Integers
    vocabulary_size: int

    def __post_init__(self) -> None:
        grid = (len(self.text), len(self.row))
        seal(self, ids=grid[:1], probability=grid, rank=grid)


@dataclass(frozen=True)
class LensCell:
    """One cell of the lens in full, beside the model's output at the same position.

    Lists the most probable tokens of the cell and those of the output, ordered by the cell's probability, ties by id.

    Attributes:
        position: The position that is read.
        stream: The stream that is read, or the block whose midpoint is.
        middle: Whether it is the midpoint.
        ids: [token] token ids.
        text: [token] each as the tokenizer decodes it.
        probability: [token] in the cell, exact over the vocabulary.
        final: [token] in the model's output.
        rank: [token] in the cell, 0 = first.
        final_rank: [token] in the output.
        entropy: Of the cell's distribution, in nats.
        final_entropy: Of the output's.
        divergence: Of the cell from the output as in `LensReading`, in nats.
        vocabulary_size: How many tokens there are.
    """

    position: int
    stream: int
    middle: bool
    ids: Integers
    text: tuple[str, ...]
    probability: Floats
    final: Floats
    rank: Integers
    final_rank: Integers
    entropy: float
    final_entropy: float
    divergence: float
    vocabulary_size: int

    def __post_init__(self) -> None:
        shape = (len(self.text),)
        seal(self, ids=shape, probability=shape, final=shape, rank=shape, final_rank=shape)
