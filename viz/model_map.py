"""The map of a model: its parts with the shapes of a prompt, its module tree, its parameters."""

from functools import reduce
from typing import Any, Final

from model_runtime.structure_records import AnatomyMap, Kind, ParameterPart, Shape, Stage
from viz.sentences import later, say, say_many

# Which tab shows what a part does, and what its button says.
OPENS: Final[dict[Kind, str]] = {
    "embedding": "embeddings",
    "positions": "positions",
    "blocks": "block",
    "block": "block",
    "attention": "attention",
    "MLP": "neurons",
    "norm": "block",
    "head": "contributions",
}
_NAMES: Final[dict[Kind, str]] = {
    "embedding": later("Token embeddings"),
    "positions": later("Positions"),
    "attention": later("attention"),
    "MLP": later("MLP"),
    "norm": later("norms"),
    "head": later("LM head"),
    "other": later("other"),
}


def map_payload(record: AnatomyMap) -> dict[str, Any]:
    """Turns the map into the flow, the tree and the treemap of `ModelMap`.

    Args:
        record: The map.

    Returns:
        `stages` in the order in which they ran; `tree`: rows of [depth, line, path, kind, shapes, parameters];
        `parts`: rows of [name, kind, block, parameters, share], the largest first; `treemap`: a plotly trace without
        colours; `total`, `tied` and `note` as sentences; `opens`: the tab of each kind.
    """
    behind = [stage.kind for stage in record.stages].index("blocks") if record.stages else 0
    return {
        "stages": [_stage(stage, place > behind, record) for place, stage in enumerate(record.stages)],
        "logits": shape_text(record.logits),
        "stepLogits": shape_text(record.step_logits),
        "tree": [
            [line.depth, line.text, line.path, line.kind, _way(line.given, line.returned), line.parameters]
            for line in record.tree
        ],
        "parts": _listed(record),
        "treemap": treemap(record),
        "total": say("{count} parameters in all.", count=f"{record.parameters:,}"),
        "tied": _tied(record),
        "note": _note(record),
        "opens": OPENS,
    }


def shape_text(shape: Shape | None) -> str:
    """Writes a shape as tensors' shapes are written, "" for none."""
    return "" if shape is None else f"[{', '.join(map(str, shape))}]"


def _way(given: Shape | None, returned: Shape | None) -> str:
    """Says what went in and what came out of a module that was called."""
    return " → ".join(text for text in (shape_text(given), shape_text(returned)) if text)


def _stage(stage: Stage, behind: bool, record: AnatomyMap) -> dict[str, Any]:
    """One box of the flow."""
    stream = next((one.returned for one in record.stages if one.kind == "blocks"), None)
    # Rotary positions are made once and used in every block; learned ones are vectors of the stream's width.
    beside = stage.kind == "positions" and stage.returned != stream
    return {
        "kind": stage.kind,
        "title": _title(stage, behind),
        "module": stage.module,
        "path": stage.path,
        "count": stage.count,
        "given": "" if stage.kind == "positions" else shape_text(stage.given),
        "returned": shape_text(stage.returned),
        "step": shape_text(stage.step_returned),
        "parameters": stage.parameters,
        "tied": any(stage.path in {name.rpartition(".")[0] for name in group[1:]} for group in record.tied),
        "beside": beside,
        "opens": OPENS.get(stage.kind),
    }


def _title(stage: Stage, behind: bool) -> str:
    if stage.kind == "blocks":
        return say_many("{count} block", "{count} blocks", stage.count)
    if stage.kind == "norm":
        return say("Final norm") if behind else say("Norm")
    return stage.module if stage.kind == "other" else say(_NAMES[stage.kind])


def _name(part: ParameterPart) -> str:
    """What a part of the parameters is called."""
    if part.block is not None:
        return f"{_inside(part)} {part.block}"
    return say("Final norm") if part.kind == "norm" else part.path if part.kind == "other" else say(_NAMES[part.kind])


def _inside(part: ParameterPart) -> str:
    """What a part of a block is called there."""
    return part.path.rpartition(".")[2] if part.kind == "other" else say(_NAMES[part.kind])


def _listed(record: AnatomyMap) -> list[tuple[str, str, int | None, int, float]]:
    """The parts outside the blocks and, over all blocks together, those inside, the largest first."""
    inside: dict[Kind, int] = {}
    rows: list[tuple[str, str, int | None, int]] = []
    for part in record.parts:
        if part.block is None:
            rows.append((_name(part), part.kind, None, part.count))
        else:
            inside[part.kind] = inside.get(part.kind, 0) + part.count
    rows += [(say("{part} of all blocks", part=say(_NAMES[kind])), kind, 0, count) for kind, count in inside.items()]
    return [(*row, row[3] / record.parameters) for row in sorted(rows, key=lambda row: -row[3])]


def treemap(record: AnatomyMap) -> dict[str, Any]:
    """The parameters as a plotly treemap: areas are counts, the blocks hold their parts.

    Returns:
        `ids`, `labels`, `parents`, `values`, and `kinds` and `blocks` for each area; those of an area that holds others
        are the sums of what it holds.
    """
    areas: list[tuple[str, str, str, int, str, int]] = []
    blocks: dict[int, int] = {}
    for part in record.parts:
        if part.block is not None:
            blocks[part.block] = blocks.get(part.block, 0) + part.count
    if blocks:
        areas.append(("blocks", say("blocks"), "model", sum(blocks.values()), "blocks", -1))
        areas += [
            (f"block {block}", say("block {layer}", layer=block), "blocks", count, "block", block)
            for block, count in blocks.items()
        ]
    for number, part in enumerate(record.parts):
        inside = part.block is not None
        parent = f"block {part.block}" if inside else "model"
        label = _inside(part) if inside else say("embeddings") if part.kind == "embedding" else _name(part)
        areas.append((f"part {number}", label, parent, part.count, part.kind, -1 if part.block is None else part.block))
    areas.insert(0, ("model", say("model"), "", record.parameters, "other", -1))
    names = ("ids", "labels", "parents", "values", "kinds", "blocks")
    return {name: list(column) for name, column in zip(names, zip(*areas, strict=True), strict=True)}


def _tied(record: AnatomyMap) -> str:
    """Says which weights have two names."""
    if not record.tied:
        return say("No weights are tied: every matrix is its own.")
    groups = [reduce(lambda one, more: say("{one} and {more}", one=one, more=more), group) for group in record.tied]
    return say("Tied, and counted once: {names} are the same numbers.", names="; ".join(groups))


def _note(record: AnatomyMap) -> str:
    """Says what was run to see the shapes."""
    if record.tokens < record.prompt:
        return say(
            "The shapes were measured with the prompt's first {tokens} tokens of {prompt}: one pass takes no more.",
            tokens=f"{record.tokens:,}",
            prompt=f"{record.prompt:,}",
        )
    return say_many(
        "The shapes were measured as the prompt's {count} token went through the model together.",
        "The shapes were measured as the prompt's {count} tokens went through the model together.",
        record.tokens,
    )
