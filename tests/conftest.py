import os
from pathlib import Path

# Before torch is imported, which reads it then: tests run side by side, and threads that wait for work would spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# Machines are shared: how long an example takes says nothing.
settings.register_profile("tokenscope", deadline=None)
settings.load_profile("tokenscope")

HERE = Path(__file__).resolve().parent
SERVED = {"browser", "endpoints", "safety"}  # folders whose tests serve the page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Gradio and its server warn about each other's versions; nothing in these tests is about that.
    for item in items:
        if item.path.relative_to(HERE).parts[0] in SERVED:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))
