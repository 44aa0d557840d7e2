"""The components that show what parts of the model added to a logit: all parts and heads, and one layer's neurons."""

from viz.components.base import Drawn


class ContributionsView(Drawn):
    """Who wrote this token. Value: what `viz.contributions.contributions_payload` returns, with the question's form."""

    files = "contributions"


class NeuronsView(Drawn):
    """One MLP's neurons. Value: what `viz.neurons` returns, with the selected layer and the question's form."""

    files = "neurons"
