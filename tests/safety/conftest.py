from collections.abc import Iterator

import gradio as gr
import pytest

from tests.safety.server import Visitor, served


def pytest_configure(config: pytest.Config) -> None:
    # Gradio and its server warn about each other's versions; nothing in these tests is about that.
    for rule in (
        "ignore::DeprecationWarning",
        "ignore::ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
    ):
        config.addinivalue_line("filterwarnings", rule)


@pytest.fixture(scope="session")
def page() -> Iterator[gr.Blocks]:
    with served() as page:
        yield page


@pytest.fixture
def visitor(page: gr.Blocks) -> Visitor:
    return Visitor(page)
