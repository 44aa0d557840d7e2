"""What `bench.painting` looks at: pages with a picture of one head, and a watch on how each comes to be painted."""

import functools
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import Any, Final

import gradio as gr
import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, Playwright

from model_runtime.model import Model
from model_runtime.moment import Moment

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZE: Final = 600  # pixels of a side, the most that our own page takes

# A picture's name, something that differs from one drawing to the next, and the image with its cells.
OURS: Final = """() => {
    const host = document.querySelector('#attention-map .ts-figure');
    return [host.dataset.head, host.dataset.drawn, host.querySelector('image')];
}"""
STOCK: Final = """() => {
    const plot = document.querySelector('#plot .js-plotly-plot');
    const image = plot?.querySelector('.heatmaplayer image');
    return [plot?.querySelector('.gtitle')?.textContent, image?.href.baseVal, image];
}"""
# Looked at once a frame: the frame after the one that finds the new picture, decoded, has painted it.
_LOOK: Final = """async ([selector, wanted]) => {
    const state = STATE;
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    await frame();
    performance.clearResourceTimings();
    const before = state()[1];
    const began = performance.now();
    document.querySelector(selector).click();
    for (;;) {
        await frame();
        const [name, drawn, image] = state();
        if (name === wanted && drawn && drawn !== before && image) {
            await image.decode?.();
            break;
        }
        if (performance.now() - began > 60000) throw new Error(`${wanted} was not drawn`);
    }
    await frame();
    await frame();
    const painted = performance.now() - began;
    const answers = performance.getEntriesByType('resource').filter(({ name }) => name.startsWith(location.origin));
    const [asked, ended] = ['startTime', 'responseEnd'].map((key) => answers.map((one) => one[key]));
    const size = answers.reduce((sum, one) => sum + one.decodedBodySize, 0);
    return [Math.max(...ended) - Math.min(...asked), size, painted];
}"""
_FRAMED: Final = """async (content) => {
    const frame = () => new Promise(requestAnimationFrame);
    document.body.replaceChildren();
    await frame();
    await frame();
    const host = document.createElement('iframe');
    host.style.cssText = 'width:100%;height:800px';
    const began = performance.now();
    const loaded = new Promise((resolve) => { host.onload = resolve; });
    host.srcdoc = content;
    document.body.append(host);
    await loaded;
    if (!host.contentDocument.querySelector('svg line')) throw new Error('bertviz drew no line');
    await frame();
    await frame();
    return performance.now() - began;
}"""


@dataclass(frozen=True)
class Look:
    """What one look at a picture took.

    Attributes:
        handler: Milliseconds of our code on the server.
        answer: Milliseconds from the request to the last byte of its answer, gradio's own work included.
        painted: Milliseconds from the click until the picture is on the screen.
        size: Bytes of the answer's body.
    """

    handler: float
    answer: float
    painted: float
    size: float


def typical(looks: Iterable[Look]) -> Look:
    """The medians."""
    return Look(*map(statistics.median, zip(*map(astuple, looks), strict=True)))


class Watch:
    """Times the handlers of a served page.

    Attributes:
        last: Milliseconds of the handler that ended last.
    """

    def __init__(self, page: gr.Blocks) -> None:
        self.last = 0.0
        for function in page.fns.values():
            if function.fn is not None and not function.types_generator:
                function.fn = self._timed(function.fn)

    def _timed(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)  # gradio reads its signature
        def timed(*arguments: Any) -> Any:
            begin = time.perf_counter()
            try:
                return handler(*arguments)
            finally:
                self.last = (time.perf_counter() - begin) * 1000

        return timed


def look(page: Page, watch: Watch, state: str, selector: str, wanted: str) -> Look:
    """Clicks what a selector finds and waits until the picture with a name is painted."""
    page.bring_to_front()
    answer, size, painted = page.evaluate(_LOOK.replace("STATE", state), [selector, wanted])
    return Look(watch.last, answer, painted, size)


def framed(page: Page, document: str) -> float:
    """Milliseconds until a frame with a document is painted."""
    page.bring_to_front()
    return float(page.evaluate(_FRAMED, document))


def stock_page(model: Model, moment: Moment, layer: int) -> gr.Blocks:
    """Serves the least that shows one head in `gr.Plot`: a button for each head, answered with a figure."""
    page: gr.Blocks = gr.Blocks(analytics_enabled=False)
    with page:
        plot = gr.Plot(elem_id="plot")
        for head in range(model.card().heads):
            show = functools.partial(_stock_figure, model, moment, layer, head)
            gr.Button(str(head), elem_id=f"head-{head}").click(
                show, None, plot, queue=False, show_progress="hidden", api_visibility="private"
            )
    page.launch(
        server_name="127.0.0.1",
        prevent_thread_lock=True,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        quiet=True,
    )
    return page


def _stock_figure(model: Model, moment: Moment, layer: int, head: int) -> Any:
    weights = model.attention(moment, layer, head).weights.astype(np.float32)
    figure = go.Figure(go.Heatmap(z=weights, zmin=0, zmax=1, showscale=False))
    figure.update_layout(title=str(head), width=SIZE, height=SIZE, yaxis={"autorange": "reversed"})
    return figure


def open_browser(playwright: Playwright) -> Browser:
    """Starts the browser of this machine, or Playwright's own."""
    path = os.environ.get("TOKENSCOPE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    return playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
