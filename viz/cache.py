"""The KV cache: which rows each pass computes, the bytes of it, and the experiment, as payloads."""

from typing import Any, Final

import numpy as np

from model_runtime.cache_records import CacheTable, CacheTiming, CacheWay
from model_runtime.records import Floats, Integers
from viz.labels import visible
from viz.payload import pack
from viz.sentences import say, say_many
from viz.sizes import bytes_text, layers_text, time_text
from viz.window import Window

TIMES: Final = "\u00d7"
SMOOTH: Final = 9  # tokens whose median a point of a line is
ENDS: Final = 10  # tokens at either end of a line that are compared


def passes_payload(table: CacheTable, labels: list[str], cursor: int, window: Window) -> dict[str, Any]:
    """Turns the passes into the grid of `CacheView`: those that compute a row of the window.

    Args:
        table: The table.
        labels: [token] visible labels.
        cursor: The position whose pass is marked.
        window: The positions to draw.

    Returns:
        `passes`: [name, first position computed, position after the last] each; `here`: the index of the cursor's;
        `counts`: rows computed, and taken from the cache, in the cursor's pass, in all with the cache and in all
        without one.
    """
    count = len(table.end)
    newest = np.searchsorted(table.end, cursor, side="right")  # the first pass that reaches the cursor
    shown = [index for index in range(count) if table.end[index] > window.start and table.end[index] <= window.stop]
    if not shown:  # the prompt reaches beyond the window
        shown = [0]
    names = [say("prompt"), *(f"{place} {labels[place]}" for place in range(int(table.end[0]), int(table.end[-1])))]
    begin, end = int(table.begin[newest]), int(table.end[newest])
    return {
        "passes": [(names[index], int(table.begin[index]), int(table.end[index])) for index in shown],
        "here": shown.index(int(newest)) if int(newest) in shown else -1,
        "counts": {
            "computed": end - begin,
            "cached": begin,
            "pass": int(newest) + 1,
            "passes": count,
            "with": int((table.end - table.begin).sum()),
            "without": int(table.end.sum()),
        },
        "reason": table.reason,
    }


def bytes_payload(table: CacheTable, tokens: int) -> dict[str, Any]:
    """Turns the bytes into the table of `CacheView`.

    Args:
        table: The table.
        tokens: Length of the text.

    Returns:
        `ways`: for each way its name, what it says, whether it is the model's, the window's size (0 without), bytes
        per token, now and at the whole context, as numbers and as words; `formula`; `held` and `states` as words.
    """
    return {
        "ways": [_way(way, table) for way in table.ways],
        "formula": formula(table),
        "held": bytes_text(int(table.held.sum())),
        "states": _states(table),
        "tokens": tokens,
        "context": table.context,
        "windowed": _windowed(table),
    }


def _way(way: CacheWay, table: CacheTable) -> dict[str, Any]:
    chosen = 0 if way.name != "window" or way.own else int(way.window.max())
    sizes = {"per_token": way.per_token, "now": way.now, "full": way.full}
    words = {name: bytes_text(size) for name, size in sizes.items()}
    return {
        "name": way.name,
        "says": _says(way, table),
        "own": way.own,
        "window": chosen,
        "bytes": sizes,
        "words": words,
    }


def _says(way: CacheWay, table: CacheTable) -> str:
    """What a way is, in words."""
    if way.name == "window":
        if way.own:
            return say("only the newest keys: this model's own windows")
        return say_many(
            "only the newest {count} key in every layer",
            "only the newest {count} keys in every layer",
            int(way.window.max()),
            count=int(way.window.max()),
        )
    kept = way.key_value_heads[way.key_value_heads > 0]
    shares = table.heads[way.key_value_heads > 0] // kept
    heads = _range(kept)
    if way.name == "MHA":
        return say("{heads} key/value heads a layer: every query head has its own", heads=heads)
    if way.name == "MQA":
        return say("1 key/value head a layer for all {queries} query heads", queries=_range(shares))
    queries = _range(shares)
    if way.own:
        return say("{heads} key/value heads a layer, each for {queries} query heads", heads=heads, queries=queries)
    return say(
        "for example {heads} key/value heads a layer, each for {queries} query heads", heads=heads, queries=queries
    )


def _range(values: Integers) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else say("{low} to {high}", low=low, high=high)


def formula(table: CacheTable) -> str:
    """The arithmetic of one token's bytes: of keys and values, over the layers of each shape."""
    columns = zip(table.key_value_heads.tolist(), table.key_width.tolist(), table.value_width.tolist(), strict=True)
    shapes: dict[tuple[int, int, int], int] = {}
    for heads, key, value in columns:
        if heads:
            shapes[heads, key, value] = shapes.get((heads, key, value), 0) + 1
    parts = []
    for (heads, key, value), layers in shapes.items():
        width = f"2 {TIMES} {key}" if key == value else f"({key} + {value})"
        counts = (
            say("{layers} layers", layers=layers),
            say("{heads} key/value heads", heads=heads),
            say("{width} numbers", width=width),
            say("{size} bytes", size=table.item_bytes),
        )
        parts.append(f" {TIMES} ".join(counts))
    total = int((table.key_value_heads * (table.key_width + table.value_width)).sum()) * table.item_bytes
    return say("{parts} = {total} bytes a token", parts=" + ".join(parts), total=f"{total:,}") if parts else ""


def _states(table: CacheTable) -> str:
    """What layers without keys hold."""
    layers = np.flatnonzero(table.states).tolist()
    if not layers:
        return ""
    size = bytes_text(int(table.states.sum()))
    named = layers_text(layers)
    return say("{layers} keep a running state instead: {size}, however long the text.", layers=named, size=size)


def _windowed(table: CacheTable) -> str:
    """Which layers have a window of their own."""
    sizes = sorted({int(size) for size in table.window if size})
    told = [
        say("{size} tokens in {layers}", size=size, layers=layers_text(np.flatnonzero(table.window == size).tolist()))
        for size in sizes
    ]
    return say("This model's own windows: {windows}.", windows="; ".join(told)) if told else ""


def timing_payload(timing: CacheTiming) -> dict[str, Any]:
    """Turns the experiment, however far it is, into the chart and the numbers of `CacheView`.

    Returns:
        `seconds` [2, token] as measured and `lines` [2, token], a running median; `totals`, `ratio`, `first` (the pass
        over the whole text), `early` and `late` (medians of the first and the last ten tokens after it) by run, as
        words; `same`: whether both runs wrote the same; `written`: what.
    """
    done = timing.seconds.shape[1]
    after = timing.seconds[:, 1:]
    totals = timing.seconds.sum(1, dtype=np.float64)
    return {
        "start": timing.start,
        "done": done,
        "total": timing.total,
        "seconds": pack(timing.seconds),
        "lines": pack(smoothed(timing.seconds)),
        "totals": [time_text(float(one)) for one in totals],
        "ratio": f"{totals[1] / totals[0]:.2f}",
        "first": [time_text(float(one)) for one in timing.seconds[:, 0]],
        "early": _medians(after[:, :ENDS]),
        "late": _medians(after[:, -ENDS:]),
        "same": bool((timing.ids[0] == timing.ids[1]).all()),
        "written": "".join(visible(text) for text in timing.text),
        "device": timing.device,
        "dtype": timing.dtype,
    }


def smoothed(seconds: Floats) -> Floats:
    """[run, token] the running median of [run, token], of fewer at the ends; the first, the long pass, stands alone."""
    result = seconds.copy()
    half = SMOOTH // 2
    for place in range(1, seconds.shape[1]):
        result[:, place] = np.median(seconds[:, max(1, place - half) : place + half + 1], axis=1)
    return result


def _medians(seconds: Floats) -> list[str]:
    return [time_text(float(np.median(row))) if len(row) else "\u2013" for row in seconds]
