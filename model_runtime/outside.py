"""Attention of the families that do not call transformers' interface, read from the model's own arithmetic.

While a tape runs, every torch function that a decoder layer calls passes by here. Attention is a product of queries and
keys that is scaled, biased and masked, goes through a softmax and is multiplied with values; or it is PyTorch's fused
function, which does all of that. Whatever a family's code looks like, that chain tells what was computed, so no table
of families is needed, and the rows of weights that such a family makes are let go as it lets them go. A chain with a
step that is not known here is not attention as far as this runtime knows, and the self-check switches it off.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from model_runtime.attention_chain import STEPS, Chain, by_head, differs, of_one_head
from model_runtime.recorder import Recorder
from model_runtime.tape import AttentionCall, Tape
from model_runtime.weights import Formula

FUSED = "scaled_dot_product_attention"
FUSED_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale")
PRODUCTS = ("matmul", "bmm", "baddbmm")
CASTS = ("to", "float")
BEGINNINGS = frozenset((FUSED, *PRODUCTS, *CASTS))
QUERY_AND_KEY = "it adds a bias to its scores that depends on the query and the key, which is not reproduced here"


class Follower(TorchFunctionMode):
    """Follows what the decoder layers of one model compute, and tells its recorder of each attention."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._chain: Chain | None = None
        self._cast: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._visible: dict[tuple[int, ...], tuple[object, torch.Tensor]] = {}
        self._unbiased: set[int] = set()

    def __exit__(self, *raised: Any) -> None:
        self._chain = None
        self._cast.clear()
        self._visible.clear()
        super().__exit__(*raised)  # type: ignore[no-untyped-call]  # torch's own has no types

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Runs what was called, and looks at it; as torch fixes its name and arguments."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        # Most calls end here: this is passed some fifty times a layer.
        name, chain = getattr(func, "__name__", ""), self._chain
        if name not in BEGINNINGS and (chain is None or name not in STEPS):
            return result
        tape = self._recorder.tape
        if tape is None or not isinstance(result, torch.Tensor):
            return result
        layer = len(tape.streams) - 1  # a stream is kept when the first layer is entered, and when any is left
        if not 0 <= layer < len(self._recorder.formulas):
            return result
        if name == FUSED:
            return self._fused(tape, layer, result, {**dict(zip(FUSED_ARGUMENTS, args, strict=False)), **kwargs})
        if name in CASTS and result.ndim == 4 and result.dtype != args[0].dtype:
            self._cast[result.data_ptr()] = result, args[0]
        if chain is not None and any(one is chain.tensor for one in (*args, *kwargs.values())):
            if name in PRODUCTS and chain.weights and args[0] is chain.tensor:
                self._chain = None
                known = chain.gives(args[1], tape.rows)
                return self._finished(tape, layer, chain, args[1], result) if known else result
            if chain.goes_on(name, args, kwargs):
                chain.tensor = result
            return result
        if name in PRODUCTS:
            self._chain = self._begun(tape, name, args, kwargs, result)
        return result

    def _begun(
        self, tape: Tape, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: torch.Tensor
    ) -> Chain | None:
        """A chain if what was multiplied can be the queries of all new tokens and the keys of all tokens."""
        given = list(args)
        for argument in ("input", "batch1", "batch2", "other", "mat2"):
            if argument in kwargs:
                given.append(kwargs[argument])
        added = [(given.pop(0), float(kwargs.get("beta", 1)))] if name == "baddbmm" else []
        query, key = given[:2]
        tokens = tape.streams[-1].shape[0]
        if query.ndim < 3 or key.ndim != query.ndim or query.shape[-2] != tokens or key.shape[-1] < tokens:
            return None
        return Chain(result, query, key, float(kwargs.get("alpha", 1)), added)

    def _finished(
        self, tape: Tape, layer: int, chain: Chain, value: torch.Tensor, result: torch.Tensor
    ) -> torch.Tensor:
        """Tells the recorder of an attention that was followed to its end; what the model goes on with."""
        rows = tape.rows
        query, key = self._source(chain.query), self._source(chain.key.transpose(-1, -2))
        query, key, value = (one.reshape(rows, -1, *one.shape[-2:]) for one in (query, key, value))
        return self._told(tape, layer, (query, key, value), chain, result)

    def _fused(self, tape: Tape, layer: int, result: torch.Tensor, given: dict[str, Any]) -> torch.Tensor:
        """The same for PyTorch's fused function and what it was given."""
        query, key, value = (given[name] for name in FUSED_ARGUMENTS[:3])
        mask, scale = given.get("attn_mask"), given.get("scale")
        if query.ndim != 4 or query.shape[-2] != tape.streams[-1].shape[0]:
            return result
        chain = Chain(result, query, key, query.shape[-1] ** -0.5 if scale is None else float(scale))
        if mask is not None and mask.dtype == torch.bool:
            chain.masks.append((mask, True))
        elif mask is not None:
            chain.added.append((mask, 1.0))
        return self._told(tape, layer, (query, key, value), chain, result, causal=given.get("is_causal", False))

    def _told(
        self,
        tape: Tape,
        layer: int,
        inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        chain: Chain,
        result: torch.Tensor,
        *,
        causal: bool = False,
    ) -> torch.Tensor:
        self._cast.clear()
        query, key, value = inputs
        heads = query.shape[1]
        visible = self._mask(chain, query.shape[2], key.shape[2], heads)
        formula = Formula(
            heads=heads,
            key_value_heads=key.shape[1],
            head_width=query.shape[3],
            scaling=chain.scale,
            softcap=None,
            sinks=None,
            window=None,
            bias=self._bias(tape, layer, chain, heads, visible),
        )
        call = AttentionCall(query, key, value, visible, causal, formula, ())
        output = result.clone() if result.requires_grad else result  # a fused kernel needs its own for the gradient
        output = output.reshape(*query.shape[:3], -1).transpose(1, 2)
        self._recorder.attended(layer, call, output)
        return output.transpose(1, 2).reshape(result.shape)

    def _source(self, tensor: torch.Tensor) -> torch.Tensor:
        """A query or key as it was before it was cast for the product: the cache's own, in its own dtype."""
        cast, source = self._cast.get(tensor.data_ptr(), (None, None))
        if cast is None or source is None or cast.shape != tensor.shape or cast.stride() != tensor.stride():
            return tensor
        return source

    def _mask(self, chain: Chain, rows: int, columns: int, heads: int) -> torch.Tensor | None:
        """[1, 1, new token, token] True where visible, None where nothing was masked; made once for equal masks."""
        added = [one for one, _ in chain.added if not by_head(one, heads) or one.shape[-2] > 1]
        key = tuple(id(one) for one in (*added, *(mask for mask, _ in chain.masks)))
        if not key:
            return None
        if key not in self._visible:
            visible = torch.ones(rows, columns, dtype=torch.bool, device=chain.query.device)
            for one in added:
                visible = visible & (of_one_head(one) > torch.finfo(one.dtype).min / 2)
            for mask, shown in chain.masks:
                visible = visible & (of_one_head(mask) if shown else ~of_one_head(mask))
            # What it was made from is kept with it, so that its id stays its own.
            self._visible[key] = (added, chain.masks), visible[None, None]
        return self._visible[key][1]

    def _bias(
        self, tape: Tape, layer: int, chain: Chain, heads: int, visible: torch.Tensor | None
    ) -> torch.Tensor | None:
        """[head, token] what the scores gain by the key's place, None where nothing.

        The newest token sees every key, so its row is the bias; a further constant in another's changes no weight.
        """
        if layer in self._unbiased:
            return None
        given = [(one, scale) for one, scale in chain.added if by_head(one, heads)]
        if not given:
            return None
        # Each [head, new token or 1, token].
        biases = [one.detach().reshape(-1, *one.shape[-2:])[:heads] for one, _ in given]
        if tape.thorough:
            if not any(bool(one.any()) for one in biases):
                self._unbiased.add(layer)
                return None
            if visible is not None and any(differs(one, visible[0, 0]) for one in biases):
                self._recorder.unreadable[layer] = QUERY_AND_KEY
        bias = torch.stack([one[:, -1].float() * scale for one, (_, scale) in zip(biases, given, strict=True)]).sum(0)
        # A recorded text may be longer than the one that runs now, and needs the bias of all its keys.
        known = self._recorder.formulas[layer]
        if known is not None and known.bias is not None and known.bias.shape[1] > bias.shape[1]:
            return known.bias
        return bias
