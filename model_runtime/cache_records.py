"""What the KV cache answers: which rows each pass computes, how many bytes it takes, and what it saves."""

from dataclasses import dataclass

from model_runtime.records import Floats, Integers, seal


@dataclass(frozen=True)
class CacheWay:
    """What the keys and values of a text would take if heads shared them, or layers dropped them, in one way.

    Attributes:
        name: "MHA" (every query head has its own), "GQA" (groups of them share), "MQA" (all share) or "window" (the
            model's own sharing, but only the newest keys are kept).
        key_value_heads: [layer] key/value heads, 0 where a layer keeps no keys.
        window: [layer] the most positions that each layer keeps, 0 for all.
        own: Whether this is how the model itself shares, or, of a window, what its own layers can reach.
        per_token: Bytes that one more token takes before any window is full.
        now: Bytes at the text's length.
        full: Bytes at the model's whole context.
    """

    name: str
    key_value_heads: Integers
    window: Integers
    own: bool
    per_token: int
    now: int
    full: int

    def __post_init__(self) -> None:
        seal(self, window=self.key_value_heads.shape)


@dataclass(frozen=True)
class CacheTable:
    """The KV cache of a text, and how the text came to be: the prompt in one pass, then a pass for each token.

    Attributes:
        begin: [pass] the first position whose keys and values are computed in the pass; those before it come from the
            cache.
        end: [pass] the position after the last.
        heads: [layer] query heads, 0 where a layer keeps no keys.
        key_value_heads: [layer] heads that keys and values are kept for, 0 where a layer keeps none.
        key_width: [layer] numbers in one key.
        value_width: [layer] numbers in one value.
        window: [layer] positions that a query reaches by the layer's own window, 0 for all.
        held: [layer] bytes of the keys and values that are held now, as their tensors have it. All positions are held,
            those outside a window too, so that one can go back.
        states: [layer] bytes of a running state that a layer holds instead; it does not grow with the text.
        item_bytes: Bytes of one number.
        context: The most tokens that the model takes.
        ways: MHA, GQA, MQA, then windows.
        reason: Why nothing is held and every pass computes all rows; "" where a cache is used.
    """

    begin: Integers
    end: Integers
    heads: Integers
    key_value_heads: Integers
    key_width: Integers
    value_width: Integers
    window: Integers
    held: Integers
    states: Integers
    item_bytes: int
    context: int
    ways: tuple[CacheWay, ...]
    reason: str

    def __post_init__(self) -> None:
        layers = self.heads.shape
        seal(self, end=self.begin.shape, key_value_heads=layers, key_width=layers, value_width=layers)
        seal(self, window=layers, held=layers, states=layers)


@dataclass(frozen=True)
class CacheTiming:
    """The same greedy generation with and without the cache, as far as it is known.

    Attributes:
        start: Tokens before the first that is generated.
        total: Tokens to generate.
        seconds: [2, token] wall time of each new token, with the cache first, without second. The first of each run
            holds the pass over the whole text.
        ids: [2, token] what the two runs wrote.
        text: [token] what the run with the cache wrote, as the tokenizer decodes it.
        device: Where it ran, such as "cpu".
        dtype: What it computed in, such as "float32".
    """

    start: int
    total: int
    seconds: Floats
    ids: Integers
    text: tuple[str, ...]
    device: str
    dtype: str

    def __post_init__(self) -> None:
        seal(self, ids=self.seconds.shape, text=self.seconds.shape[1:])
