"""Between the first layer and the last nothing of ours waits for a GPU, so its work can be queued without a gap."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from model_runtime.model import Model
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import ALL
from tests.runtime.families import VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

IDS = some_ids(24, VOCABULARY)
# What needs a tensor's numbers on the host, by PyTorch's names, which are the same on every device: `.item()` and
# `float()`, `bool()`, `.tolist()`, comparisons, and results whose size depends on numbers.
WAITING = {
    "aten.item.default",
    "aten._local_scalar_dense.default",
    "aten.is_nonzero.default",
    "aten.resolve_neg.default",
    "aten.equal.default",
    "aten.allclose.default",
    "aten.nonzero.default",
    "aten.where.default",
    "aten.masked_select.default",
    "aten._unique2.default",
    "aten.repeat_interleave.self_Tensor",
}
CPU = torch.device("cpu")


def waits(function, args, kwargs):
    """Whether a call needs numbers on the host."""
    name = str(function)
    if name.startswith(("aten.index.", "aten.index_put")):  # by a mask, whose size is counted
        return any(index is not None and index.dtype == torch.bool for index in args[1])
    copies = name.startswith(("aten.to.", "aten._to_copy."))
    return name in WAITING or (copies and CPU in (*args, *kwargs.values()))


class Counting(TorchDispatchMode):
    """Notes what PyTorch is asked for while it is told that layers run."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.calls = False, 0
        self.waits: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if self.inside:
            self.calls += 1
            if waits(function, args, kwargs or {}):
                self.waits.append(str(function))
        return function(*args, **kwargs or {})


def counted(model, moment):
    """What is called while the layers run over what is new in a text."""
    counting = Counting()

    def begin(module, args):
        counting.inside = True

    def end(module, args, output):
        counting.inside = False

    # The first hook before the recorder's own and the last after them.
    layers = model._engine.anatomy.layers
    hooks = [layers[0].register_forward_pre_hook(begin, prepend=True), layers[-1].register_forward_hook(end)]
    with counting:
        model.tokens(moment)
    for hook in hooks:
        hook.remove()
    return counting


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma2", "gpt_oss", "gpt2", "phi3", "falcon"])
def test_no_layer_waits(family):
    """In the prompt's pass and in a step's, with and without sliding windows, softcaps and sinks."""
    model = Model(build(family, ALL[family]).model, byte_level())
    for ids in (IDS[:20], IDS[:21]):
        found = counted(model, moment_of(model, ids))
        assert found.calls > 10 * len(model._engine.anatomy.layers)
        assert not found.waits


@pytest.mark.parametrize(
    "wait",
    [
        lambda tensor: tensor.sum().item(),
        lambda tensor: float(tensor.sum()),
        lambda tensor: bool(tensor.sum() > 0),
        lambda tensor: tensor.tolist(),
        lambda tensor: torch.equal(tensor, tensor),
        lambda tensor: tensor.cpu(),
        lambda tensor: tensor.to("cpu"),
        lambda tensor: tensor[tensor > 0],
    ],
)
def test_a_layer_that_waits_is_noticed(wait):
    model = Model(build("llama", {}).model, byte_level())

    def hook(module, args, output):
        wait(output)

    model._engine.anatomy.layers[1].register_forward_hook(hook)
    assert counted(model, moment_of(model, IDS)).waits
