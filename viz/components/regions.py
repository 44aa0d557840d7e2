"""The components of the page's frame: session, message line, model facts, branch list, decoding settings."""

from viz.components.base import Drawn


class Session(Drawn):
    """Holds the view and sends every action with it. Invisible.

    Value: {"view": the view as JSON or None, "turn": counts answers, "more": whether further answers follow by
    themselves}. Events: `act`, `play`, `stop`, `load_model`, with {"name", "detail", "view"} as data.
    """

    template = '<span class="ts-session" hidden></span>'
    script = "session.js"


class MessageLine(Drawn):
    """One line of plain text. Value: {"kind": "notice" | "error" | "progress", "text", "at": an element id, "fraction"}."""

    template = (
        '<div class="ts-message ts-notice" role="status" aria-live="polite">'
        '<progress class="ts-progress" max="1" hidden></progress><span class="ts-message-text"></span></div>'
    )
    script = "message.js"


class ModelFacts(Drawn):
    """The loaded model in one line. Value: {"facts", "proofs", "details", "failed", "chat"}."""

    template = '<div class="ts-model"><span class="ts-facts"></span> <span class="ts-proofs"></span></div>'
    script = "model_facts.js"


class Examples(Drawn):
    """A choice of example prompts. Value: their titles. Event: `pick`, with {"index"} as data."""

    template = '<select class="ts-examples" aria-label="example prompts"></select>'
    script = "examples.js"


class Branches(Drawn):
    """The lines of text that were tried. Value: {"names", "previews", "current": index}."""

    template = (
        '<div class="ts-branches" hidden><span class="ts-caption">branches</span>'
        '<span class="ts-branch-list" role="group" aria-label="branches"></span></div>'
    )
    script = "branches.js"


def _field(name: str, label: str, attributes: str, hint: str) -> str:
    return (
        f'<label class="ts-field" title="{hint}"><span>{label}</span>'
        f'<input type="number" name="{name}" inputmode="decimal" {attributes}></label>'
    )


class DecodingForm(Drawn):
    """The decoding settings. Value: {"settings": name -> text of the field, "summary": what they come to}."""

    template = (
        '<details class="ts-decoding"><summary><span class="ts-caption">decoding</span> '
        '<b class="ts-summary">greedy</b></summary><form class="ts-popover" autocomplete="off">'
        + _field("temperature", "temperature", 'step="0.1" min="0" max="100"', "0 takes the most probable token")
        + _field("top_k", "top-k", 'step="1" min="0"', "keep the k most probable tokens; 0 keeps all")
        + _field("top_p", "top-p", 'step="0.05" min="0" max="1"', "keep the fewest tokens that reach this probability")
        + _field("min_p", "min-p", 'step="0.01" min="0" max="1"', "drop tokens below this share of the top token")
        + _field("repetition_penalty", "repetition", 'step="0.1" min="0.01"', "divides the logits of earlier tokens")
        + _field("seed", "seed", 'step="1" min="0"', "of the draws; the same seed draws the same text")
        + '<label class="ts-field ts-wide"><span>stop texts, one a line; \\\\n is a newline</span>'
        '<textarea name="stop" rows="2" spellcheck="false"></textarea></label>'
        '<button type="reset" class="ts-chip">back to greedy</button></form></details>'
    )
    script = "decoding_form.js"
