"""How far long work is, told to whoever watches the thread that does it. Who watches can end it by raising an error."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Is told what is being done, and how much of it is done, 0 to 1.
Watcher = Callable[[str, float], None]
_here = threading.local()


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Inside, work of this thread tells how far it is."""
    before = getattr(_here, "watcher", None)
    _here.watcher = watcher
    try:
        yield
    finally:
        _here.watcher = before


def tell(text: str, done: int, total: int) -> None:
    """Tells how far work is, if anybody watches. Whoever calls it can be ended there.

    Args:
        text: What is being done, in a few words.
        done: How many parts of it are done.
        total: Of how many, 1 or more.
    """
    watcher: Watcher | None = getattr(_here, "watcher", None)
    if watcher is not None:
        watcher(text, done / total)
