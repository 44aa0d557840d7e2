"""What each module of a model is for: embedding, attention, MLP, norm, output head."""

import re

from torch import nn

from model_runtime.engine import Engine
from model_runtime.structure_records import Kind
from model_runtime.writers import Writer, Writers

# Buffers in which families keep the frequencies of rotary positions.
FREQUENCIES = re.compile(r"inv_freq$|^(full|sliding\w*)_inv_freq$")


def paths_of(model: nn.Module) -> dict[nn.Module, str]:
    """Every module's (first) name."""
    return {module: name for name, module in model.named_modules()}


def roles_of(engine: Engine) -> dict[str, Kind]:
    """Names of modules -> what they are for; what lies inside such a module is for the same."""
    model, layers = engine.model, engine.anatomy.layers
    paths = paths_of(model)
    found: dict[str, Kind] = {paths[layers]: "blocks"}
    for layer, writers in zip(layers, engine.writers, strict=True):
        found[paths[layer]] = "block"
        for name, kind in children_of(layer, writers).items():
            found[f"{paths[layer]}.{name}"] = kind
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    for path, module in outside(model, paths[layers]):
        if module is embedding:
            found[path] = "embedding"
        elif module is head:
            found[path] = "head"
        elif isinstance(module, nn.Embedding) or turns(module):
            found[path] = "positions"
        else:
            found[path] = "norm" if is_norm(module) else "other"
    return found


def role(path: str, roles: dict[str, Kind]) -> Kind:
    """What a module is for: its own role, else that of the nearest module around it that has one."""
    while path:
        if path in roles:
            return roles[path]
        path = path.rpartition(".")[0]
    return "other"


def outside(model: nn.Module, layers: str) -> list[tuple[str, nn.Module]]:
    """The parts beside the blocks: modules that neither hold the layers nor lie in them, the outermost of each."""
    found = []
    for path, module in model.named_modules():
        parent = path.rpartition(".")[0]
        holds = path == "" or layers == path or layers.startswith(path + ".")
        if not holds and (parent == "" or layers.startswith(parent + ".")):
            found.append((path, module))
    return found


def children_of(layer: nn.Module, writers: Writers | None) -> dict[str, Kind]:
    """What the direct children of a block are for."""
    attention = _holder(layer, writers.attention if writers else None)
    mlp = _holder(layer, writers.mlp if writers else None)
    found: dict[str, Kind] = {}
    for name, child in layer.named_children():
        called = "attention" in type(child).__name__.lower() or "attn" in name.lower()
        if child is attention or (attention is None and called and not is_norm(child)):
            found[name] = "attention"
        elif child is mlp:
            found[name] = "MLP"
        elif is_norm(child):
            found[name] = "norm"
        else:
            found[name] = "MLP" if has_matrix(child) else "other"
    return found


def _holder(layer: nn.Module, writer: Writer | None) -> nn.Module | None:
    """The child of a block that makes what a part writes."""
    if writer is None:
        return None
    maker = writer.module if writer.projection is None else writer.projection.module
    return next((child for child in layer.children() if any(maker is one for one in child.modules())), None)


def is_norm(module: nn.Module) -> bool:
    """Whether it looks like a norm: no matrices, and named so or scaling its input by a vector."""
    named = "norm" in type(module).__name__.lower()
    return not has_matrix(module) and (named or getattr(getattr(module, "weight", None), "ndim", 0) == 1)


def has_matrix(module: nn.Module) -> bool:
    """Whether there are matrices (or more) among its parameters."""
    return any(parameter.ndim > 1 for parameter in module.parameters())


def turns(module: nn.Module) -> bool:
    """Whether it holds the frequencies of rotary positions."""
    return any(FREQUENCIES.search(name.rpartition(".")[2]) for name, _ in module.named_buffers())
