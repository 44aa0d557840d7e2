"""One block as it runs: its flow, where its norms stand, its heads, how it learns positions, where biases are."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import nn

from model_runtime.anatomy import window
from model_runtime.block_flow import Flow, Run, flow_of, norm_of, watch_block
from model_runtime.engine import Engine
from model_runtime.feedforward import feedforward_of
from model_runtime.module_roles import FREQUENCIES, children_of, outside, paths_of
from model_runtime.structure_records import (
    ENTERS,
    BlockDrawing,
    Placement,
    Positions,
)
from model_runtime.writers import is_matrix

# Tokens of the short texts that a block is watched with.
TOKENS: Final = 16
# A query is turned where it differs by more than this share from that of the same token at the first position.
TURNED: Final = 1e-2


def block_drawing(engine: Engine, layer: int, ids: Sequence[int], positions: Positions) -> BlockDrawing:
    """One block as it runs. The caller holds the model's lock.

    Args:
        engine: The model.
        layer: Block index.
        ids: Any short text; nothing that is told depends on it.
        positions: From `positions_of`.
    """
    block, writers = engine.anatomy.layers[layer], engine.writers[layer]
    run = watch_block(engine, layer, ids)
    with engine.running():
        flow = flow_of(run, block, writers)
        feedforward = feedforward_of(engine, layer, run, flow)
    formula = engine.recorder.formulas[layer]
    attends = any(step.kind == "attention" for step in flow.steps)
    config = engine.anatomy.config
    heads = formula.heads if formula else int(getattr(config, "num_attention_heads", 0) or 0) if attends else 0
    shared = formula.key_value_heads if formula else int(getattr(config, "num_key_value_heads", None) or heads)
    linear = _maps(run)
    return BlockDrawing(
        layer=layer,
        module=type(block).__name__,
        width=run.before.shape[-1],
        steps=flow.steps,
        result=flow.result,
        reason=_reason(flow),
        scale=1.0 if writers is None else writers.scale,
        placement=placements(flow),
        parallel=_parallel(flow),
        heads=heads,
        key_value_heads=shared if heads else 0,
        head_width=formula.head_width if formula else (run.before.shape[-1] // heads if heads else 0),
        window=(formula.window or window(config, layer)) if formula else None,
        query_key_norm=_norms_inside(run, block, engine, layer),
        maps=tuple(linear),
        biased=tuple(name for name, module in linear.items() if getattr(module, "bias", None) is not None),
        positions=positions,
        feedforward=feedforward,
    )


def _reason(flow: Flow) -> str:
    """Why the flow is not whole, "" where it is."""
    if flow.result is None:
        return "What leaves this block is no sum of what its parts gave, so its additions cannot all be drawn."
    if not all(step.reads for step in flow.steps):
        lost = next(step for step in flow.steps if not step.reads)
        return f"What {lost.names[0]!r} takes in is no result of the parts before it, so its line is missing."
    return ""


# --- where the norms stand ---


def placements(flow: Flow) -> tuple[Placement, ...]:
    """Where the norms of attention and MLP stand, in their order; equal ones once."""
    found = [_placement(flow, index) for index, step in enumerate(flow.steps) if step.kind in ("attention", "MLP")]
    return tuple(dict.fromkeys(found))


def _placement(flow: Flow, part: int) -> Placement:
    """Where the norms of one part stand."""
    steps = flow.steps
    reads = steps[part].reads[0] if steps[part].reads else ENTERS
    after = next((index for index in _readers(flow, part) if steps[index].kind == "norm"), None)
    if after is None:
        sums = [index for index in _readers(flow, part) if steps[index].kind == "addition"]
        normed = [index for one in sums for index in _readers(flow, one) if steps[index].kind == "norm"]
        # The original norms the sum itself: all that comes later reads the norm, and nothing the sum.
        if (
            normed
            and all(_readers(flow, one) == [index] for one in sums for index in normed)
            and _carries(flow, normed)
        ):
            return "after the addition"
    before = reads != ENTERS and steps[reads].kind == "norm" and not _is_stream(flow, reads)
    if before and after is not None:
        return "before and after"
    if after is not None:
        return "after, before the addition"
    return "before" if before else "none"


def _carries(flow: Flow, norms: list[int]) -> bool:
    return all(_is_stream(flow, norm) for norm in norms)


def _is_stream(flow: Flow, norm: int) -> bool:
    """Whether a norm's result goes on as the stream: it leaves the block, or later parts are added to it."""
    if flow.result == norm:
        return True
    parts = {index for index in _readers(flow, norm) if flow.steps[index].kind != "addition"}
    sums = [flow.steps[index].reads for index in _readers(flow, norm) if flow.steps[index].kind == "addition"]
    return bool(parts) and any(set(reads) & parts for reads in sums)


def _readers(flow: Flow, index: int) -> list[int]:
    return [other for other, step in enumerate(flow.steps) if index in step.reads]


def _parallel(flow: Flow) -> bool | None:
    """Whether the MLP's stream is the one that the attention reads too."""
    origins = {step.kind: _origin(flow, index) for index, step in enumerate(flow.steps)}
    if "attention" not in origins or "MLP" not in origins or None in origins.values():
        return None
    return origins["attention"] == origins["MLP"]


def _origin(flow: Flow, index: int) -> int | None:
    """The stream that a step reads, through its norm; None where that is not known."""
    reads = flow.steps[index].reads
    if not reads:
        return None
    source = reads[0]
    if source != ENTERS and flow.steps[source].kind == "norm" and not _is_stream(flow, source):
        return _origin(flow, source)
    return source


# --- the attention ---


def _norms_inside(run: Run, block: nn.Module, engine: Engine, layer: int) -> bool:
    """Whether there are norms inside the attention, as those of queries and keys are."""
    names = [name for name, kind in children_of(block, engine.writers[layer]).items() if kind == "attention"]
    inside = [call for call in run.calls if any(call.name.startswith(f"{name}.") for name in names)]
    return any(norm_of(call) is not None for call in inside)


def _maps(run: Run) -> dict[str, nn.Module]:
    """The linear maps that ran, by name."""
    return {call.name: call.module for call in run.calls if is_matrix(call.module)}


def positions_of(engine: Engine, token: int) -> tuple[Positions, ...]:
    """How each block learns where tokens stand, seen on one token again and again. The caller holds the model's lock.

    At each of its positions such a text has the same stream and the same queries, unless positions make the difference:
    added to the stream before the first block, or turning the queries.

    Args:
        engine: The model.
        token: Any token that is not special.
    """
    with engine.running(), engine.recorder.recording() as tape:
        engine.model(torch.full((1, TOKENS), token, device=engine.model.device), use_cache=False)
        added = _differs(tape.streams[0])
    if added:
        table = Positions("learned" if _learned(engine) else "sinusoidal", seen=True)
        return (table,) * len(engine.anatomy.layers)
    rotated = _rotated(engine)
    found = []
    for queries in tape.queries:
        if queries is None:
            found.append(_told(engine))
        elif _differs(queries.transpose(0, 1).flatten(1)):
            found.append(Positions("rotary", seen=True, rotated=rotated))
        else:
            found.append(Positions("ALiBi", seen=False) if _slopes(engine) else Positions("none", seen=True))
    return tuple(found)


def _differs(vectors: torch.Tensor) -> bool:
    """Whether [token, width] vectors differ from the first."""
    return bool((vectors - vectors[:1]).abs().max() > TURNED * vectors.abs().max())


def _learned(engine: Engine) -> bool:
    """Whether there is a learned table beside the tokens' one."""
    layers = paths_of(engine.model)[engine.anatomy.layers]
    tables = [module for _, part in outside(engine.model, layers) for module in part.modules()]
    embedding = engine.model.get_input_embeddings()
    return any(isinstance(one, nn.Embedding) and one is not embedding for one in tables)


def _rotated(engine: Engine) -> int | None:
    """How many numbers of a query the frequencies turn, two each; None where there are several sets, or none."""
    sizes = {2 * len(values) for name, values in engine.model.named_buffers() if FREQUENCIES.search(name)}
    return sizes.pop() if len(sizes) == 1 else getattr(engine.anatomy.config, "rotary_dim", None)


def _slopes(engine: Engine) -> bool:
    """Whether the family adds ALiBi's distances to its scores: its code or its config says so."""
    named = any("alibi" in name for name in dir(type(engine.model.base_model)))
    return bool(getattr(engine.anatomy.config, "alibi", named))


def _told(engine: Engine) -> Positions:
    """What the model's code and config say, where its queries were not seen."""
    if _slopes(engine):
        return Positions("ALiBi", seen=False)
    rotated = _rotated(engine)
    return Positions("none" if rotated is None else "rotary", seen=False, rotated=rotated)
