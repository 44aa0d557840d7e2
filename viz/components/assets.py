"""Where the components' JavaScript and CSS lie, and what the page's head is made of."""

import json
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

import plotly  # type: ignore[import-untyped]  # only to find its script

from viz import colours, sentences

_HERE: Final = Path(__file__).resolve().parent
# plotly.js twice: a bundle of a third the size for what every page shows, and the whole for what it lacks.
PLOTLY: Final = {
    "cartesian": _HERE / "plotly" / "plotly-cartesian.min.js",
    "whole": Path(plotly.__file__).resolve().parent / "package_data" / "plotly.min.js",
}

_SHARED_SCRIPTS: Final = (
    "tokenscope.js",
    "sentences.js",
    "past.js",
    "reconnect.js",
    "elements.js",
    "downloads.js",
    "file_making.js",
    "beside.js",
    "long_run.js",
    "canvas_drawing.js",
    "scales.js",
    "head_grid.js",
    "cell_walk.js",
    "cells.js",
    "question_form.js",
    "waterfall.js",
    "head_map.js",
    "token_grid.js",
    "lens_drawing.js",
    "lens_grid.js",
    "lens_curves.js",
    "stream_map.js",
    "contribution.js",
    "cumulative_curve.js",
    "beam_tree.js",
    "time_lines.js",
    "axis_curve.js",
    "block_drawing.js",
    "figure.js",
    "figures.js",
    "page_drawing.js",
    "figure_files.js",
    "inside_words.js",
    "choices.js",
    "keys.js",
)
_STYLES: Final = (
    "page.css",
    "model_picker.css",
    "sharing.css",
    "walk.css",
    "tab_bar.css",
    "token_strip.css",
    "next_token.css",
    "figure.css",
    "figure_files.css",
    "token_grid.css",
    "lens.css",
    "heads.css",
    "question_form.css",
    "contributions.css",
    "neurons.css",
    "compare.css",
    "head_table.css",
    "inside.css",
    "residual.css",
    "patching.css",
    "steering.css",
    "inputs.css",
    "tokenizer.css",
    "choosing.css",
    "beams.css",
    "cache.css",
    "masks.css",
    "structure.css",
    "positions.css",
    "prompt_parts.css",
    "bertviz.css",
    "loop.css",
    "streams.css",
)


@cache
def read(name: str) -> str:
    """Returns a file that lies beside the components."""
    return (_HERE / name).read_text(encoding="utf-8")


def head() -> str:
    """Returns what the page's head needs: styles before the first paint, shared scripts before any component."""
    # Relative addresses, so that the page also works under a sub-path behind a proxy.
    addresses = {bundle: f"gradio_api/file={quote(path.as_posix())}" for bundle, path in PLOTLY.items()}
    plotly_script = f"window.tokenscopePlotly = {json.dumps(addresses)};"
    scripts = [colours.script(), sentences.script(), plotly_script, *(read(name) for name in _SHARED_SCRIPTS)]
    styles = [colours.style_sheet(), *(read(name) for name in _STYLES)]
    return "".join(
        [
            '<meta name="color-scheme" content="light dark">',
            # The first picture is not to wait for it.
            f'<link rel="preload" as="script" href="{addresses["cartesian"]}">',
            *(f"<style>{style}</style>" for style in styles),
            *(f"<script>{script}</script>" for script in scripts),
        ]
    )
