"""The components about attention heads: one large, all at a glance, which one looks, which ones are off."""

from viz.components.base import Drawn


class AttentionView(Drawn):
    """One head large. Value: what `viz.attention_map.attention_payload` returns, with the view's choices."""

    files = "attention"


class HeadSide(Drawn):
    """The choice of a head and its facts. Value: what `viz.attention_map.looks_at_payload` returns, with counts."""

    files = "head_side"


class HeadMosaicView(Drawn):
    """All heads at a glance. Value: what `viz.head_mosaic.mosaic_payload` returns."""

    files = "head_mosaic"


class SinkSwitch(Drawn):
    """The switch for the first token. Value: {"hide": how it stands, "tokens": [position, label] of what it hides}."""

    files = "sink_switch"


class WhichHead(Drawn):
    """Which head looks at this. Value: {"query", "hide", "ranking", "pairs"} as `viz.head_ranking` makes them."""

    files = "which_head"


class HeadsOff(Drawn):
    """The bar of what is changed. Value: {"off": [layer, head, by] of each head, "steers": as in `SteeringView`}."""

    files = "heads_off"


class AblationView(Drawn):
    """The scan over all heads. Value: {"targets", "off", "moment", "after"}; {"scan": ...} besides, as it gets on."""

    files = "ablation"
