"""A view as a Jupyter notebook: the calls that the page made, and the picture, as cells that run."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from viz.sentences import say

FORMAT: Final = 4
MINOR: Final = 5  # from here on cells have ids


def write_notebook(cells: Sequence[tuple[str, str]]) -> str:
    """Writes a notebook in nbformat 4.

    Args:
        cells: Each its kind, "markdown" or "code", and its text.
    """
    content = {
        "nbformat": FORMAT,
        "nbformat_minor": MINOR,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "cells": [_cell(index, kind, text) for index, (kind, text) in enumerate(cells)],
    }
    return json.dumps(content, indent=1)


def view_cells(about: Mapping[str, Any], load: str, calls: Mapping[str, str], drawing: str) -> list[tuple[str, str]]:
    """The cells that reproduce a view.

    Args:
        about: Facts of the view: model, architecture, dtype, moment, position and tab.
        load: The expression that loads the model.
        calls: The tab's questions: name of the answer -> expression.
        drawing: What is drawn, as code that makes `figure`.
    """
    names = ", ".join(f"`{name}`" for name in calls)
    imports = (
        "from dataclasses import replace\n\n"
        "import plotly.graph_objects as go\n\n"
        "from model_runtime import Composition, Decoding, Moment, load_model\n"
        "from model_runtime.attention_views import hide_sink, merge_words\n"
        "from model_runtime.head_distance import distance_between\n"
        "from viz.labels import plotly_text, visible\n"
        "from viz.steering import difference_lengths"
    )
    asked = "\n".join(f"{name} = {source}" for name, source in calls.items())
    told = say(
        "The tab {tab} at position {position}, computed in {dtype}.",
        tab=f"`{about['tab']}`",
        position=about["position"],
        dtype=about["dtype"],
    )
    return [
        (
            "markdown",
            "# "
            + say("A view of Tokenscope")
            + "\n\n"
            + told
            + "\n\n"
            + say(
                "Run it in the folder of Tokenscope, with what its `requirements.txt` lists and with Jupyter installed."
            ),
        ),
        ("code", imports),
        ("markdown", say("The model is loaded and proved, and the text is taken up where the page had it.")),
        ("code", f"model = {load}\nmoment = Moment.from_text({about['moment']!r})\nmodel.card()"),
        (
            "markdown",
            say(
                "What the page asked: {names}. Each is a record of arrays; {call} says what they mean.",
                names=names,
                call="`help(type(tokens))`",
            ),
        ),
        ("code", asked),
        ("code", "labels = [plotly_text(visible(*token)) for token in zip(tokens.text, tokens.bytes)]\n\n" + drawing),
        ("code", "figure"),
    ]


def drawing_of(array: str, dimensions: int, rows: str, columns: str, first: tuple[int, int]) -> str:
    """Code that draws an array as a plotly figure named `figure`.

    Args:
        array: The array's expression.
        dimensions: 1 for bars, 2 for a map.
        rows: What rows are; those called "token" are named by the text's tokens.
        columns: Likewise.
        first: Which token the first row and column are.
    """
    lines = [f"values = {array}"]
    if dimensions == 1:
        named = '[f"{label} ({index})" for index, label in enumerate(labels[: len(values)])]'
        across = named if columns == "token" else "list(range(len(values)))"
        lines += [f"figure = go.Figure(go.Bar(x={across}, y=values))"]
    else:
        lines += ["figure = go.Figure(go.Heatmap(z=values))"]
        for axis, name, begin, size in (("y", rows, first[0], 0), ("x", columns, first[1], 1)):
            if name == "token":
                places = f"list(range(values.shape[{size}]))"
                texts = f"labels[{begin} : {begin} + values.shape[{size}]]"
                lines.append(f"figure.update_{axis}axes(tickvals={places}, ticktext={texts})")
        lines += ['figure.update_yaxes(autorange="reversed")' if rows in ("token", "word") else ""]
        lines += [f"figure.update_yaxes(title={rows!r})"]
    lines += [f"figure.update_xaxes(title={columns!r})"]
    return "\n".join(line for line in lines if line)


def _cell(index: int, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"id": f"cell-{index}", "cell_type": kind, "metadata": {}, "source": text.splitlines(True)}
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell
