"""Starts the page: `python app.py [--model NAME] [--host HOST] [--port PORT]`, or the same from the environment."""

import argparse
import os
from collections.abc import Sequence

# Before gradio is imported, which reads them then: nothing is to leave this machine.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import gradio as gr

from model_runtime import Library
from viz.components import assets
from viz.components.theme import theme
from viz.panels.models import Models
from viz.panels.page import build_page


def settings(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the settings from the command line, their defaults from the environment."""
    parser = argparse.ArgumentParser(description="Watch a language model write, token by token.")
    parser.add_argument(
        "--model",
        default=os.environ.get("TOKENSCOPE_MODEL", "builtin"),
        help="the model that the page opens with: builtin, a Hugging Face id, or a folder (TOKENSCOPE_MODEL)",
    )
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), help="address to serve on")
    parser.add_argument("--port", type=int, default=None, help="port to serve on (GRADIO_SERVER_PORT; 7860 on)")
    return parser.parse_args(arguments)


def serve(models: Models, host: str, port: int | None, *, wait: bool = True) -> gr.Blocks:
    """Builds the page and serves it.

    Args:
        models: The models.
        host: The address to serve on.
        port: The port, None for the first free one from 7860 on.
        wait: Whether to return only when the server ends.
    """
    page = build_page(models)
    page.queue(max_size=20)
    page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=not wait,
        head=assets.head(),
        theme=theme(),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        quiet=not wait,
    )
    return page


def main() -> None:
    """Serves the page until interrupted."""
    chosen = settings()
    # On a Space everyone's requests share one machine, so only models of the catalogue may be loaded there.
    library = Library()
    any_name = "SPACE_ID" not in os.environ
    models = Models(library, chosen.model, any_name=any_name, offers=library.offers(), room=library.room)
    serve(models, chosen.host, chosen.port)


if __name__ == "__main__":
    main()
