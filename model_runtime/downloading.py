"""Fetches files of a hub model with huggingface_hub, counting bytes, and stops on request."""

import glob
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any, Self

from huggingface_hub import constants, snapshot_download
from huggingface_hub.utils._xet import abort_xet_session

from model_runtime.errors import LoadingStopped
from model_runtime.loading_progress import Reporter, in_words, out_of

SECONDS_BETWEEN_REPORTS = 0.3
SECONDS_OF_RATE = 5.0
SECONDS_TO_STOP = 2.0
CHUNK_BYTES = 2**20  # huggingface_hub's own 10 MB come, and can be stopped, only every ten seconds on a slow line


def fetch_files(
    identity: str, revision: str, names: Sequence[str], *, total: int, present: int, report: Reporter
) -> Path:
    """Fetches files into huggingface_hub's cache; those that are there already are taken from it.

    The work goes on in another thread while this one reports, so that reports come even while no byte does.

    Args:
        identity: A hub id.
        revision: What is fetched, resolved to a commit by `huggingface_hub.resolve_revision`.
        names: The files' paths in the repository.
        total: Bytes of all of them together, 0 where nobody knows.
        present: Bytes of those that are here already.
        report: Told the bytes; whatever it raises ends the fetching, and files fetched whole stay.

    Returns:
        The folder of the commit's files.
    """
    received = _Received()
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    bar: Any = partial(_Bar, received)  # typed as a class, and only ever called
    patterns = [glob.escape(name) for name in names]
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetching")
    fetching = executor.submit(
        lambda: snapshot_download(identity, revision=revision, allow_patterns=patterns, tqdm_class=bar)
    )
    executor.shutdown(wait=False)
    try:
        while not wait([fetching], timeout=SECONDS_BETWEEN_REPORTS).done:
            done = present + received.bytes()
            words = out_of(min(done, total), total) if total else in_words(done)
            rate = received.rate()
            speed = f"{in_words(rate)}/s" if rate else "waiting for the hub"
            report(f"Fetching {identity}: {words}, {speed}", done / total if total else None)
    finally:
        if not fetching.done():
            received.stopped = True
            # huggingface_hub has no other way to stop a transfer that its Rust part runs.
            abort_xet_session()  # type: ignore[no-untyped-call]
            wait([fetching], timeout=SECONDS_TO_STOP)
    return Path(fetching.result())


class _Received:
    """The bytes that arrived so far, over all files. Used by several threads at once.

    Attributes:
        stopped: Whether the threads that fetch are to give up.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._lock = threading.Lock()
        self._bars: list[_Bar] = []
        self._seen: deque[tuple[float, int]] = deque()

    def count(self, bar: "_Bar") -> None:
        """Takes a bar of bytes into account."""
        self._bars.append(bar)

    def advance(self, bar: "_Bar", by: float) -> None:
        """Moves a bar.

        Raises:
            LoadingStopped: The fetching was stopped.
        """
        if self.stopped:
            raise LoadingStopped("The fetching was stopped. Load the model again to go on.")
        with self._lock:
            bar.n += by

    def bytes(self) -> int:
        """The bytes received: those of the network and those on the disk are counted apart, the further counts."""
        return int(max((bar.n for bar in self._bars), default=0))

    def rate(self) -> float:
        """Bytes a second over the last seconds."""
        now, received = time.monotonic(), self.bytes()
        self._seen.append((now, received))
        while len(self._seen) > 2 and self._seen[1][0] < now - SECONDS_OF_RATE:
            self._seen.popleft()
        begin, before = self._seen[0]
        return max(0.0, received - before) / (now - begin) if now > begin else 0.0


class _Bar:
    """What huggingface_hub takes for a progress bar of tqdm's, as far as it uses one; it draws nothing."""

    def __init__(self, received: _Received, **options: Any) -> None:
        self.total, self.n = options.get("total"), 0.0
        self.format_dict: dict[str, Any] = {}
        self._received = received
        if options.get("unit") == "B":
            received.count(self)

    def update(self, n: float | None = 1) -> None:
        """Counts on."""
        self._received.advance(self, n or 0)

    def set_description(self, *_: object, **__: object) -> None:
        """Does nothing, as do all that would draw."""

    set_description_str = set_postfix_str = refresh = close = set_description

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None
