"""The direction of imports: errors < records, moment < model_runtime | viz figures < components < panels < app.py."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("model_runtime", "viz", "builtin_model", "bench", "deploy", "settings", "zerogpu", "app", "tests")
RECORDS = {f"model_runtime.{path.stem}" for path in (ROOT / "model_runtime").glob("*records.py")}
#: What a picture may know of the runtime: plain data, no torch.
DATA = {"model_runtime.errors", "model_runtime.moment", "model_runtime.interventions"} | RECORDS
#: What a model needs.
MODEL_LIBRARIES = {"torch", "transformers", "tokenizers", "safetensors"}


def _room(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    if parts[0] == "viz":
        return f"viz.{parts[1]}" if len(parts) > 2 else "viz.figures"
    if parts[0] == "model_runtime" and path.stem in {"errors", "interventions", "moment"}:
        return path.stem
    if parts[0] == "model_runtime" and path.stem.endswith("records"):
        return "records"
    return parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the full name"
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _sources() -> list[Path]:
    listed = [path for folder in ("model_runtime", "viz", "builtin_model") for path in (ROOT / folder).rglob("*.py")]
    return sorted([*listed, ROOT / "settings.py", ROOT / "zerogpu.py", ROOT / "app.py"])


def _offences(path: Path) -> list[str]:
    imports = _imports(path)
    ours = {name for name in imports if name.split(".")[0] in OURS}
    roots = {name.split(".")[0] for name in imports}
    room = _room(path)
    allowed = {
        "errors": set(),
        "records": {"model_runtime.errors"} | RECORDS,
        "interventions": {"model_runtime.errors"},
        "moment": {"model_runtime.errors", "model_runtime.interventions"},
        "model_runtime": {"model_runtime"},
        "viz.sentences": {"model_runtime.errors", "viz.sentences"},
        "viz.figures": DATA | {"viz"},
        "viz.components": DATA | {"viz"},
        "viz.panels": {"model_runtime", "viz"},
        "builtin_model": {"builtin_model", "model_runtime"},
        "settings": set(),
        "zerogpu": {"model_runtime", "settings"},
        "app": {"viz", "model_runtime", "settings", "zerogpu"},
    }[room]
    bad = [name for name in ours if not any(name == door or name.startswith(door + ".") for door in allowed)]
    if room == "viz.figures":
        bad += [name for name in imports if name.startswith(("viz.components", "viz.panels"))]
    if room == "viz.components":
        bad += [name for name in imports if name.startswith("viz.panels")]
    if room.startswith("viz") or room in {"errors", "records", "interventions", "moment", "settings", "zerogpu", "app"}:
        bad += roots & MODEL_LIBRARIES
    if room == "viz.figures" or room in {"errors", "records", "interventions", "moment", "model_runtime", "settings"}:
        bad += roots & {"gradio"}
    if room == "model_runtime":
        bad += roots & {"plotly", "bertviz", "viz"}
    return bad


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_go_one_way(path: Path) -> None:
    assert _offences(path) == []


def test_the_check_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    figure = tmp_path / "viz" / "figure.py"
    figure.parent.mkdir()
    figure.write_text("import torch\nfrom viz.panels import page\nfrom model_runtime.model import Model\n")
    assert set(_offences(figure)) >= {"torch", "viz.panels", "model_runtime.model"}


@pytest.mark.parametrize("package", ["model_runtime", "model_runtime.records", "model_runtime.moment"])
def test_plain_data_needs_no_torch(package: str) -> None:
    code = f"import sys, {package}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
