"""Hugging Face ZeroGPU: what the platform's package is given, and what becomes of what it says.

The package itself is none of the requirements, so one of the same name stands in for it.
"""

import inspect
import pickle
import subprocess
import sys
import types
from collections.abc import Generator
from typing import Any

import gradio as gr
import httpx
import pytest

import app
import zerogpu
from model_runtime import Decoding
from model_runtime.elsewhere import Elsewhere, Order
from model_runtime.errors import GpuUnavailable
from model_runtime.model import Model
from settings import SettingError, read
from tests.runtime.families import build
from tests.runtime.tokenizers_for_tests import byte_level

ORDER = Order((1, 2), 0, 3, Decoding(), frozenset((2,)), (), ((), ()), False, 7)


class Spaces(types.ModuleType):
    """Takes what the platform's package takes, and refuses what it refuses."""

    def __init__(self) -> None:
        super().__init__("spaces")
        self.asked: list[int] = []
        self.raised: Exception | None = None

    def GPU(self, task: Any, *, duration: Any = None) -> Any:  # noqa: N802 - its own name
        assert inspect.isgeneratorfunction(task)
        assert callable(duration)

        def decorated(*args: Any) -> Generator[Any, None, None]:
            self.asked.append(duration(*args))
            pickle.dumps(args)
            if self.raised is not None:
                raise self.raised
            yield from task(*args)

        return decorated


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch) -> Spaces:
    found = Spaces()
    monkeypatch.setitem(sys.modules, "spaces", found)
    return found


class TestWhereItIs:
    @pytest.mark.parametrize("value", ["true", "1", "True", "t"])
    def test_the_platforms_variable_says_so(self, value: str) -> None:
        assert zerogpu.lends({"SPACES_ZERO_GPU": value})

    @pytest.mark.parametrize("environment", [{}, {"SPACES_ZERO_GPU": "false"}, {"SPACE_ID": "a/b"}])
    def test_everything_else_is_elsewhere(self, environment: dict[str, str]) -> None:
        assert not zerogpu.lends(environment)

    def test_elsewhere_nothing_of_it_is_imported_and_a_page_runs_its_models_itself(self) -> None:
        code = "import sys, app, settings; models = app.models_of(settings.read([])); "
        code += "sys.exit('spaces' in sys.modules or models.queued or models._library._next is not None)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_the_package_is_imported_before_torch_and_gradio(self, tmp_path: Any) -> None:
        (tmp_path / "spaces.py").write_text(
            "import sys\n"
            "assert not {'torch', 'gradio'} & set(sys.modules)\n"
            "def GPU(task, *, duration): return task\n"
            "def gradio_auto_wrap(task): return task\n"
        )
        code = "import sys; sys.path.insert(0, sys.argv[1]); import app, settings; "
        code += "models = app.models_of(settings.read([])); library = models._library; "
        code += "sys.exit(not (models.queued and library._next and library._device == 'cpu'))"
        environment = {"PATH": "", "SPACES_ZERO_GPU": "true", "PYTHONPATH": ":".join(sys.path)}
        ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, env=environment)
        assert ran.returncode == 0


class TestSettings:
    def test_models_stay_on_the_cpu_in_the_numbers_of_their_files(self) -> None:
        assert zerogpu.placed("auto", "auto") == ("cpu", "checkpoint")
        assert zerogpu.placed("cuda", "float32") == ("cpu", "float32")

    @pytest.mark.parametrize("device", ["cpu", "cuda:1", "spread"])
    def test_another_device_is_refused(self, device: str, spaces: Spaces, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SPACES_ZERO_GPU", "true")
        with pytest.raises(SettingError, match=f"device is '{device}'.*use auto"):
            app.models_of(read(["--device", device]))


class TestLending:
    def test_the_function_and_its_time_are_of_the_form_that_is_taken(self, spaces: Spaces) -> None:
        elsewhere = Elsewhere(zerogpu.lend)
        model = Model(build("llama", {}).model, byte_level(), name="llama")
        elsewhere.bind(model._engine)
        spaces.raised = gr.Error("No GPU was available", title="ZeroGPU client error")
        with pytest.raises(GpuUnavailable):
            next(elsewhere(ORDER))
        assert spaces.asked == [ORDER.seconds]

    @pytest.mark.parametrize(
        ("raised", "words"),
        [
            (
                gr.Error("You have exceeded your quota (9s requested vs. 3s left). ", title="ZeroGPU quota exceeded"),
                "ZeroGPU quota exceeded: You have exceeded your quota (9s requested vs. 3s left). Your text is as it",
            ),
            (gr.Error("GPU task aborted", title="ZeroGPU worker error"), "ZeroGPU worker error: GPU task aborted. "),
            (RuntimeError("ZeroGPU API /schedule error: 500"), "cannot be reached: ZeroGPU API /schedule error: 500. "),
            (httpx.ConnectError("refused"), "ZeroGPU cannot be reached: refused. "),
        ],
    )
    def test_what_the_platform_says_becomes_an_error_of_ours(
        self, spaces: Spaces, raised: Exception, words: str
    ) -> None:
        spaces.raised = raised
        lent = zerogpu.lend(_nothing, lambda order: order.seconds)
        with pytest.raises(GpuUnavailable) as told:
            next(lent(ORDER))
        assert words in str(told.value)

    def test_closing_the_stream_closes_the_platforms(self, spaces: Spaces) -> None:
        closed: list[bool] = []

        def run(order: Order) -> Generator[Any, None, None]:
            try:
                yield 1
                yield 2
            finally:
                closed.append(True)

        stream = zerogpu.lend(run, _seven)(ORDER)
        assert next(stream) == 1
        stream.close()
        assert closed == [True]


def _nothing(order: Order) -> Generator[Any, None, None]:
    yield from ()


def _seven(order: Order) -> int:
    return 7
