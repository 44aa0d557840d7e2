"""Prompt parts: whose each token is, what attention each gets, and what leaving each out changes."""

from typing import Any, Final

from model_runtime.prompt_part_records import GROUPS, LeftOut, PartAttention, PartEffects, PartSpans
from viz.labels import visible
from viz.payload import pack
from viz.terms import term

MOST_TOKENS: Final = 400  # of the prompt, in the tab's own strip


def spans_payload(spans: PartSpans, labels: list[str], prompt: int) -> dict[str, Any]:
    """Turns the spans into the tab's strip.

    Args:
        spans: The record.
        labels: [token] visible labels of the whole text.
        prompt: Tokens of the prompt.
    """
    shown = min(prompt, MOST_TOKENS)
    return {
        "labels": labels[:shown],
        "part": [int(part) for part in spans.part[:shown]],
        "left_out": prompt - shown,
        "tokens": [int(count) for count in spans.tokens],
        "chat": spans.chat,
    }


def attention_payload(attention: PartAttention, label: str) -> dict[str, Any]:
    """Turns the attention into stacked bars.

    Args:
        attention: The record.
        label: The visible label of the token that looks.
    """
    return {
        "groups": [term(group) for group in GROUPS],
        "here": pack(attention.here),
        "average": pack(attention.average),
        "uniform": pack(attention.uniform),
        "layers": len(attention.here),
        "averaged": attention.averaged,
        "position": attention.position,
        "label": label,
    }


def effects_payload(effects: PartEffects) -> dict[str, Any]:
    """Turns what leaving parts out changes into rows."""
    whole = effects.rows[0].written if effects.rows else ()
    return {
        "done": effects.done,
        "total": effects.total,
        "rows": [_row(row, whole) for row in effects.rows],
    }


def _row(row: LeftOut, whole: tuple[str, ...]) -> dict[str, Any]:
    pairs = zip(row.written, whole, strict=False)
    same = next((index for index, (one, other) in enumerate(pairs) if one != other), min(len(row.written), len(whole)))
    return {
        "part": row.part,
        "tokens": row.tokens,
        "variation": row.variation,
        "divergence": row.divergence if row.divergence != float("inf") else None,
        "top": visible(row.top_text),
        "probability": row.top_probability,
        "before": row.before,
        "same": "".join(map(_lines, row.written[:same])),
        "other": "".join(map(_lines, row.written[same:])),
        "ended": row.ended,
        "equal": len(whole) > 0 and row.written == whole,
    }


def _lines(text: str) -> str:
    """A token inside a text that is read, not token by token: newlines stay, all else that is unseen is marked."""
    return "\n".join(visible(part).replace("·", " ") if part else "" for part in text.split("\n"))
