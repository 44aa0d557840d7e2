"""A chain of torch calls from a product of queries and keys to attention weights, and what it says of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

# What leaves scores and weights what they are: other shapes and dtypes, and dropout, which is off.
SAME = (
    "view", "reshape", "contiguous", "clone", "dropout", "max", "maximum", "clamp",
    "to", "float", "half", "bfloat16", "type", "type_as",
)  # fmt: skip


@dataclass
class Chain:
    """From a product of queries and keys towards an attention output.

    Attributes:
        tensor: What the chain has come to: scores or weights.
        query: [..., new token, head width] the product's first factor.
        key: [..., head width, token] its second.
        scale: What the product was multiplied with.
        added: Tensors that were added to it, each with what it was multiplied with since: masks and biases.
        masks: Boolean tensors, each with whether True is visible.
        weights: Whether the softmax has been taken.
    """

    tensor: torch.Tensor
    query: torch.Tensor
    key: torch.Tensor
    scale: float = 1.0
    added: list[tuple[torch.Tensor, float]] = field(default_factory=list)
    masks: list[tuple[torch.Tensor, bool]] = field(default_factory=list)
    weights: bool = False

    @property
    def whole(self) -> bool:
        """Whether it has the new tokens and all tokens as its last dimensions, so that masks can be told."""
        return self.tensor.shape[-2:] == (self.query.shape[-2], self.key.shape[-1])

    def gives(self, value: torch.Tensor, rows: int) -> bool:
        """Whether its product with a tensor is an attention output of so many texts."""
        given, heads = (self.query, self.key, value), self.query.shape[:-2].numel() // rows
        return (
            self.whole
            and value.shape[-2] == self.key.shape[-1]
            and all(one.shape[0] % rows == 0 and heads % (one.shape[:-2].numel() // rows) == 0 for one in given)
        )

    def goes_on(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether it goes on in what a function made of its tensor, which is noted."""
        step = _CHANGES.get(name)
        return name in SAME or (step is not None and self.whole and step(self, args, kwargs))

    def multiplied(self, factor: float) -> None:
        """Notes that scores were multiplied."""
        self.scale *= factor
        self.added = [(tensor, scale * factor) for tensor, scale in self.added]


def by_head(added: torch.Tensor, heads: int) -> bool:
    """Whether a tensor that is added to the scores differs between heads, as no mask does."""
    return added.ndim >= 3 and added.shape[-3] > 1 and added.shape[-3] % heads == 0


def of_one_head(mask: torch.Tensor) -> torch.Tensor:
    """[new token or 1, token] a mask of the first row of the batch and the first head."""
    return mask.reshape(-1, *mask.shape[-2:])[0] if mask.ndim > 2 else mask


def differs(bias: torch.Tensor, visible: torch.Tensor) -> bool:
    """Whether a bias [head, new token, token] gives a key another place in one query's row than in another's."""
    if bias.shape[1] == 1:
        return False
    apart = bias.float() - bias[:, -1:].float()
    apart = (apart - apart[..., :1]).masked_fill(~visible, 0)
    return bool(apart.abs().max() > 1e-3 * bias[:, -1].float().abs().max())


# Each step takes what was called with a chain's tensor, and says whether the chain goes on in its result.


def _number(args: tuple[Any, ...], chain: Chain) -> float | None:
    other = args[1] if args[0] is chain.tensor else args[0]
    single = isinstance(other, torch.Tensor) and other.numel() == 1
    return float(other) if single or isinstance(other, int | float) else None


def _multiplied(chain: Chain, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    number = _number(args, chain)
    if number is None or chain.weights:
        return False
    chain.multiplied(number)
    return True


def _divided(chain: Chain, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    number = _number(args, chain)
    if number is None or chain.weights or args[0] is not chain.tensor:
        return False
    chain.multiplied(1 / number)
    return True


def _added(chain: Chain, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    other = args[1] if args[0] is chain.tensor else args[0]
    if not isinstance(other, torch.Tensor) or not other.is_floating_point() or kwargs or chain.weights:
        return False
    chain.added.append((other, 1.0))
    return True


def _masked_fill(chain: Chain, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if not chain.weights:  # weights of what is hidden are zero already
        chain.masks.append((args[1], False))
    return True


def _where(chain: Chain, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if len(args) != 3 or args[1] is not chain.tensor or chain.weights:
        return False
    chain.masks.append((args[0], True))
    return True


def _softmax(chain: Chain, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    chain.weights = True
    return True


_CHANGES: dict[str, Callable[[Chain, tuple[Any, ...], dict[str, Any]], bool]] = {
    **dict.fromkeys(("mul", "mul_"), _multiplied),
    **dict.fromkeys(("div", "div_", "true_divide"), _divided),
    **dict.fromkeys(("add", "add_"), _added),
    **dict.fromkeys(("masked_fill", "masked_fill_"), _masked_fill),
    "where": _where,
    "softmax": _softmax,
}
# The names of all functions that a chain can go on in.
STEPS = frozenset((*SAME, *_CHANGES))
