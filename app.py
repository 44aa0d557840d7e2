"""Starts the page: `python app.py --help` lists the settings, docs/settings.md describes them."""

import logging
import os
import socket
import sys
from collections.abc import Sequence

# Before gradio is imported, which reads them then: nothing is to leave this machine.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Before torch is: each thread that answers has workers of its own in OpenMP, which else keep a core busy in waiting.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Likewise transformers: where the package kernels is installed it would fetch code from the hub and run it.
os.environ.setdefault("USE_HUB_KERNELS", "NO")

import zerogpu  # before torch and gradio are imported

# isort: split
import gradio as gr
from starlette.middleware import Middleware

from model_runtime import CATALOGUE, Library, Offer
from model_runtime.elsewhere import Elsewhere
from model_runtime.errors import TokenscopeError
from settings import SettingError, Settings, read, unknown
from viz import sentences
from viz.components import assets
from viz.components.theme import theme
from viz.panels.limits import NO_LIMITS, Limits
from viz.panels.models import Models
from viz.panels.page import build_page
from viz.panels.shielding import LARGEST_UPLOAD, Shield

# Whose messages the log level is about, and who tells nothing but errors: names of models that visitors type.
LOGGED = ("tokenscope", "gradio")
QUIET = ("httpx", "httpx2", "huggingface_hub", "transformers", "accelerate", "peft")
log = logging.getLogger("tokenscope")
THREADS = 40  # for all but waiting; gradio's own number
# Visitors of whom gradio keeps a copy of the page with all that was last drawn on it, which nothing here reads. Its own
# number, 10,000, is gigabytes; for one that is not among them it makes the copy anew, in some 20 ms.
SESSIONS = 100


def serve(
    models: Models,
    host: str,
    port: int | None,
    *,
    limits: Limits = NO_LIMITS,
    root_path: str = "",
    login: Sequence[tuple[str, str]] = (),
    mcp: bool = False,
    wait: bool = True,
) -> gr.Blocks:
    """Builds the page and serves it.

    Args:
        models: The models.
        host: The address to serve on.
        port: The port, None for the first free one from 7860 on.
        limits: What one visitor may take.
        root_path: The path at which a proxy serves the page.
        login: (name, password) of those who may come in, none for everybody.
        mcp: Whether MCP clients may use the endpoints as tools.
        wait: Whether to return only when the server ends.
    """
    page = build_page(models, limits)
    # Nothing waits in gradio's own queue but loads: pages and programs wait for their turn with a model.
    page.queue(max_size=limits.waiting + THREADS, api_open=False)
    page.launch(
        server_name=host,
        server_port=port,
        root_path=root_path or None,
        auth=list(login) or None,
        mcp_server=mcp,
        prevent_thread_lock=not wait,
        max_threads=limits.waiting + THREADS,  # each visitor that waits for a turn takes one
        state_session_capacity=SESSIONS,
        head=assets.head(),
        theme=theme(),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,  # it would print a key, and show what others ask for
        quiet=not wait,
        # Else gradio gives up where the first page takes 3 seconds, as on a busy machine; its server answers by then.
        _frontend=False,
        app_kwargs={"middleware": [Middleware(Shield)], "openapi_url": None},
        max_file_size=LARGEST_UPLOAD,
    )
    return page


def models_of(settings: Settings) -> Models:
    """The models that the settings ask for; none is loaded yet.

    Raises:
        ModelUnsupported: This machine has no such device.
        SettingError: GPUs are lent here, and the settings ask for another device.
    """
    lent = zerogpu.lends()
    device, dtype = zerogpu.placed(settings.device, settings.dtype) if lent else (settings.device, settings.dtype)
    library = Library(
        settings.weights,
        device=device,
        dtype=dtype,
        shelf_bytes=settings.recordings,
        most_tokens=settings.text_tokens or None,
        waiting=settings.queue,
        elsewhere=(lambda: Elsewhere(zerogpu.lend)) if lent else None,
    )
    library.keep_tidy()
    known = {offer.name: offer for offer in CATALOGUE}
    chosen = [
        known.get(name, Offer(name, name, sentences.say("Chosen by those who serve this page.")))
        for name in settings.models
    ]
    return Models(
        library,
        settings.model,
        any_name=settings.any_model,
        folders=settings.folders,
        offers=chosen or library.offers(),
        room=library.room,
        queued=lent,
    )


def log_from(level: str) -> None:
    """Logs what Tokenscope has to say, from a level on; never what a visitor types."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in LOGGED:
        logging.getLogger(name).setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel("ERROR")
    for name in unknown():
        log.warning("%s is no setting; python app.py --help lists them", name)


def check_host(host: str) -> None:
    """Refuses an address that this machine does not have, which gradio would try a hundred ports of.

    Raises:
        OSError: It cannot be served on.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as tried:
        tried.bind(address)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves the page until interrupted."""
    try:
        settings = read(arguments)
        log_from(settings.log_level)
        sentences.use(settings.language)
        models = models_of(settings)
        check_host(settings.host)
        serve(
            models,
            settings.host,
            settings.port or None,
            limits=Limits(settings.run_seconds, settings.queue),
            root_path=settings.root_path,
            login=settings.login,
            mcp=settings.mcp,
        )
    except (SettingError, TokenscopeError, OSError) as error:  # the last: no port is free, or no such address
        sys.stderr.write(f"Tokenscope cannot start: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
