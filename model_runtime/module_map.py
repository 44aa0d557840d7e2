"""The parts of a model with the shapes that a run took in them, its module tree, and its parameters by part."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from model_runtime.anatomy import parameters
from model_runtime.caches import new_cache
from model_runtime.engine import Engine
from model_runtime.module_roles import is_norm, outside, paths_of, role, roles_of, turns
from model_runtime.recorder import first_tensor
from model_runtime.structure_records import AnatomyMap, Kind, ParameterPart, Shape, Stage, TreeLine

# "(0-5): 6 x Phi3DecoderLayer(" or "(mlp): Phi3MLP("
_LINE = re.compile(r"\((?P<name>[^()\s]+)\): (?:(?P<count>\d+) x )?")


@dataclass
class Shapes:
    """What went through the modules in one pass, in the order in which they were called first.

    Attributes:
        given: Module name -> shape of the first tensor among its arguments, None without one.
        returned: Module name -> shape of the first tensor that it returned.
    """

    given: dict[str, Shape | None] = field(default_factory=dict)
    returned: dict[str, Shape | None] = field(default_factory=dict)


def anatomy_map(engine: Engine, ids: tuple[int, ...], context: int) -> AnatomyMap:
    """The map of a model, with the shapes of a prompt.

    Args:
        engine: The model. The caller holds its lock.
        ids: The prompt; what exceeds one pass is left out.
        context: The most tokens that fit.
    """
    model = engine.model
    with engine.running():
        once, then, logits, step_logits = _measured(engine, ids[: engine.unembedding.rows], context)
    paths, roles = paths_of(model), roles_of(engine)
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    return AnatomyMap(
        tokens=logits[1],
        prompt=len(ids),
        stages=tuple(_stages(engine, paths[engine.anatomy.layers], roles, once, then)),
        logits=logits,
        step_logits=step_logits,
        tree=tuple(_tree(model, roles, once)),
        parts=_parts(engine, paths, roles),
        parameters=parameters(model),
        tied=tuple(tuple(group) for group in names.values() if len(group) > 1),
    )


@contextmanager
def watched(model: nn.Module) -> Iterator[Shapes]:
    """Inside, every module's calls leave their shapes."""
    shapes = Shapes()

    def entered(name: str) -> Any:
        def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = next((one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor)), None)
            shapes.given.setdefault(name, None if given is None else tuple(given.shape))

        return note

    def left(name: str) -> Any:
        def note(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            first = first_tensor(output)
            shapes.returned.setdefault(name, None if first is None else tuple(first.shape))

        return note

    with ExitStack() as hooks:
        for name, module in model.named_modules():
            hooks.callback(module.register_forward_pre_hook(entered(name), with_kwargs=True).remove)
            hooks.callback(module.register_forward_hook(left(name)).remove)
        yield shapes


def _measured(engine: Engine, ids: tuple[int, ...], context: int) -> tuple[Shapes, Shapes, Shape, Shape | None]:
    """The shapes of a prompt's pass, of one more token's pass, and of both passes' logits."""
    model = engine.model
    given = torch.tensor([ids], device=model.device)
    cache = new_cache(engine.anatomy.config) if engine.cached else None
    with watched(model) as once:
        logits = model(given, past_key_values=cache, use_cache=engine.cached).logits
    if cache is None or len(ids) >= context:
        return once, Shapes(), tuple(logits.shape), None
    with watched(model) as then:
        step = model(logits[:, -1:].argmax(-1), past_key_values=cache, use_cache=True).logits
    return once, then, tuple(logits.shape), tuple(step.shape)


def _stages(engine: Engine, layers: str, roles: dict[str, Kind], once: Shapes, then: Shapes) -> Iterator[Stage]:
    """The parts that ran, in their order; the blocks are one of them."""
    modules = dict(engine.model.named_modules())
    beside = dict(outside(engine.model, layers))
    count = len(engine.anatomy.layers)
    first, last = f"{layers}.0", f"{layers}.{count - 1}"
    counted: set[nn.Parameter] = set()

    def new(module: nn.Module) -> int:
        fresh = [one for one in module.parameters() if one not in counted]
        counted.update(fresh)
        return sum(parameter.numel() for parameter in fresh)

    for path in once.given:
        if path == first:
            yield Stage(
                "blocks", path, type(modules[path]).__name__, count,
                once.given[first], once.returned.get(last), then.given.get(first), then.returned.get(last),
                new(engine.anatomy.layers),
            )  # fmt: skip
        elif path in beside and _does_something(modules[path]):
            yield Stage(
                roles[path], path, type(modules[path]).__name__, 1,
                once.given[path], once.returned.get(path), then.given.get(path), then.returned.get(path),
                new(modules[path]),
            )  # fmt: skip


def _does_something(module: nn.Module) -> bool:
    """Whether it is more than a dropout."""
    return next(module.parameters(), None) is not None or turns(module) or is_norm(module)


def _tree(model: nn.Module, roles: dict[str, Kind], once: Shapes) -> Iterator[TreeLine]:
    """The lines of `print(model)`, each with the module it stands for."""
    modules = dict(model.named_modules())
    above = [""]  # the names of the modules that a line lies in; the model itself has none
    for number, line in enumerate(str(model).splitlines()):
        text = line.lstrip()
        depth = (len(line) - len(text)) // 2
        found = _LINE.match(text)
        # Of equal ones that are folded, "(0-5): 6 x ", the first.
        name = "" if found is None else found["name"].partition("-")[0] if found["count"] else found["name"]
        path = ".".join([*above[1:depth], name])
        if found is None or path not in modules:
            yield TreeLine(depth, text, "", "other", None, None, 0 if number else parameters(model))
            continue
        above = [*above[:depth], name]
        times = int(found["count"] or 1)
        yield TreeLine(
            depth, text, path, role(path, roles), once.given.get(path), once.returned.get(path),
            times * parameters(modules[path]),
        )  # fmt: skip


def _parts(engine: Engine, paths: dict[nn.Module, str], roles: dict[str, Kind]) -> tuple[ParameterPart, ...]:
    """All parameters, by what they are for."""
    blocks = {paths[layer]: index for index, layer in enumerate(engine.anatomy.layers)}
    counts: dict[tuple[Kind, str, int | None], int] = {}
    for name, parameter in engine.model.named_parameters():
        kind, path = _owner(name.rpartition(".")[0], roles)
        parent = path.rpartition(".")[0]
        block = blocks.get(parent, blocks.get(path))
        # What a block has several of counts together: its norms, or an MLP's maps where they lie in the block itself.
        several = [one for one, other in roles.items() if other == kind and one.rpartition(".")[0] == parent]
        key = (kind, parent if block is not None and len(several) > 1 else path, block)
        counts[key] = counts.get(key, 0) + parameter.numel()
    return tuple(ParameterPart(kind, path, block, count) for (kind, path, block), count in counts.items())


def _owner(path: str, roles: dict[str, Kind]) -> tuple[Kind, str]:
    """What a module is for, and the module that says so."""
    at = path
    while at:
        if at in roles:
            return ("other" if roles[at] in ("block", "blocks") else roles[at]), at
        at = at.rpartition(".")[0]
    return "other", path
