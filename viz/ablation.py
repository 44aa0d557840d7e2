"""Heads switched off, and the scan that asks which of them would matter: records as payloads."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from model_runtime.cause_records import AblationScan
from model_runtime.moment import Ablate
from model_runtime.records import Integers
from viz.head_mosaic import grid_payload
from viz.labels import visible
from viz.payload import pack

LISTED: Final = 16


def off_payload(interventions: Sequence[Ablate]) -> list[list[Any]]:
    """Returns [layer, head, by] of every head that is off."""
    return [[one.layer, one.head, one.by] for one in interventions]


def scan_payload(scan: AblationScan, key_value_head: Integers, interventions: Sequence[Ablate]) -> dict[str, Any]:
    """Turns a scan, however far it is, into the grid and the ranked list of `AblationView`.

    Args:
        scan: The scan.
        key_value_head: [layer, head] the key/value head that each reads; -1 where there is no head.
        interventions: The heads that are off throughout.

    Returns:
        `change` and `log_change` as in the record, and `order`, the heads with the largest change of probability
        first, whichever its sign.
    """
    known = np.argwhere(np.isfinite(scan.change))
    size = -np.abs(scan.change[known[:, 0], known[:, 1]])
    order = known[np.argsort(size, kind="stable")][:LISTED]
    off = np.zeros(scan.change.shape, np.bool_)
    for one in interventions:
        off[one.layer, one.head] = True
    return {
        **grid_payload(key_value_head, off),
        "target": scan.target,
        "label": visible(scan.text),
        "by": scan.by,
        "probability": scan.probability,
        "change": pack(scan.change),
        "log_change": pack(scan.log_change),
        "order": order.tolist(),
        "done": scan.done,
        "total": scan.total,
    }
