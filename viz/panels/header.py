"""The header: which model, its facts, sharing, light or dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from viz.components.opening import Loading, ModelPicker
from viz.components.regions import ModelFacts
from viz.panels import opening, sharing
from viz.panels.models import Models
from viz.panels.scene import Scene
from viz.sentences import say


@dataclass(frozen=True)
class Header:
    """The header's widgets."""

    picker: ModelPicker
    loading: Loading
    facts: ModelFacts


def build(models: Models) -> Header:
    """Lays the header out."""
    with gr.Row(elem_classes="ts-header"):
        gr.HTML("<h1>Tokenscope</h1>", elem_classes="ts-brand", apply_default_css=False)
        picker, loading = opening.build(models)
        facts = ModelFacts(elem_classes="ts-grow")
        sharing.build(models)
        theme = gr.Button(say("◐ light / dark"), elem_id="theme", size="sm", scale=0, min_width=120)
    theme.click(None, js="() => { window.tokenscope.toggleTheme(); }", show_progress="hidden", queue=False)
    return Header(picker, loading, facts)


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the facts' payload."""
    card = scene.card
    size = say("{layers} layers x {heads} heads", layers=card.layers, heads=card.heads)
    if card.key_value_heads != card.heads:
        size = say(
            "{layers} layers x {heads} heads ({shared} kv)",
            layers=card.layers,
            heads=card.heads,
            shared=card.key_value_heads,
        )
    tokens, most = f"{len(scene.labels):,}", f"{card.context:,}"
    facts = [
        f"{card.architecture} ({card.model_type})",
        size,
        say("{count} parameters", count=_short(card.parameters)),
        f"{card.device} {card.dtype}",
        say("{count} / {most} tokens", count=tokens, most=most),
    ]
    passed = sum(proof.passed for proof in card.proofs)
    proofs = [f"{'✓' if proof.passed else '✗'} {proof.name}: {proof.detail}" for proof in card.proofs]
    details = "\n".join([*card.notes, *proofs])
    return {
        "facts": " · ".join(facts),
        "proofs": say("{passed} of {all} checks passed at load", passed=passed, all=len(card.proofs))
        if card.proofs
        else "",
        "details": details,
        "failed": passed < len(card.proofs),
        "chat": card.chat,
    }


def _short(number: int) -> str:
    steps: Sequence[tuple[float, str]] = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
    for size, unit in steps:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
