"""Tensors and parts of recordings that go from one process to another come out as they went in."""

import pickle

import numpy as np
import pytest
import torch

from model_runtime.crossing import packed, unpacked
from model_runtime.edits import Changes, Edit, Site
from model_runtime.tape import Switch

CPU = torch.device("cpu")
DTYPES = [
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float64,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
]


def crossed(value: object) -> object:
    """As it comes out of a pipe."""
    return unpacked(pickle.loads(pickle.dumps(packed(value))), CPU)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0, 4), (2, 3, 5)])
def test_a_tensor_of_any_kind_and_shape(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = (torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 9).to(dtype)
    out = crossed(tensor)
    assert isinstance(out, torch.Tensor)
    assert (out.dtype, out.shape) == (dtype, tensor.shape)
    assert torch.equal(out, tensor)


def test_a_view_takes_along_only_what_it_shows() -> None:
    whole = torch.arange(60.0).reshape(3, 4, 5)
    view = whole.transpose(0, 2)[1:3, :, ::2]
    assert torch.equal(crossed(view), view)  # type: ignore[arg-type]
    assert len(pickle.dumps(packed(view))) < len(pickle.dumps(packed(whole.repeat(40, 1, 1)))) / 10


def test_numbers_that_are_none_keep_their_bits() -> None:
    bits = torch.tensor([0x7F800001, -1, 0x80000000 - 2**32], dtype=torch.int64).to(torch.int32)
    out = crossed(bits.view(torch.float32))
    assert isinstance(out, torch.Tensor)
    assert torch.equal(out.view(torch.int32), bits)


def test_what_comes_is_ones_own_to_write_to() -> None:
    tensor = torch.zeros(4)
    out = unpacked(packed(tensor), CPU)
    out += 1
    assert not tensor.any()


def test_what_changes_a_run() -> None:
    edit = Edit(Site("stream", 2), torch.randn(8), begin=3, end=7, add=True, channels=slice(0, 8))
    changes = Changes({1: (Switch(0), Switch(2, torch.randn(4), 1))}, (edit,))
    out = crossed(changes)
    assert isinstance(out, Changes)
    assert out.switches[1][0] == Switch(0)
    assert torch.equal(out.switches[1][1].output, changes.switches[1][1].output)  # type: ignore[arg-type]
    assert (out.edits[0].site, out.edits[0].begin, out.edits[0].end) == (edit.site, 3, 7)
    assert torch.equal(out.edits[0].value, edit.value)


def test_a_device_becomes_that_of_the_receiver_and_the_rest_stays() -> None:
    states = {0: torch.ones(2), "device": torch.device("cuda", 1), "dtype": torch.bfloat16, "flags": {0: True}}
    out = crossed(states)
    assert isinstance(out, dict)
    assert (out["device"], out["dtype"], out["flags"]) == (CPU, torch.bfloat16, {0: True})
    assert np.array_equal(out[0].numpy(), [1, 1])
