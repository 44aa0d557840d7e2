"""The benchmarks that a plain run of the tests would never reach: they run, and what they count is right."""

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench import device, peers
from bench.models import SHAPES, opened, plain_tokenizer, random_ids, random_model
from bench.peer_tools import Kept, Stock
from model_runtime.model import Model

TINY = SHAPES["tiny"]
TOKENS = 24
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a benchmark and gives its last line; `printed` holds the others."""

    def of(bench: Any, *arguments: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", [bench.__name__, *arguments])
        bench.main()
        lines = capsys.readouterr().out.strip().splitlines()
        return json.loads(lines[-1]) | {"printed": lines[:-1]}

    return of


def test_the_device_benchmark_runs_on_a_cpu(run: Run) -> None:
    few = ("--prompt", str(TOKENS), "--steps", "2", "--rounds", "1")
    found = run(device, "--shape", "tiny", "--device", "cpu", *few)["found"]
    head_width = TINY.width // TINY.heads
    numbers = {
        "KV cache": 2 * TINY.layers * TINY.key_value_heads * head_width * TOKENS,
        "recording": (3 * TINY.layers + 1) * TINY.width * TOKENS,
    }
    for dtype, size in (("float32", 4), ("bfloat16", 2)):
        assert set(found[dtype]["tokens_a_second"]) == {"bare", "recorded"}
        held = found[dtype]["bytes"]
        assert held["KV cache"] == dict.fromkeys(("measured", "arithmetic"), size * numbers["KV cache"])
        assert held["recording"]["arithmetic"] == size * numbers["recording"] <= held["recording"]["measured"]
        assert all(found[dtype]["proofs"].values())
    far = found["float32"]["differences"]
    assert far["logits, recorded and stock"] < 1e-5
    assert far["weights of one head, recorded and stock eager"] < 1e-5
    assert far["share of tokens with the same most probable next"] == 1


def test_the_device_benchmark_says_what_to_do_without_a_gpu(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit):
        run(device)
    assert "--device cpu" in capsys.readouterr().err


def test_the_device_benchmark_sees_other_weights() -> None:
    bare, other = random_model(TINY), random_model(replace(TINY, inner=TINY.inner * 2))
    far = device.exactness(bare, Model(other, plain_tokenizer(TINY.vocabulary)), TOKENS)
    assert far["logits, recorded and stock"] > 1e-2
    assert far["weights of one head, recorded and stock eager"] > 1e-4


def test_peers_that_are_not_installed_are_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, _, _ in peers.PEERS.values():
        monkeypatch.setitem(sys.modules, package, None)
    found = run(peers, "--model", "tiny", "--tokens", str(TOKENS), "--steps", "2", "--prompt", "8", "--rounds", "1")
    assert found["peers"] == dict.fromkeys(peers.PEERS, "not installed")
    for name, (_, pinned, _) in peers.PEERS.items():
        assert f"{name} is not installed and left out: python -m pip install {pinned}" in found["printed"]
    assert found["differences"][peers.COMPUTED]["one head"] < 1e-5
    assert all(far["logits"] < 1e-5 for far in found["differences"].values())


def test_stock_is_counted_by_hand() -> None:
    held = Stock(random_model(TINY)).text(random_ids(TINY.vocabulary, TOKENS)).held
    patterns = TINY.layers * TINY.heads * TOKENS * TOKENS
    assert held == 4 * (patterns + (TINY.layers + 1) * TOKENS * TINY.width)


def test_a_tool_that_is_wrong_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    bare = random_model(TINY)

    class Wrong(Stock):
        def text(self, ids: tuple[int, ...]) -> Kept:
            kept = super().text(ids)
            return replace(kept, patterns=[[head + 0.01 for head in heads] for heads in kept.patterns])

    tools = {peers.STOCK: Stock(bare), "wrong": Wrong(bare)}
    found = peers.compared(tools, random_ids(TINY.vocabulary, TOKENS), 2)
    right, wrong = capsys.readouterr().out.splitlines()[1:]
    assert found["wrong"]["one head"] == pytest.approx(0.01, rel=1e-4)
    assert "DIFFERS" in wrong
    assert "DIFFERS" not in right


@pytest.mark.parametrize("name", peers.PEERS)
@pytest.mark.filterwarnings("default")  # theirs are no concern of ours
def test_a_peer_that_is_installed_equals_stock(name: str) -> None:
    package, _, _ = peers.PEERS[name]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{name} is not installed")
    tools, _ = peers.tools(*opened("tiny"))
    far = peers.compared(tools, random_ids(TINY.vocabulary, TOKENS), 2)[name]
    assert max(far.values()) <= peers.ROUNDING
