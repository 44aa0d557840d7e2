"""One block as a drawing: boxes in rows, residual connections beside them, and what differs from the original block."""

from typing import Any, Final

from model_runtime.structure_records import ENTERS, BlockDrawing, BlockStep, Feedforward, Placement, Positions
from viz.sentences import later, say, say_many

# The decoder's block of "Attention Is All You Need" (2017), base size; masked self-attention and feed-forward.
ORIGINAL: Final = BlockDrawing(
    layer=0,
    module="",
    width=512,
    steps=(
        BlockStep("attention", ("self-attention",), "", (ENTERS,)),
        BlockStep("addition", (), "", (ENTERS, 0)),
        BlockStep("norm", ("norm",), "", (1,), "LayerNorm", bias=True),
        BlockStep("MLP", ("feed-forward",), "", (2,)),
        BlockStep("addition", (), "", (2, 3)),
        BlockStep("norm", ("norm",), "", (4,), "LayerNorm", bias=True),
    ),
    result=5,
    reason="",
    scale=1.0,
    placement=("after the addition",),
    parallel=False,
    heads=8,
    key_value_heads=8,
    head_width=64,
    window=None,
    query_key_norm=False,
    maps=("attention.query", "attention.key", "attention.value", "attention.output", "MLP.1", "MLP.2"),
    biased=("MLP.1", "MLP.2"),
    positions=Positions("sinusoidal", seen=True),
    feedforward=Feedforward("ReLU", seen=True, gated=False, width=2048, experts=0),
)
OPENS: Final = {"attention": "attention", "MLP": "neurons"}
_GATED: Final = {"SiLU": "SwiGLU", "GELU": "GeGLU", "GELU (tanh)": "GeGLU", "ReLU": "ReGLU"}
_PLACES: Final[dict[Placement, str]] = {
    "before": later("before each part"),
    "before and after": later("before and after each part"),
    "after, before the addition": later("after each part, before the addition"),
    "after the addition": later("after each addition"),
    "none": later("nowhere"),
}
_POSITIONS: Final = {
    "rotary": later("rotary: turn queries and keys"),
    "learned": later("learned, added to the embeddings"),
    "sinusoidal": later("sine and cosine, added to the embeddings"),
    "ALiBi": later("ALiBi: scores fall with distance"),
    "none": later("none"),
}
UNKNOWN: Final = later("not found")


def block_payload(block: BlockDrawing) -> dict[str, Any]:
    """Turns one block, beside the original, into two drawings and a table.

    Args:
        block: The block.

    Returns:
        `own` and `original`: {"nodes", "edges", "told"}; `facts`: rows of [what, this block, the original, whether they
        differ]; `reason`: why lines are missing, "" where none are.
    """
    facts = [(what, own, old, own != old) for (what, own), (_, old) in zip(told(block), told(ORIGINAL), strict=True)]
    return {
        "own": _drawing(block),
        "original": _drawing(ORIGINAL),
        "facts": facts,
        "reason": block.reason,
    }


def told(block: BlockDrawing) -> list[tuple[str, str]]:
    """The facts of a block as words, in one order for all blocks."""
    norms = list(dict.fromkeys(step.norm for step in block.steps if step.kind == "norm"))
    places = [say(_PLACES[one]) for one in block.placement]
    feedforward = block.feedforward
    return [
        (say("Norms stand"), " / ".join(places) or say("nowhere")),
        (say("Kind of norm"), ", ".join(norms) or say("none")),
        (say("Attention and MLP"), _order(block)),
        (say("Positions"), _known(say(_POSITIONS[block.positions.kind]), block.positions.seen)),
        (say("Keys and values"), _sharing(block)),
        (say("Attention sees"), _seen(block.window)),
        (say("Norms inside the attention"), say("yes") if block.query_key_norm else say("no")),
        (say("Activation"), _activation(feedforward)),
        (say("Gated MLP"), say("no MLP") if feedforward is None else _gate(feedforward)),
        (say("Neurons"), _neurons(block)),
        (say("Biases"), _biases(block)),
    ]


def _known(fact: str, seen: bool) -> str:
    """A fact, and whether it was only read from the model's config."""
    return fact if seen else say("{fact} (by its config)", fact=fact)


def _seen(window: int | None) -> str:
    if not window:
        return say("all tokens up to its own")
    return say_many("the last {count} token", "the last {count} tokens", window)


def _order(block: BlockDrawing) -> str:
    if block.parallel is None:
        both = {"attention", "MLP"} <= {step.kind for step in block.steps}
        return say(UNKNOWN) if both else say("only one of them")
    return say("side by side, on the same stream") if block.parallel else say("one after the other")


def _sharing(block: BlockDrawing) -> str:
    if not block.heads:
        return say("no attention heads")
    if block.key_value_heads == block.heads:
        return say("each head has its own")
    if block.key_value_heads == 1:
        return say("one pair for all heads (MQA)")
    heads = block.heads // block.key_value_heads
    return say_many("{count} head has a pair (GQA)", "{count} heads share a pair (GQA)", heads)


def _activation(feedforward: Feedforward | None) -> str:
    if feedforward is None:
        return say("no MLP")
    return _known(feedforward.activation, feedforward.seen) if feedforward.activation else say(UNKNOWN)


def _gate(feedforward: Feedforward) -> str:
    if feedforward.gated is None:
        return say(UNKNOWN)
    if not feedforward.gated:
        return say("no")
    name = _GATED.get(feedforward.activation)
    return say("yes") if name is None else say("yes ({name})", name=name)


def _neurons(block: BlockDrawing) -> str:
    if block.feedforward is None:
        return say("none")
    if block.feedforward.width is None:
        experts = block.feedforward.experts
        if not experts:
            return say(UNKNOWN)
        return say_many("{count} expert, a router chooses", "{count} experts, a router chooses", experts)
    return say("{times} times the width", times=f"{block.feedforward.width / block.width:.3g}")


def _biases(block: BlockDrawing) -> str:
    """Where linear maps have biases: in the attention, in the MLP, in both, or in part of them."""
    if not block.biased:
        return say("none")
    if len(block.biased) == len(block.maps):
        return say("in every linear map")
    parts = next((step.names for step in block.steps if step.kind == "MLP"), ())
    mlp = {name for name in block.maps if name.startswith("MLP") or name.split(".")[0] in parts}
    if set(block.biased) == mlp:
        return say("in the MLP only")
    attention = set(block.maps) - mlp
    if set(block.biased) == attention:
        return say("in the attention only")
    return say("in {some} of {all} linear maps", some=len(block.biased), all=len(block.maps))


# --- the drawing ---


def _drawing(block: BlockDrawing) -> dict[str, Any]:
    """The boxes with their places, the lines between them, and the same as sentences."""
    places = placed(block.steps)
    nodes = [
        {
            "kind": step.kind,
            "row": row,
            "lane": lane,
            "title": _title(step),
            "differs": step.kind == "norm" and step.norm not in {one.norm for one in ORIGINAL.steps},
            "lines": _lines(block, step),
            "opens": OPENS.get(step.kind) if block.module else None,
        }
        for step, (row, lane) in zip(block.steps, places, strict=True)
    ]
    return {
        "nodes": nodes,
        "edges": _edges(block.steps),
        "result": block.result,
        "told": [_sentence(block, index) for index in range(len(block.steps))],
        "width": block.width,
    }


def placed(steps: tuple[BlockStep, ...]) -> list[tuple[int, int]]:
    """Finds (row, lane) of each step: below what it reads; two that share a row stand side by side.

    Returns:
        Rows from 1; lane 0 is the middle, -1 left and 1 right.
    """
    rows: list[int] = []
    for index, step in enumerate(steps):
        above = [0 if read == ENTERS else rows[read] for read in step.reads]
        # A step whose input was not found stands below the one before it.
        rows.append(1 + max(above, default=rows[index - 1] if index else 0))
    lanes = [0] * len(steps)
    for row in set(rows):
        beside = [index for index, one in enumerate(rows) if one == row]
        if len(beside) > 1:
            for index, lane in zip(beside, (-1, 1, *[1] * len(beside)), strict=False):
                lanes[index] = lane
    return list(zip(rows, lanes, strict=True))


def _edges(steps: tuple[BlockStep, ...]) -> list[dict[str, Any]]:
    """The lines: what each step reads; the oldest part of an addition is the residual connection."""
    edges = []
    for index, step in enumerate(steps):
        oldest = min(step.reads) if step.kind == "addition" else None
        edges += [{"from": read, "to": index, "residual": read == oldest} for read in step.reads]
    return edges


def _title(step: BlockStep) -> str:
    if step.kind == "norm":
        return step.norm
    return {"attention": say("Attention"), "MLP": say("MLP"), "addition": "+"}.get(step.kind, step.module)


def _lines(block: BlockDrawing, step: BlockStep) -> list[tuple[str, bool]]:
    """What stands under a box's title, each with whether the original has it otherwise."""
    if step.kind == "addition":
        return []
    # The original is no module, and a part of several modules has no name of its own.
    named = [(step.names[0], False)] if block.module and len(step.names) == 1 else []
    inside = {"attention": _attention_lines, "MLP": _mlp_lines}.get(step.kind)
    return named if inside is None else [*named, *inside(block)]


def _attention_lines(block: BlockDrawing) -> list[tuple[str, bool]]:
    if not block.heads:
        return []
    shares = block.heads != block.key_value_heads
    heads = say_many("{count} head", "{count} heads", block.heads)
    if shares:
        heads = say("{heads} heads, {shared} key/value", heads=block.heads, shared=block.key_value_heads)
    lines = [(heads, shares)]
    if block.positions.kind in ("rotary", "ALiBi"):
        lines.append((say("rotary positions") if block.positions.kind == "rotary" else "ALiBi", True))
    if block.query_key_norm:
        lines.append((say("norms inside"), True))
    if block.window:
        lines.append((say("window {tokens}", tokens=f"{block.window:,}"), True))
    return lines


def _mlp_lines(block: BlockDrawing) -> list[tuple[str, bool]]:
    feedforward = block.feedforward
    if feedforward is None:
        return []
    lines = []
    if feedforward.width:
        lines.append((say_many("{count} neuron", "{count} neurons", feedforward.width), False))
    if feedforward.experts:
        lines.append((say_many("{count} expert", "{count} experts", feedforward.experts), True))
    if feedforward.activation:
        activation = feedforward.activation
        told = say("{activation}, gated", activation=activation) if feedforward.gated else activation
        lines.append((told, bool(feedforward.gated) or activation != "ReLU"))
    return lines


def _sentence(block: BlockDrawing, index: int) -> str:
    """One step as a sentence of the list that says the same as the drawing."""
    step = block.steps[index]
    sources = [_result(block, read) for read in step.reads] or [say("something that was not found")]
    if step.kind == "addition":
        return say("Add {first} and {last}.", first=", ".join(sources[:-1]), last=sources[-1])
    lines = [line for line, _ in _lines(block, step)]
    part = f"{_title(step)} ({', '.join(lines)})" if lines else _title(step)
    return say("{part} reads {source}.", part=part, source=sources[0])


def _result(block: BlockDrawing, read: int) -> str:
    """What a step's result is called."""
    if read == ENTERS:
        return say("the stream that enters the block")
    if block.steps[read].kind == "addition":
        return say("the sum of step {step}", step=read + 1)
    return say("the result of step {step}", step=read + 1)
