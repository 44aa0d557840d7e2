"""The proofs at load catch a wrong split, and what they catch is switched off while the rest works."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from model_runtime import FeatureUnavailable
from model_runtime import contribution_check as check
from model_runtime import installation as installing
from model_runtime.frozen import FrozenMatrix, FrozenNorm, freeze, plain
from model_runtime.model import Model
from model_runtime.selfcheck import FAILURES
from tests.runtime.comparison import moment_of
from tests.runtime.families import FAMILIES, build
from tests.runtime.test_parts import IDS
from tests.runtime.tokenizers_for_tests import byte_level


def without_mlp(parts):
    return replace(parts, mlp=None)


def louder(parts):
    return replace(parts, scale=1.1)


def without_norm(parts):
    return replace(parts, attention=replace(parts.attention, norm=None))


def turned(parts):
    projection = parts.attention.projection
    return replace(parts, attention=replace(parts.attention, projection=replace(projection, transposed=True)))


def other_projection(parts):
    return replace(parts, mlp=replace(parts.mlp, projection=parts.attention.projection))


def other_middle(parts):
    return replace(parts, attention=replace(parts.attention, module=parts.mlp.module))


def installed(family, monkeypatch, fault=None, output_fault=None):
    find, find_output = check.find_writers, check.find_output_map
    if fault is not None:
        monkeypatch.setattr(
            check,
            "find_writers",
            lambda *given: tuple(fault(parts) if at == 1 else parts for at, parts in enumerate(find(*given))),
        )
    if output_fault is not None:
        monkeypatch.setattr(check, "find_output_map", lambda *given: output_fault(find_output(*given)))
    return installing.install(build(family, FAMILIES[family]).model)


@pytest.mark.parametrize(
    ("family", "fault", "proof"),
    [
        ("llama", without_mlp, "parts make the final stream"),
        ("granite", louder, "parts make the final stream"),
        ("gemma2", without_norm, "heads make the attention"),
        ("llama", turned, "heads make the attention"),
        ("llama", other_projection, "neurons make the MLP"),
        ("llama", other_middle, "the midpoint is what the MLP reads"),
    ],
)
def test_planted_faults_are_caught(family, fault, proof, monkeypatch):
    with monkeypatch.context() as clean:
        assert all(one.passed for one in installed(family, clean).proofs)
    assert proof in {one.name for one in installed(family, monkeypatch, fault).proofs if not one.passed}


@pytest.mark.parametrize(
    ("family", "fault"),
    [
        ("llama", lambda output: replace(output, after=2.0)),
        ("cohere", lambda output: replace(output, after=1.0)),
        ("minicpm3", lambda output: replace(output, before=1.0)),
        ("gpt2", lambda output: replace(output, chain=())),
    ],
)
def test_a_wrong_way_to_the_logits_is_caught(family, fault, monkeypatch):
    failed = {one.name for one in installed(family, monkeypatch, output_fault=fault).proofs if not one.passed}
    assert "parts make the logit" in failed


def test_heads_that_are_not_those_that_are_switched_off_are_caught(monkeypatch):
    """Slices in another order sum to the same, so only switching one off tells."""
    found = check.head_values
    monkeypatch.setattr(
        check, "head_values", lambda *given: [None if one is None else one[::-1] for one in found(*given)]
    )
    failed = {one.name for one in installed("llama", monkeypatch).proofs if not one.passed}
    assert failed == {"heads make the attention"}


def test_a_block_that_writes_something_more_is_not_split():
    pair = build("llama", {})
    block = pair.model.model.layers[1]
    inner = block.forward
    block.forward = lambda hidden_states, **given: inner(hidden_states, **given) + torch.tanh(hidden_states)
    model = Model(pair.model, byte_level())
    found = model.contributions(moment_of(model, IDS), 9, 4)
    assert found.kinds == ("embedding", "attention", "MLP", "block", "attention", "MLP", "bias")
    assert "L1" in found.unsplit
    assert found.values.sum() == pytest.approx(found.total, abs=1e-4)
    assert np.isnan(found.heads[1]).all()
    assert not np.isnan(found.heads[[0, 2]]).any()
    assert model._engine.middle is False


def test_where_only_the_heads_fail_the_rest_is_still_split(monkeypatch):
    monkeypatch.setattr(check, "_head_error", lambda *given: 1.0)
    model = Model(build("llama", {}).model, byte_level())
    found = model.contributions(moment_of(model, IDS))
    assert found.heads.shape == (3, 0)
    assert "heads make the attention" in found.unsplit_heads
    assert found.values.sum() == pytest.approx(found.total, abs=1e-4)
    assert model.neurons(moment_of(model, IDS), 0).count == 48


def test_where_the_parts_cannot_be_looked_for_the_rest_of_the_model_works(monkeypatch):
    def fail(*given):
        raise FAILURES[0]("an unforeseen family")

    monkeypatch.setattr(check, "find_writers", fail)
    model = Model(build("llama", {}).model, byte_level())
    with pytest.raises(FeatureUnavailable, match="an unforeseen family"):
        model.contributions(moment_of(model, IDS))
    assert model.attention(moment_of(model, IDS), 0, 0).weights.shape == (24, 24)


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2", "granite", "olmo2", "cohere", "phi"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_16_bit_the_parts_are_found_and_sum_to_what_rounding_leaves(family, dtype):
    model = Model(build(family, FAMILIES[family]).model.to(dtype), byte_level())
    assert [proof for proof in model.card().proofs if not proof.passed] == []
    for position in (0, 9, 23):
        found = model.contributions(moment_of(model, IDS), position)
        assert found.unsplit == found.unsplit_heads == ""
        assert abs(found.error) < 0.05 * abs(found.total)
        assert found.error != 0


@pytest.mark.parametrize("family", ["llama", "gemma2", "granite"])
def test_one_huge_entry_of_the_stream_does_not_hide_the_parts(family):
    """In 16 bits such an entry, which many large models have, rounds by more than the parts are long."""
    model = build(family, FAMILIES[family]).model
    with torch.no_grad():
        model.get_input_embeddings().weight[:, 5] *= 300
    engine = installing.install(model.to(torch.bfloat16)).engine
    for parts in engine.writers:
        assert parts.scale == pytest.approx(0.5 if family == "granite" else 1, abs=0.01)
        assert parts.attention.projection is not None
        assert parts.mlp.projection is not None


def vector(width=32, seed=0):
    return torch.randn(width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("width", [31, 32])
def test_frozen_norms_are_their_formulas(width):
    with torch.no_grad():
        point, part = vector(width), plain(vector(width, 1))
        point[3] = 0  # where a division by the vector itself would fail
        layer, root = nn.LayerNorm(width), nn.RMSNorm(width)
        layer.weight.copy_(vector(width, 2))
        layer.bias.copy_(vector(width, 3))
        root.weight.copy_(vector(width, 4))
        whole = plain(point)
        deviation = (whole.var(unbiased=False) + layer.eps).sqrt()
        frozen = freeze(layer, point)
        assert isinstance(frozen, FrozenNorm)
        assert torch.allclose(frozen.forth(part), (part - part.mean()) * plain(layer.weight) / deviation, rtol=1e-5)
        assert torch.allclose(frozen.forth(whole) + frozen.bias, plain(layer(point)), atol=1e-5)
        assert torch.allclose(frozen.back(part) @ whole, part @ frozen.forth(whole))
        frozen = freeze(root, point)
        assert isinstance(frozen, FrozenNorm)
        assert not frozen.centred
        length = (whole.square().mean() + torch.finfo(torch.float32).eps).sqrt()
        assert torch.allclose(frozen.forth(part), part * plain(root.weight) / length, rtol=1e-5)


def test_what_is_no_norm_is_not_frozen():
    class Halves(nn.Module):
        """A norm of each half by itself."""

        def forward(self, given):
            return nn.functional.layer_norm(given.unflatten(-1, (2, 16)), (16,)).flatten(-2)

    with torch.no_grad():
        assert freeze(nn.GELU(), vector()) is None
        assert freeze(nn.Tanh(), vector()) is None
        assert freeze(Halves(), vector()) is None
        linear = freeze(nn.Linear(32, 5), vector())
    assert isinstance(linear, FrozenMatrix)
    assert linear.matrix.shape == (5, 32)
