"""The components that draw what the model computed: token strip, next-token chart, logit lens."""

from viz.components.base import Drawn


class TokenStrip(Drawn):
    """The text token by token. Value: what `viz.token_strip.token_strip` returns."""

    files = "token_strip"


class NextTokenChart(Drawn):
    """The next-token distribution at the cursor. Value: what `viz.next_token.next_token_chart` returns."""

    files = "next_token"


class LensView(Drawn):
    """The logit lens. Value: what `viz.lens_grid.lens_payload` returns."""

    files = "lens"
