"""Cheaper attention: masks, shared heads and kernels as payloads."""

from typing import Any

import numpy as np

from model_runtime.cache_records import CacheTable
from model_runtime.mask_records import KernelTime, KernelTiming, MaskTable
from viz.payload import pack
from viz.sentences import say
from viz.sizes import bytes_text, layers_text, time_text
from viz.window import Window


def masks_payload(table: MaskTable, window: Window) -> dict[str, Any]:
    """Turns the masks into the pictures of `MasksView`.

    Args:
        table: The masks.
        window: The tokens to draw.

    Returns:
        `choices`: name, reach, scores and share of the full mask's each; `own`: for each of the model's masks its
        layers in words, scores, share, whether it is the full mask, and `starts` of the window's queries; `without`
        and `reason`: what is not known, in words.
    """
    full = next(choice.scores for choice in table.choices if choice.name == "full")
    without = []
    if table.choosing:
        without.append(say("{layers} choose the keys of every token anew.", layers=layers_text(table.choosing)))
    if table.without and not table.reason:
        without.append(say("{layers} have no attention that can be read.", layers=layers_text(table.without)))
    return {
        "choices": [
            {"name": choice.name, "reach": choice.reach, "scores": choice.scores, "share": choice.scores / full}
            for choice in table.choices
        ],
        "own": [
            {
                "layers": layers_text(mask.layers),
                "scores": mask.scores,
                "share": mask.scores / full,
                "full": mask.scores == full,
                "starts": pack(mask.starts[window.start : window.stop]),
            }
            for mask in table.own
        ],
        "without": " ".join(without),
        "reason": table.reason,
        "tokens": table.tokens,
    }


def sharing_payload(table: CacheTable, layer: int) -> dict[str, Any]:
    """Turns the ways to share keys and values into the drawings of one layer's heads.

    Returns:
        `heads`: query heads of the layer, 0 where it keeps no keys; `sharing`: name, key/value heads in the layer,
        whether it is the model's, and bytes per token over all layers each.
    """
    return {
        "heads": int(table.heads[layer]),
        "sharing": [
            {
                "name": way.name,
                "shared": int(way.key_value_heads[layer]),
                "own": way.own,
                "per_token": bytes_text(way.per_token),
                "bytes": way.per_token,
            }
            for way in table.ways
            if way.name != "window"
        ],
    }


def kernels_payload(timing: KernelTiming) -> dict[str, Any]:
    """Turns timed kernels, however far they are, into the table of `MasksView`.

    Returns:
        `kernels`: for each its name, and the median and the quartiles of its times in words, the median as a share of
        the longest, its memory and its difference, or the reason why it was not run.
    """
    medians = [float(np.median(one.seconds)) if len(one.seconds) else 0.0 for one in timing.kernels]
    return {
        "kernels": [
            {**_kernel(one), "median": time_text(median), "share": median / max(medians)}
            for one, median in zip(timing.kernels, medians, strict=True)
        ],
        "layer": timing.layer,
        "of": say(
            "Layer {layer}, {tokens} tokens, {heads} query heads on {shared} key/value heads, {width} wide, {dtype} on"
            " {device}",
            layer=timing.layer,
            tokens=timing.tokens,
            heads=timing.heads,
            shared=timing.key_value_heads,
            width=timing.head_width,
            dtype=timing.dtype,
            device=timing.device,
        ),
        "tokens": timing.tokens,
        "done": timing.done,
        "total": timing.total,
        "measured": timing.measured,
        "exact": timing.dtype == "float32",
    }


def _kernel(one: KernelTime) -> dict[str, Any]:
    if one.reason:
        return {"name": one.name, "reason": one.reason}
    low, high = np.percentile(one.seconds, [25, 75]) if len(one.seconds) else (0.0, 0.0)
    return {
        "name": one.name,
        "reason": "",
        "quartiles": say("{low} to {high}", low=time_text(float(low)), high=time_text(float(high))),
        "memory": bytes_text(one.memory) if one.memory else say("none"),
        "error": "0" if one.error == 0 else f"{one.error:.1e}".replace("-", "\u2212"),
    }
