"""The input embedding matrix: a token's row, its length, and the rows that point in the most similar directions."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from model_runtime.errors import FeatureUnavailable
from model_runtime.residual import principal_axes
from model_runtime.vocabulary import Vocabulary
from model_runtime.vocabulary_records import NearestTokens

NUMBERS_AT_ONCE = 2**24  # of the matrix in float32: 64 MB


def embedding_matrix(model: PreTrainedModel, vocabulary: int) -> torch.Tensor:
    """[token, width] the rows of the input embedding that tokens have, a view.

    Raises:
        FeatureUnavailable: There is no such matrix, or its numbers cannot be read.
    """
    try:
        weight = getattr(model.get_input_embeddings(), "weight", None)
    except NotImplementedError:
        weight = None
    if not isinstance(weight, torch.Tensor) or weight.ndim != 2:
        raise FeatureUnavailable("This model keeps its input embeddings in no single matrix, so they cannot be shown.")
    if weight.is_meta or not weight.is_floating_point():
        raise FeatureUnavailable("The numbers of this model's embedding matrix are not at hand: they wait on a disk.")
    return weight.detach()[:vocabulary]


@dataclass(frozen=True)
class Rows:
    """What all answers about one embedding matrix share.

    Attributes:
        matrix: [token, width] its rows, in the dtype of the model.
        mean: [width] the mean row, float32.
        lengths: [token] how long the rows are.
        centred_lengths: [token] how long they are without the mean row.
    """

    matrix: torch.Tensor
    mean: torch.Tensor
    lengths: torch.Tensor
    centred_lengths: torch.Tensor

    @classmethod
    def of(cls, matrix: torch.Tensor) -> "Rows":
        """Reads the whole matrix, which is worth keeping: it is done once a model."""
        total = sum((rows.double().sum(0) for rows in _chunks(matrix)), matrix.new_zeros(1, dtype=torch.float64))
        mean = (total / len(matrix)).float()
        lengths = torch.cat([rows.norm(dim=1) for rows in _chunks(matrix)])
        return cls(matrix, mean, lengths, torch.cat([(rows - mean).norm(dim=1) for rows in _chunks(matrix)]))


def nearest_tokens(
    model: PreTrainedModel, rows: Rows, vocabulary: Vocabulary, token: int, top: int, centred: bool
) -> NearestTokens:
    """The record about one token.

    Args:
        model: The model.
        rows: Its embedding matrix.
        vocabulary: What the tokens say.
        token: An id with a row.
        top: How many neighbours.
        centred: Whether the mean row is taken off all rows first.

    Raises:
        FeatureUnavailable: The row is all zeros, as those of padding tokens may be.
    """
    lengths = rows.centred_lengths if centred else rows.lengths
    if not rows.lengths[token] or not lengths[token]:
        raise FeatureUnavailable(f"The row of token {token} is all zeros: it points nowhere and has no neighbours.")
    mean = rows.mean if centred else torch.zeros_like(rows.mean)
    own = rows.matrix[token].float()
    direction = (own - mean) / lengths[token]
    products = torch.cat([part @ direction for part in _chunks(rows.matrix)])
    cosine = (products - mean @ direction) / lengths
    others = rows.lengths.bool() & lengths.bool()
    others[token] = False
    found = torch.where(others, cosine, -torch.inf).sort(descending=True, stable=True).indices
    ids = found[: min(top, int(others.sum()))]
    rest = cosine[others].double().clamp(-1, 1)
    units = torch.cat([rows.matrix[token][None], rows.matrix[ids]]).double() - mean.double()
    units /= units.norm(dim=1, keepdim=True)
    centre, axes, explained = principal_axes(units)
    tied, head_cosine = _head(model, own, token)
    return NearestTokens(
        token=token,
        text=vocabulary.text(token),
        centred=centred,
        vector=own.cpu().numpy().copy(),
        norm=float(rows.lengths[token]),
        shorter=float((rows.lengths < rows.lengths[token]).float().mean()),
        ids=ids.cpu().numpy(),
        cosine=cosine[ids].clamp(-1, 1).cpu().numpy(),
        norms=rows.lengths[ids].cpu().numpy(),
        mean=float(rest.mean()) if len(rest) else float("nan"),
        deviation=float(rest.std(correction=0)) if len(rest) else float("nan"),
        points=((units - centre) @ axes).float().cpu().numpy(),
        explained=explained.float().cpu().numpy(),
        tied=tied,
        head_cosine=head_cosine,
    )


def _head(model: PreTrainedModel, own: torch.Tensor, token: int) -> tuple[bool | None, float]:
    """Whether the head's matrix is the embedding's, and the cosine between the two rows of a token."""
    head = getattr(model.get_output_embeddings(), "weight", None)
    if not isinstance(head, torch.Tensor) or head.is_meta or not head.is_floating_point():
        return None, float("nan")
    tied = head is getattr(model.get_input_embeddings(), "weight", None)
    if head.ndim != 2 or token >= len(head) or head.shape[1] != len(own):
        return tied, float("nan")
    row = head.detach()[token].to(own.device).double()
    product = own.double() @ row / (own.double().norm() * row.norm())
    return tied, float(product.clamp(-1, 1))


def _chunks(matrix: torch.Tensor) -> Iterator[torch.Tensor]:
    """The rows in float32, so many at once that a large vocabulary fits beside its model."""
    step = max(1, NUMBERS_AT_ONCE // matrix.shape[1])
    for begin in range(0, len(matrix), step):
        yield matrix[begin : begin + step].float()
