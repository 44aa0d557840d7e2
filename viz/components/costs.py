"""The components about what attention costs: the KV cache, and masks, shared heads and kernels that save."""

from viz.components.base import Drawn


class CacheView(Drawn):
    """The KV cache. Value: what `viz.panels.cache.draw` returns; {"scan": ...} as the experiment gets on."""

    files = "cache"


class MasksView(Drawn):
    """Cheaper attention. Value: what `viz.panels.masks.draw` returns; {"scan": ...} as the kernels are timed."""

    files = "masks"
