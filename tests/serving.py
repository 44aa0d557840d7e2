"""The page, served in this process over models that a test holds."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported, which reads it then

from model_runtime.errors import ModelNotFound

if TYPE_CHECKING:
    import gradio as gr

    from viz.panels.models import Models


class Kept:
    """A keeper of models that were made before."""

    def __init__(self, models: Mapping[str, Any]) -> None:
        self.models = models

    def get(self, name: str, progress: object = None, *, dtype: str = "") -> Any:
        if name not in self.models:
            raise ModelNotFound(f"There is no {name!r} here.")
        return self.models[name]


@contextmanager
def served(models: "Models", **settings: Any) -> Iterator["gr.Blocks"]:
    """Serves the page as the program does, on a free port of this machine."""
    from app import serve

    page = serve(models, "127.0.0.1", None, wait=False, **settings)
    yield page
    page.close()


@contextmanager
def address_of(models: "Models", **settings: Any) -> Iterator[str]:
    """Serves the page, and says where."""
    with served(models, **settings) as page:
        yield str(page.local_url).rstrip("/")
