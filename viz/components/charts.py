"""The components that draw what the model computed: token strip, next-token chart, attention, logit lens."""

from viz.components.base import Drawn


def _how(text: str) -> str:
    """A closed line that explains a picture: what it is, what it is not, where the book shows it."""
    return f'<details class="ts-how"><summary>How to read this</summary><p>{text}</p></details>'


class TokenStrip(Drawn):
    """The text token by token. Value: what `viz.token_strip.token_strip` returns."""

    template = (
        '<div class="ts-strip"><div class="ts-tokens" role="group" aria-label="tokens; up and down move the cursor"></div>'
        '<div class="ts-strip-foot"><label class="ts-inline">shade by <select aria-label="shade tokens by">'
        '<option value="probability">probability</option><option value="surprisal">surprisal</option>'
        '<option value="entropy">entropy</option><option value="attention">attention</option>'
        '<option value="none">nothing</option></select></label>'
        '<span class="ts-legend" role="img"><span>0</span><span class="ts-ramp"></span><span class="ts-high"></span></span>'
        '<span class="ts-key"><span class="ts-key-prompt">prompt</span><span class="ts-key-written">written</span>'
        '<span class="ts-key-cursor">cursor</span></span>'
        + _how(
            "The text as the model sees it: each box is one token; a dot is a space. The model has read up to the "
            "outlined token, and every panel shows that step. Shading is about how well the tokens before a token "
            "foretold it, not about whether it is right. Hands-On LLMs, figures 3-2 and 3-3."
        )
        + "</div></div>"
    )
    script = "token_strip.js"


class NextTokenChart(Drawn):
    """The next-token distribution at the cursor. Value: what `viz.next_token.next_token_chart` returns."""

    template = (
        '<section class="ts-next"><h2 class="ts-title" aria-live="polite">Next token</h2>'
        '<div class="ts-bars" role="group" aria-label="next tokens, most probable first"></div>'
        '<div class="ts-foot"></div>'
        + _how(
            "The probability of each token to come next: the pale bar is the model's own, the solid one what remains "
            "after the decoding settings. It is not how sure the model is of a fact, only of the next piece of text. "
            "Click a bar to take that token instead. Hands-On LLMs, figures 3-4, 3-6 and 3-7."
        )
        + "</section>"
    )
    script = "next_token.js"


_WINDOW = (
    '<label class="ts-inline">show <select name="window" aria-label="tokens shown"><option>32</option>'
    "<option>64</option><option>128</option><option>256</option></select> tokens</label>"
)
_SCALE = (
    '<div class="ts-scale"><span>0</span><span class="ts-ramp"></span><span>1</span>'
    '<span class="ts-masked-key"></span><span>masked</span></div>'
)


def _stepper(name: str, label: str) -> str:
    return (
        f'<div class="ts-stepper" data-name="{name}"><label for="attention-{name}">{label}</label>'
        f'<button type="button" data-by="-1" aria-label="previous {name}">−</button>'
        f'<input id="attention-{name}" type="number" min="0" value="0">'
        f'<button type="button" data-by="1" aria-label="next {name}">+</button><span class="ts-range"></span></div>'
    )


class AttentionView(Drawn):
    """One head's attention. Value: what `viz.attention_map.attention_payload` returns, with the model's counts."""

    template = (
        '<section class="ts-attention"><div class="ts-picture"><div class="ts-figure" role="img" '
        'aria-label="attention weights: queries down, keys across"></div></div><div class="ts-side">'
        + _stepper("layer", "Layer")
        + _stepper("head", "Head")
        + f'<div class="ts-options">{_WINDOW}<span class="ts-shown"></span></div>'
        + _SCALE.replace("<span>0</span>", "<span>weight 0</span>")
        + '<p class="ts-facts-line"></p><h3 class="ts-looks"></h3><div class="ts-keys"></div>'
        + _how(
            "Each row is a token that asks (the query), each column a token it may look at (the key); a row adds up to 1. "
            "Large weights say where this head gathers information from, not why, and not that the information is "
            "used. Click a cell to put the cursor on its row. Hands-On LLMs, figures 3-14 to 3-17."
        )
        + '</div><p class="ts-unavailable" hidden></p></section>'
    )
    script = "attention.js"


class LensView(Drawn):
    """The logit lens. Value: what `viz.lens_grid.lens_payload` returns."""

    template = (
        '<section class="ts-lens"><div class="ts-lens-head">'
        + _SCALE.replace("<span>0</span>", "<span>probability 0</span>").replace(
            '<span class="ts-masked-key"></span><span>masked</span>', ""
        )
        + '<span class="ts-shown"></span></div><div class="ts-lens-body"><div class="ts-rows"></div>'
        '<div class="ts-scroll"><div class="ts-figure" role="img" '
        'aria-label="logit lens: the token each layer would predict"></div></div></div>'
        + _how(
            "What the model would predict if it stopped after each block: its last norm and output matrix read every "
            "stream. Only the top row is the model's real output; the rows below are a reading with a head that was "
            "never trained for them. Click a column to put the cursor there. Hands-On LLMs, figures 3-8, 3-11 and 3-13."
        )
        + '<p class="ts-unavailable" hidden></p></section>'
    )
    script = "lens.js"
