"""Which keys each token sees: in most models an unbroken run that ends at itself, and in some what the model chooses.

Of a run only its start is kept. What is no run is kept as a bit for each query and key, packed eight to a byte.
"""

from typing import NamedTuple

import torch

from model_runtime.weights import visible_keys

# The starts of masks met in one pass, by the mask's `id`: the layers of one kind share one mask.
Met = dict[int, torch.Tensor]


class Mask(NamedTuple):
    """What hides keys in one layer.

    Attributes:
        visible: [batch, head or 1, new token, token], True where visible, or None.
        causal: Whether a missing one means that later tokens are hidden.
        chosen: Whether the model chose the keys.
        rows: New tokens.
        columns: All tokens.
    """

    visible: torch.Tensor | None
    causal: bool
    chosen: bool
    rows: int
    columns: int


def with_choice(mask: torch.Tensor | None, indices: torch.Tensor | None, keys: int) -> torch.Tensor | None:
    """The mask of an attention that looks only at keys [batch, new token, choice] which its model chose, if it does.

    Stock attention gets such a mask ready made; to a function of another name the model hands the choice itself.
    """
    if indices is None:
        return mask
    chosen = torch.zeros(*indices.shape[:-1], keys, dtype=torch.bool, device=indices.device)
    chosen = chosen.scatter(-1, indices.long(), True)[:, None]
    return chosen if mask is None else mask & chosen


def starts_of(mask: Mask, met: Met) -> torch.Tensor | None:
    """The first visible key of each new token, None where what it sees is no unbroken run that ends at itself.

    Args:
        mask: A layer's.
        met: What is known of this pass's masks, all of which still exist; this one is added.
    """
    visible = mask.visible
    if visible is None and not mask.causal and mask.rows > 1:
        return None
    if id(visible) in met:
        return met[id(visible)]
    if visible is None:
        starts = torch.zeros(mask.rows, dtype=torch.long)
    elif visible.dtype != torch.bool or visible.shape[1] != 1:
        return None
    else:
        only = visible[0, 0]  # [new token, token]
        starts = only.int().argmax(-1)
        expected = visible_keys(starts, mask.columns - mask.rows, mask.columns)
        if not torch.equal(expected, only[:, : mask.columns]):
            return None
        starts = starts.cpu()
    met[id(visible)] = starts
    return starts


def packed(mask: torch.Tensor | None, columns: int) -> torch.Tensor | None:
    """[new token, byte] what a mask shows of so many keys, eight to a byte; None where it is not one for all heads."""
    if mask is None or mask.dtype != torch.bool or mask.shape[1] != 1:
        return None
    shown = torch.nn.functional.pad(mask[0, 0, :, :columns], (0, -columns % 8))
    bits: torch.Tensor = shown.unflatten(-1, (-1, 8)).to(torch.uint8) << _places(mask.device)
    return bits.sum(-1, dtype=torch.uint8)


def unpacked(seen: torch.Tensor, columns: int) -> torch.Tensor:
    """Boolean [token, key] of so many keys, be they fewer or more than were packed."""
    bits = ((seen[..., None] >> _places(seen.device)) & 1).flatten(-2)[:, :columns].bool()
    return torch.nn.functional.pad(bits, (0, columns - bits.shape[1]))


def stacked(seen: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """What neighbouring tokens see, as one; the later ones know of more keys."""
    return torch.cat([torch.nn.functional.pad(seen, (0, after.shape[1] - seen.shape[1])), after])


def _places(device: torch.device) -> torch.Tensor:
    return torch.arange(8, dtype=torch.uint8, device=device)
