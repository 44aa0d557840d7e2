"""How much each single head matters for one token: every head is switched off once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import numpy as np

from model_runtime.cause_records import AblationScan
from model_runtime.edits import Changes
from model_runtime.engine import Engine
from model_runtime.head_records import Head
from model_runtime.moment import Ablate, Intervention, Moment
from model_runtime.tape import Switch


def scan_heads(
    engine: Engine,
    changes: Callable[[Sequence[Intervention]], Changes],
    lock: AbstractContextManager[object],
    moment: Moment,
    target: tuple[int, str],
    by: str,
) -> Iterator[AblationScan]:
    """Switches each head off in a run of its own, several runs side by side.

    Heads that the moment switches off anyway are not run; switching them off changes nothing.

    Args:
        engine: The model.
        changes: What a moment's interventions do in a run.
        lock: The model's; held only while the model runs, so that others can ask in between.
        moment: The text and what it runs under.
        target: The token's id and text.
        by: "zero" or "mean".

    Yields:
        What is known so far; the last is whole.
    """
    formulas = engine.recorder.formulas
    off = {(one.layer, one.head) for one in moment.ablations}
    heads = [(layer, head) for layer, formula in enumerate(formulas) if formula for head in range(formula.heads)]
    left = [head for head in heads if head not in off]
    log_change = np.full((len(formulas), max(head for _, head in heads) + 1), np.nan)
    log_change[tuple(np.array(sorted(off), dtype=np.int64).reshape(-1, 2).T)] = 0
    rows = engine.side_by_side(len(moment.ids))
    with lock:
        before = float(_log_probabilities(engine, changes, moment, [None], target[0], by)[0])
    for begin in range(0, len(left) or 1, rows):
        part = left[begin : begin + rows]
        if part:
            with lock:
                after = _log_probabilities(engine, changes, moment, part, target[0], by)
            log_change[tuple(np.array(part).T)] = after - before
        yield AblationScan(
            target=target[0],
            text=target[1],
            by=by,
            probability=float(np.exp(before)),
            change=(np.exp(before) * np.expm1(log_change)).astype(np.float32),
            log_change=log_change.astype(np.float32),
            done=len(off) + begin + len(part),
            total=len(heads),
        )


def _log_probabilities(
    engine: Engine,
    changes: Callable[[Sequence[Intervention]], Changes],
    moment: Moment,
    heads: Sequence[Head | None],
    target: int,
    by: str,
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """[row] the natural logarithm of the target's probability with one more head off in each row, None for no head."""
    always = changes(moment.interventions)
    switches: dict[int, tuple[Switch, ...]] = dict(always.switches)
    for row, head in enumerate(heads):
        if head is not None:
            for layer, (switch,) in changes([Ablate(*head, by)]).switches.items():
                switches[layer] = (*switches.get(layer, ()), Switch(switch.head, switch.output, row))
    logits = engine.newest_logits([moment.ids] * len(heads), Changes(switches, always.edits))
    result: np.ndarray[tuple[int], np.dtype[np.float64]] = logits.double().log_softmax(-1)[:, target].cpu().numpy()
    return result
