"""Proves, when a model is loaded, that what will be shown is what the model does.

Every proof compares a reading with something it was not made from. A feature whose proof fails is switched off for that
model with the reason shown; the rest works.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from model_runtime.attention import head_weights
from model_runtime.caches import branch, new_cache
from model_runtime.engine import Engine
from model_runtime.records import Proof
from model_runtime.tape import Tape
from model_runtime.visibility import unpacked
from model_runtime.weights import visible_keys

TOKENS = 16
CAPTURING = "_output_capturing_hooks_installed"  # by which transformers knows that it hung its hooks in
STEPS = 5
TOGETHER = 3
# The largest difference allowed, as a share of the quantity's largest value. 16-bit models round at every operation,
# and the two sides of a comparison round differently (measured: up to 0.03 for attention, logits a little less).
BOUNDS = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 8e-2}
# A disturbed head has to move some logit by at least this share of the largest.
DISTURBANCE = 1e-6
NO_ATTENTION = "no layer computes softmax attention in a way that can be followed"
# What the unknown code of a model family can raise when it is used in an unforeseen way.
FAILURES = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, NotImplementedError)


@dataclass(frozen=True)
class Stock:
    """What the untouched model computed for the check's tokens.

    Attributes:
        ids: [1, token].
        logits: [token, vocabulary] float32.
        streams: n+1 tensors [token, width], the last of them possibly after the final norm.
    """

    ids: torch.Tensor
    logits: torch.Tensor
    streams: tuple[torch.Tensor, ...]


def stock_run(model: PreTrainedModel, vocabulary: int) -> Stock:
    """Runs the model before anything is installed in it."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, vocabulary, (1, TOKENS), generator=generator).to(model.device)
    padding = getattr(model.config.get_text_config(decoder=True), "pad_token_id", None)
    if padding is not None:  # some families give padding no position, so that steps over it are counted otherwise
        ids[ids == padding] = (padding + 1) % vocabulary
    with torch.inference_mode(), _hooks_as_before(model):
        output = model(ids, use_cache=False, output_hidden_states=True)
    return Stock(ids, output.logits[0].float(), tuple(stream[0].float() for stream in output.hidden_states))


@contextmanager
def _hooks_as_before(model: nn.Module) -> Iterator[None]:
    """Takes out what transformers hangs into a model that is asked for hidden states, which would slow every step."""
    before = {module: (set(module._forward_hooks), CAPTURING in vars(module)) for module in model.modules()}
    yield
    for module, (hooks, capturing) in before.items():
        for added in module._forward_hooks.keys() - hooks:
            del module._forward_hooks[added]
        if not capturing:
            vars(module).pop(CAPTURING, None)


def prove(engine: Engine, stock: Stock) -> tuple[Proof, ...]:
    """Runs every check.

    Args:
        engine: The model with its recorder installed.
        stock: What it computed before that.
    """
    bound = BOUNDS.get(engine.model.dtype, BOUNDS[torch.bfloat16])
    with torch.inference_mode(), engine.recorder.recording(thorough=True) as tape:
        logits = engine.model(stock.ids, use_cache=False).logits[0].float()
    checks: list[tuple[str, str, str, Callable[[], float]]] = [
        ("same logits as stock", "distribution", "the recorded model against the untouched one",
         lambda: _error(logits, stock.logits)),
        ("stepped equals one pass", "distribution", "the logits of cached steps against one pass",
         lambda: _error(_stepped(engine, stock.ids), logits)),
        ("streams are the model's own", "hidden", "the recorded streams against transformers' hidden states",
         lambda: _stream_error(engine, tape, stock)),
        ("last row of the lens is the output", "lens", "the head's reading of the last stream against the logits",
         lambda: _error(engine.unembedding(tape.streams[-1]), logits)),
        ("rows sum to one", "attention", "each row of weights and its sink share against 1",
         lambda: _row_error(engine, tape)),
        ("weights make the output", "attention", "weights times values against what the model itself went on with",
         lambda: _output_error(engine, tape)),
    ]  # fmt: skip
    proofs = [_proof(name, feature, detail, bound, measure) for name, feature, detail, measure in checks]
    if not _attending(engine, tape):
        proofs[-2:] = [Proof("attention can be recorded", "attention", False, float("nan"), bound, NO_ATTENTION)]
        return tuple(proofs)
    return (*proofs, _disturbance(engine, stock.ids, tape))


def _proof(name: str, feature: str, detail: str, bound: float, measure: Callable[[], float]) -> Proof:
    try:
        with torch.inference_mode():
            error = measure()
    except FAILURES as failure:
        return Proof(name, feature, False, float("nan"), bound, f"{detail}: {type(failure).__name__}: {failure}")
    return Proof(name, feature, error <= bound, error, bound, detail)  # a NaN fails: it is not below the bound


def _error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference as a share of the largest value expected."""
    found, expected = found.float(), expected.float()
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30))


def _stepped(engine: Engine, ids: torch.Tensor) -> torch.Tensor:
    """The logits of all positions: some in one pass, some more at once, the last few one cached step at a time.

    Several tokens on a filled cache are what a long prompt in pieces brings. Another branch is taken before the steps:
    it finds the families that keep a running state in their modules, where the next text would go on from it.
    """
    cache = new_cache(engine.anatomy.config)
    whole, more = ids[:, : -STEPS - TOGETHER], ids[:, -STEPS - TOGETHER : -STEPS]
    logits = [engine.model(part, past_key_values=cache, use_cache=True).logits[0] for part in (whole, more)]
    engine.model(ids[:, :1], past_key_values=branch(cache), use_cache=True)
    for part in ids[:, -STEPS:].split(1, dim=1):
        logits.append(engine.model(part, past_key_values=cache, use_cache=True).logits[0])
    return torch.cat(logits)


def _stream_error(engine: Engine, tape: Tape, stock: Stock) -> float:
    """Over streams 0 to n-1; transformers gives the last one after the norm, and the lens proves that one.

    Families with a running state list what leaves each block, so that theirs begin with stream 1 and end with stream n
    twice, before and after the norm.
    """
    expected = [(TOKENS, engine.anatomy.config.hidden_size)] * len(stock.streams)
    found = [tuple(stream.shape) for stream in tape.streams]
    if found != expected:
        raise ValueError(f"the streams have shapes {found}, and not one vector a token")
    lists = tape.streams[:-1], tape.streams[1:]
    return min(
        max(_error(mine, theirs) for mine, theirs in zip(streams, stock.streams[:-1], strict=True)) for streams in lists
    )


def _attending(engine: Engine, tape: Tape) -> list[int]:
    """The layers whose attention was recorded."""
    return [layer for layer, query in enumerate(tape.queries) if query is not None]


def _weights(engine: Engine, tape: Tape, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    query, keys, starts, seen = tape.queries[layer], tape.keys[layer], tape.starts[layer], tape.seen[layer]
    if query is None or keys is None or layer in engine.recorder.unreadable:
        raise ValueError(f"L{layer}: {engine.recorder.unreadable.get(layer, 'nothing was recorded')}")
    if seen is not None:
        return head_weights(engine, layer, query, keys, unpacked(seen, keys.shape[1]))
    assert starts is not None  # what the tokens see is kept in one of the two ways
    return head_weights(engine, layer, query, keys, visible_keys(starts.to(keys.device), 0, keys.shape[1]))


def _row_error(engine: Engine, tape: Tape) -> float:
    """How far rows and sinks are from one, or how much any token gives to a later one."""
    errors = []
    for layer in _attending(engine, tape):
        weights, sink = _weights(engine, tape, layer)
        errors.append(float((weights.sum(-1) + sink - 1).abs().max()))
        errors.append(float(weights.triu(1).abs().max()))
    return max(errors)


def _output_error(engine: Engine, tape: Tape) -> float:
    errors = []
    for layer in _attending(engine, tape):
        weights, _ = _weights(engine, tape, layer)
        values, output = tape.values[layer], tape.outputs[layer]
        assert values is not None  # the layer attended
        assert output is not None  # the tape was thorough
        values = values.repeat_interleave(weights.shape[0] // values.shape[0], dim=0).float()
        errors.append(_error((weights @ values).transpose(0, 1), output))
    return max(errors)


def _disturbance(engine: Engine, ids: torch.Tensor, tape: Tape) -> Proof:
    """Disturbs one recorded head a layer, each in its own row of a batch, and looks for the change in the logits."""
    name, detail = "disturbing a head moves the logits", "one head of every layer, all positions"
    layers = len(engine.anatomy.layers)
    try:
        with torch.inference_mode(), engine.recorder.recording(disturbed=True):
            logits = engine.model(ids.expand(layers + 1, -1), use_cache=False).logits.float()
    except FAILURES as failure:
        return Proof(name, "attention", False, float("nan"), DISTURBANCE, f"{type(failure).__name__}: {failure}")
    moved = (logits[:-1] - logits[-1]).abs().amax((1, 2)) / logits[-1].abs().max()  # [layer]
    still = [layer for layer in _attending(engine, tape) if not moved[layer] > DISTURBANCE]
    least = float(min((moved[layer] for layer in _attending(engine, tape)), default=torch.tensor(0.0)))
    if still:
        detail = f"disturbing a head of L{still[0]} changes nothing, so what is recorded there is not what is used"
    return Proof(name, "attention", not still, least, DISTURBANCE, detail)
