from collections.abc import Iterator

import gradio as gr
import pytest

from tests.safety.server import Visitor, as_on_a_space
from tests.serving import served


@pytest.fixture(scope="session")
def page() -> Iterator[gr.Blocks]:
    with served(as_on_a_space()) as page:
        yield page


@pytest.fixture
def visitor(page: gr.Blocks) -> Visitor:
    return Visitor(page)
