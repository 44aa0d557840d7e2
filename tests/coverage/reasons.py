"""Why a type is not proven, in plain words. One that becomes proven is to be taken out: the test says so."""

# Types whose layers hold a running state and call no attention at all. They are counted apart.
WITHOUT_ATTENTION = ("falcon_mamba", "mamba", "mamba2", "rwkv", "xlstm")

OUTSIDE = "Its attention does not go through transformers' interface, so it is not recorded; all else is proven."

REASONS: dict[str, str] = {}
