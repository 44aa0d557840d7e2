"""A norm held at a point: with its statistics as they are there, it is linear, so a sum can go through it part by part.

Found by value: a family's own module is called on a few vectors, and the linear map that they suggest has to give the
module's own output at the point.
"""

from dataclasses import dataclass

import torch
from torch import nn

from model_runtime.recorder import first_tensor
from model_runtime.selfcheck import BOUNDS
from model_runtime.writers import projection_of


@dataclass(frozen=True)
class FrozenNorm:
    """gain * (x - mean(x)) + bias, or without taking the mean off.

    Attributes:
        gain: [width] float64.
        centred: Whether the mean is taken off, as LayerNorm does.
        bias: [width] float64.
    """

    gain: torch.Tensor
    centred: bool
    bias: torch.Tensor

    def forth(self, vectors: torch.Tensor) -> torch.Tensor:
        """[..., width] what becomes of parts of the point; the bias is apart."""
        return (vectors - vectors.mean(-1, keepdim=True) if self.centred else vectors) * self.gain

    def back(self, directions: torch.Tensor) -> torch.Tensor:
        """[..., width] the directions before the norm that read what the given ones read behind it."""
        pulled = directions * self.gain
        return pulled - pulled.mean(-1, keepdim=True) if self.centred else pulled


@dataclass(frozen=True)
class FrozenMatrix:
    """A linear map, which holds at every point.

    Attributes:
        matrix: [out, in] float64.
        bias: [out] float64.
    """

    matrix: torch.Tensor
    bias: torch.Tensor

    def forth(self, vectors: torch.Tensor) -> torch.Tensor:
        """[..., out] what becomes of parts of the point; the bias is apart."""
        return vectors @ self.matrix.T

    def back(self, directions: torch.Tensor) -> torch.Tensor:
        """[..., in] the directions that read before the map what the given ones read behind it."""
        return directions @ self.matrix


Frozen = FrozenNorm | FrozenMatrix


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """The numbers as float64 on the CPU; not every device has float64."""
    return tensor.detach().cpu().double()


def freeze(module: nn.Module, point: torch.Tensor) -> Frozen | None:
    """A module held at a point [width], None where it is not linear there in any way that is known."""
    result = _called(module, point)
    if result is None:
        return None
    projection = projection_of(module, point, result)
    if projection is not None:
        bias = getattr(module, "bias", None)
        zero = torch.zeros(result.shape[-1], dtype=torch.float64)
        return FrozenMatrix(plain(projection.matrix()), zero if bias is None else plain(bias))
    return _norm(module, point, plain(result)) if result.shape == point.shape else None


def _norm(module: nn.Module, point: torch.Tensor, result: torch.Tensor) -> FrozenNorm | None:
    """The norm that a module is at a point, if it is one."""
    bound = BOUNDS.get(point.dtype, BOUNDS[torch.bfloat16])
    probe = torch.ones_like(point)
    probe[1::2] = -1
    answers = [_called(module, vector) for vector in (torch.zeros_like(point), torch.ones_like(point), probe)]
    if any(answer is None for answer in answers):
        return None
    bias, ones, signs = (plain(answer) for answer in answers if answer is not None)
    bias = torch.nan_to_num(bias)  # a norm may divide zero by zero there
    centred = bool((ones - bias).abs().max() <= bound * (signs - bias).abs().max())
    weight = (signs - bias) / (plain(probe) - plain(probe).mean() if centred else plain(probe))
    # All that depends on the point is one number: what the vector is divided by.
    unscaled = weight * (plain(point) - plain(point).mean() if centred else plain(point))
    scale = ((result - bias) * unscaled).sum() / (unscaled * unscaled).sum().clamp(min=1e-300)
    if not (unscaled * scale + bias - result).abs().max() <= bound * result.abs().max():
        return None
    return FrozenNorm(weight * scale, centred, bias)


def _called(module: nn.Module, vector: torch.Tensor) -> torch.Tensor | None:
    """[out] what a module makes of one vector, None where that is nothing of the kind."""
    result = first_tensor(module(vector[None, None]))
    return result[0, 0] if result is not None and result.ndim == 3 else None
