"""One block as a drawing: boxes in rows, residual connections beside them, and what differs from the original block."""

from typing import Any, Final

from model_runtime.structure_records import ENTERS, BlockDrawing, BlockStep, Feedforward, Placement, Positions

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
    "before": "before each part",
    "before and after": "before and after each part",
    "after, before the addition": "after each part, before the addition",
    "after the addition": "after each addition",
    "none": "nowhere",
}
_POSITIONS: Final = {
    "rotary": "rotary: turn queries and keys",
    "learned": "learned, added to the embeddings",
    "sinusoidal": "sine and cosine, added to the embeddings",
    "ALiBi": "ALiBi: scores fall with distance",
    "none": "none",
}
_CONFIG: Final = " (by its config)"
UNKNOWN: Final = "not found"


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
    feedforward = block.feedforward
    return [
        ("Norms stand", " / ".join(_PLACES[one] for one in block.placement) or "nowhere"),
        ("Kind of norm", ", ".join(norms) or "none"),
        ("Attention and MLP", _order(block)),
        ("Positions", _POSITIONS[block.positions.kind] + ("" if block.positions.seen else _CONFIG)),
        ("Keys and values", _sharing(block)),
        ("Attention sees", f"the last {block.window:,} tokens" if block.window else "all tokens up to its own"),
        ("Norms inside the attention", "yes" if block.query_key_norm else "no"),
        ("Activation", _activation(feedforward)),
        ("Gated MLP", "no MLP" if feedforward is None else _gate(feedforward)),
        ("Neurons", _neurons(block)),
        ("Biases", _biases(block)),
    ]


def _order(block: BlockDrawing) -> str:
    if block.parallel is None:
        return UNKNOWN if {"attention", "MLP"} <= {step.kind for step in block.steps} else "only one of them"
    return "side by side, on the same stream" if block.parallel else "one after the other"


def _sharing(block: BlockDrawing) -> str:
    if not block.heads:
        return "no attention heads"
    if block.key_value_heads == block.heads:
        return "each head has its own"
    if block.key_value_heads == 1:
        return "one pair for all heads (MQA)"
    return f"{block.heads // block.key_value_heads} heads share a pair (GQA)"


def _activation(feedforward: Feedforward | None) -> str:
    if feedforward is None:
        return "no MLP"
    return (feedforward.activation or UNKNOWN) + ("" if feedforward.seen or not feedforward.activation else _CONFIG)


def _gate(feedforward: Feedforward) -> str:
    if feedforward.gated is None:
        return UNKNOWN
    name = _GATED.get(feedforward.activation)
    return ("yes" if name is None else f"yes ({name})") if feedforward.gated else "no"


def _neurons(block: BlockDrawing) -> str:
    if block.feedforward is None:
        return "none"
    if block.feedforward.width is None:
        experts = block.feedforward.experts
        return f"{experts} experts, a router chooses" if experts else UNKNOWN
    return f"{block.feedforward.width / block.width:.3g} times the width"


def _biases(block: BlockDrawing) -> str:
    """Where linear maps have biases: in the attention, in the MLP, in both, or in part of them."""
    if not block.biased:
        return "none"
    if len(block.biased) == len(block.maps):
        return "in every linear map"
    parts = next((step.names for step in block.steps if step.kind == "MLP"), ())
    mlp = {name for name in block.maps if name.startswith("MLP") or name.split(".")[0] in parts}
    if set(block.biased) == mlp:
        return "in the MLP only"
    attention = set(block.maps) - mlp
    if set(block.biased) == attention:
        return "in the attention only"
    return f"in {len(block.biased)} of {len(block.maps)} linear maps"


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
    return {"attention": "Attention", "MLP": "MLP", "addition": "+"}.get(step.kind, step.module)


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
    lines = [(f"{block.heads} heads" + (f", {block.key_value_heads} key/value" if shares else ""), shares)]
    if block.positions.kind in ("rotary", "ALiBi"):
        lines.append(("rotary positions" if block.positions.kind == "rotary" else "ALiBi", True))
    if block.query_key_norm:
        lines.append(("norms inside", True))
    if block.window:
        lines.append((f"window {block.window:,}", True))
    return lines


def _mlp_lines(block: BlockDrawing) -> list[tuple[str, bool]]:
    feedforward = block.feedforward
    if feedforward is None:
        return []
    lines = [(f"{feedforward.width:,} neurons", False)] if feedforward.width else []
    if feedforward.experts:
        lines.append((f"{feedforward.experts} experts", True))
    if feedforward.activation:
        gated = ", gated" if feedforward.gated else ""
        lines.append((f"{feedforward.activation}{gated}", bool(feedforward.gated) or feedforward.activation != "ReLU"))
    return lines


def _sentence(block: BlockDrawing, index: int) -> str:
    """One step as a sentence of the list that says the same as the drawing."""
    step = block.steps[index]
    sources = [_result(block, read) for read in step.reads] or ["something that was not found"]
    if step.kind == "addition":
        return f"Add {', '.join(sources[:-1])} and {sources[-1]}."
    lines = [line for line, _ in _lines(block, step)]
    more = f" ({', '.join(lines)})" if lines else ""
    return f"{_title(step)}{more} reads {sources[0]}."


def _result(block: BlockDrawing, read: int) -> str:
    """What a step's result is called."""
    if read == ENTERS:
        return "the stream that enters the block"
    return f"the sum of step {read + 1}" if block.steps[read].kind == "addition" else f"the result of step {read + 1}"
