"""The long questions of the tabs, as data, and their answers as far as they have come: kept to be taken along.

A long question is asked part by part while the page shows how far it is. What was answered last is kept, so that an
export of the tab holds it without asking again.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from model_runtime import Composition, Moment
from viz.calls import Call

if TYPE_CHECKING:
    from model_runtime.model import Model

MOST_KEPT: Final = 64  # answers a model, of all visitors; each holds some numbers a head or token
# Weak, so that a model that makes room for another is really let go. What is lost here is asked again.
_kept: "WeakKeyDictionary[Model, OrderedDict[object, Any]]" = WeakKeyDictionary()
_lock = threading.Lock()


def names_of(model: "Model", moment: Moment) -> dict[str, Any]:
    """What the names in a call stand for."""
    return {"model": model, "moment": moment, "Moment": Moment, "Composition": Composition}


def asked_in_parts(model: "Model", moment: Moment, call: Call) -> Iterator[Any]:
    """Asks a long question, and keeps what it has answered so far.

    Raises:
        TokenscopeError: The model cannot answer it.
    """
    for part in call.parts(names_of(model, moment)):
        with _lock:
            kept = _kept.setdefault(model, OrderedDict())
            kept[_key(moment, call)] = part
            kept.move_to_end(_key(moment, call))
            while len(kept) > MOST_KEPT:
                kept.popitem(last=False)
        yield part


def known_answer(model: "Model", moment: Moment, call: Call) -> Any | None:
    """Returns what a long question has answered so far, None where it was not asked about this text."""
    with _lock:
        return _kept.get(model, OrderedDict()).get(_key(moment, call))


def _key(moment: Moment, call: Call) -> object:
    """What an answer depends on: how the next token is chosen does not matter to it."""
    about = (moment.ids, moment.prompt_length, moment.interventions) if "moment" in call.names() else ()
    return (call.source(), *about)
