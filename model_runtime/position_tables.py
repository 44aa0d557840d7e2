"""How many positions a model's own tables hold: a text beyond them would end in an index error, or worse on CUDA."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

TOKENS = 6


def table_limit(model: PreTrainedModel) -> int | None:
    """The most tokens that the shortest learned table of positions holds, None where the model has none.

    Measured in one short run: a table that is read at consecutive rows is one of positions, and the first row says how
    many are set aside (2 in OPT and BioGPT, the padding's id and one more in RoBERTa).
    """
    padding = getattr(model.config.get_text_config(decoder=True), "pad_token_id", None)
    token = 0 if padding != 0 else 1  # not the padding, which some families give no position
    lookups = _Lookups()
    with torch.inference_mode(), lookups:
        model(torch.full((1, TOKENS), token, device=model.device), use_cache=False)
    return min((rows - first for rows, first in lookups.found), default=None)


class _Lookups(TorchFunctionMode):
    """Notes which tables are read at consecutive rows, as (rows, first row)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, int]] = []

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if function is functional.embedding and len(args) > 1:
            rows = args[0].flatten()
            if len(rows) == TOKENS and bool((rows.diff() == 1).all()):
                self.found.append((len(args[1]), int(rows[0])))
        return function(*args, **(kwargs or {}))
