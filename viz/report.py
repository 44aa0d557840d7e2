"""A view as one HTML page that opens from a disk: no script, no request, light or dark as the reader's system is.

`escaped` is the one door for text: everything that is not written here goes through it.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_runtime.records import Distribution, TokenTable
from viz.labels import shorten, visible
from viz.sentences import language, say

MOST_ROWS: Final = 200  # of a table; data files hold the rest
MOST_TOKENS: Final = 4_000  # of the text, around the cursor
MOST_SIDE: Final = 64  # rows and columns of a drawn map; of a larger one the last are drawn
MOST_LABEL: Final = 24
_CELL, _LEFT, _TOP = 14, 150, 90
_STYLE: Final = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1b1d21; --quiet: #5d636d; --line: #d9dce1; --mark: #2a6f97;
  --against: #b3541e; }
@media (prefers-color-scheme: dark) { :root { --page: #15171a; --ink: #e8eaed; --quiet: #a2a8b2; --line: #3a3f47;
  --mark: #6fb7dd; --against: #e39a6c; } }
body { margin: 0 auto; max-width: 1100px; padding: 24px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", sans-serif; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin-top: 32px; }
p, dt, figcaption { color: var(--quiet); } code, td, .token, text { font-family: ui-monospace, Menlo, monospace; }
code { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; } dd { margin: 0; overflow-wrap: anywhere; }
.strip { line-height: 2; overflow-wrap: anywhere; }
.token { display: inline-block; max-width: 100%; padding: 0 3px; margin: 0 1px; border-bottom: 3px solid transparent; }
.token.cursor { outline: 2px solid var(--ink); } .prompt { color: var(--quiet); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 2px 12px 2px 0; border-bottom: 1px solid var(--line); text-align: left; }
.missing { border-left: 3px solid var(--against); padding-left: 10px; }
@media print { :root { color-scheme: light; --page: #ffffff; --ink: #000000; --quiet: #444444; --line: #999999;
  --mark: #2a6f97; --against: #b3541e; } body { max-width: none; padding: 0; font-size: 11px; }
  .wide { overflow: visible; } svg { max-width: 100%; height: auto; } table { width: 100%; font-size: 10px; }
  td { overflow-wrap: anywhere; } tr, figure, .token { break-inside: avoid; } h2, h3 { break-after: avoid; }
  thead { display: table-header-group; } svg rect, .token { print-color-adjust: exact; } }
svg { display: block; } svg text { font-size: 10px; fill: var(--ink); } figure { margin: 0; }
"""


@dataclass(frozen=True)
class Drawing:
    """The picture of a report.

    Attributes:
        title: What is drawn.
        values: [column] as bars, or [row, column] as a map.
        rows: [row] their names; empty for bars.
        columns: [column] their names.
    """

    title: str
    values: NDArray[Any]
    rows: Sequence[str]
    columns: Sequence[str]


def escaped(text: object) -> str:
    """Any text as markup that shows it, every character seen: the one way into a report."""
    seen = "".join(letter if letter == " " else visible(letter) for letter in str(text))
    return html.escape(seen, quote=True)


def write_report(
    facts: Mapping[str, object],
    tokens: TokenTable,
    labels: Sequence[str],
    distribution: Distribution,
    drawing: Drawing | None,
    answers: Mapping[str, tuple[str, Any]],
    notes: Sequence[str],
    missing: str = "",
) -> str:
    """Writes the report of a view.

    Args:
        facts: Name -> value, of the model and the text.
        tokens: The text.
        labels: [token] their visible labels.
        distribution: What the model predicts at the cursor.
        drawing: The open tab's picture, None where it has none.
        answers: The open tab's records, each with the call that gave it.
        notes: Sentences on how to read it.
        missing: What the page did not show yet when this was made, in a sentence.
    """
    title = escaped(say("A view of Tokenscope"))
    below = escaped(
        say("The line below a token is the stronger the less it was expected; the prompt is grey."),
    )
    body = [
        f"<h1>{title}</h1>",
        _facts(facts),
        _heading(say("The text")),
        f"<p>{below}</p>",
        _strip(tokens, labels, distribution.position),
        _heading(say("What may follow token {position}", position=distribution.position)),
        _next(distribution),
        *([] if drawing is None else [_heading(drawing.title), _picture(drawing)]),
        *([f'<p class="missing">{escaped(missing)}</p>'] if missing else []),
        _heading(say("How to read it")),
        *(f"<p>{escaped(note)}</p>" for note in notes),
        _heading(say("The numbers")),
        *(_record(name, call, record) for name, (call, record) in answers.items()),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return "\n".join(
        [
            f'<!doctype html><html lang="{language()}"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f'<meta name="viewport" content="width=device-width"><title>{title}</title>',
            f"<style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>",
        ]
    )


def _heading(text: str) -> str:
    return f"<h2>{escaped(text)}</h2>"


def _facts(facts: Mapping[str, object]) -> str:
    rows = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in facts.items())
    return f"<dl>{rows}</dl>"


def _strip(tokens: TokenTable, labels: Sequence[str], cursor: int) -> str:
    begin = max(0, min(cursor - MOST_TOKENS // 2, len(labels) - MOST_TOKENS))
    shown = range(begin, min(len(labels), begin + MOST_TOKENS))
    spans = []
    if len(shown) < len(labels):
        part = say("Tokens {first} to {last} of {total}.", first=begin, last=shown[-1], total=len(labels))
        spans.append(f"<p>{escaped(part)}</p>")
    for place in shown:
        label = labels[place]
        surprise = float(np.nan_to_num(tokens.surprisal[place]))
        share = round(100 * (1 - float(np.exp(-surprise))))
        kind = "token" + (" prompt" if place < tokens.prompt_length else "") + (" cursor" if place == cursor else "")
        token, nats = int(tokens.ids[place]), f"{surprise:.3f}"
        told = escaped(say("token {position}, id {id}, {nats} nats", position=place, id=token, nats=nats))
        line = f"border-color: color-mix(in srgb, var(--mark) {share}%, transparent)"
        spans.append(f'<span class="{kind}" style="{line}" title="{told}">{escaped(label)}</span>')
    return f'<div class="strip">{"".join(spans)}</div>'


def _next(distribution: Distribution) -> str:
    rows = []
    for index, text in enumerate(distribution.text):
        token = int(distribution.ids[index])
        told = say("what a step takes") if token == distribution.choice else ""
        if token == distribution.chosen:
            told = say("follows in the text")
        numbers = [distribution.raw[index], distribution.final[index]]
        cells = [visible(text), str(token), *(f"{float(number):.6g}" for number in numbers), told]
        rows.append(cells)
    rows.append([say("all others"), "", f"{distribution.other_raw:.6g}", f"{distribution.other_final:.6g}", ""])
    return _table([say("token"), "id", say("raw probability"), say("after all filters"), ""], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escaped(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _picture(drawing: Drawing) -> str:
    values = np.asarray(drawing.values, np.float64)
    shape = values.shape
    values = values[tuple(slice(-MOST_SIDE, None) for _ in shape)]
    told = ""
    if values.shape != shape:
        sizes = (" x ".join(map(str, one)) for one in (shape, values.shape))
        told = say("Of {all} values the last {drawn} are drawn.", all=next(sizes), drawn=next(sizes))
    columns = list(drawing.columns)[-MOST_SIDE:]
    rows = list(drawing.rows)[-MOST_SIDE:]
    drawn = _bars(values, columns) if values.ndim == 1 else _map(values, rows, columns)
    known = values[np.isfinite(values)]
    extent = say("No value is known.")
    if known.size:
        extent = say("From {low} to {high}.", low=f"{known.min():.4g}", high=f"{known.max():.4g}")
    caption = escaped(f"{extent} {told}".strip())
    return f'<figure><div class="wide">{drawn}</div><figcaption>{caption}</figcaption></figure>'


def _bars(values: NDArray[np.float64], names: Sequence[str]) -> str:
    low, high = min(0.0, float(np.nanmin(values))), max(0.0, float(np.nanmax(values)))
    scale = 420 / ((high - low) or 1)
    parts = []
    for row, (value, name) in enumerate(zip(values, names, strict=True)):
        if not np.isfinite(value):
            continue
        left, width = _LEFT + (min(0.0, value) - low) * scale, abs(value) * scale
        fill = "--mark" if value >= 0 else "--against"
        middle = row * _CELL + 11
        parts.append(f'<rect x="{left:.1f}" y="{row * _CELL + 2}" width="{width:.1f}" height="10" fill="var({fill})"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{middle}" text-anchor="end">{escaped(shorten(name, MOST_LABEL))}</text>'
        )
        parts.append(f'<text x="{_LEFT + 430}" y="{middle}">{value:.4g}</text>')
    return _svg(_LEFT + 520, len(values) * _CELL + 4, parts)


def _map(values: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str]) -> str:
    top = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    parts = []
    for row, name in enumerate(rows):
        y = _TOP + row * _CELL + 10
        parts.append(f'<text x="{_LEFT - 6}" y="{y}" text-anchor="end">{escaped(shorten(name, MOST_LABEL))}</text>')
    for column, name in enumerate(columns):
        x = _LEFT + column * _CELL + 10
        turned = f'transform="translate({x} {_TOP - 5}) rotate(-60)"'
        parts.append(f"<text {turned}>{escaped(shorten(name, 12))}</text>")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and value:
            fill = "--mark" if value > 0 else "--against"
            place = f'x="{_LEFT + column * _CELL}" y="{_TOP + row * _CELL}" width="{_CELL}" height="{_CELL}"'
            told = escaped(f"{rows[row]}, {columns[column]}: {value:.6g}")
            shade = f'fill="var({fill})" fill-opacity="{abs(value) / top:.3f}"'
            parts.append(f"<rect {place} {shade}><title>{told}</title></rect>")
    frame = f'x="{_LEFT}" y="{_TOP}" width="{len(columns) * _CELL}" height="{len(rows) * _CELL}"'
    parts.append(f'<rect {frame} fill="none" stroke="var(--line)"/>')
    return _svg(_LEFT + len(columns) * _CELL + 60, _TOP + len(rows) * _CELL + 4, parts)


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    told = escaped(say("the picture of the open tab"))
    return f'<svg role="img" aria-label="{told}" {size}>{"".join(parts)}</svg>'


def _record(name: str, call: str, record: Any) -> str:
    """A record as one table of its longest columns, and a line for each of its single numbers."""
    told = [f"<h3>{escaped(name)}</h3><p><code>{escaped(shorten(call, 400))}</code></p>"]
    single: dict[str, object] = {}
    columns: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, int | float | str | bool) or value is None:
            single[field.name] = shorten(str(value), 200)
        elif isinstance(value, np.ndarray) and value.ndim > 1:
            single[field.name] = say(
                "{shape} numbers, which the data files hold", shape=" x ".join(map(str, value.shape))
            )
        elif isinstance(value, np.ndarray | tuple) and len(value) and np.ndim(value[0]) == 0 and _is_plain(value[0]):
            columns[field.name] = value
    told.append(_facts(single) if single else "")
    for length in sorted({len(column) for column in columns.values()}, reverse=True):
        same = {key: column for key, column in columns.items() if len(column) == length}
        rows = [[str(row), *(_cell(column[row]) for column in same.values())] for row in range(min(length, MOST_ROWS))]
        told.append(_table(["", *same], rows))
        if length > MOST_ROWS:
            part = say("The first {shown} of {all}.", shown=MOST_ROWS, all=length)
            told.append(f"<p>{escaped(part)}</p>")
    return "".join(told)


def _is_plain(value: object) -> bool:
    return isinstance(value, np.generic | int | float | str | bytes)


def _cell(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, str):
        return visible(value)
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
