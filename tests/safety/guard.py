"""Watches what this process does to the world outside: connections, processes, and files that it opens."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

HERE = ("127.0.0.1", "::1", "localhost", "0.0.0.0", None, "")
_OUTSIDE = ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto", "urllib.Request")
_PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "webbrowser.open")


@dataclass
class Seen:
    """What was seen.

    Attributes:
        hosts: Other hosts that were looked for; every attempt was refused.
        processes: What was to be run.
        files: Paths of files that were opened.
    """

    hosts: list[str] = field(default_factory=list)
    processes: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)


_watching: list[Seen] = []  # a hook can never be taken out again, so it is put in once


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _watching:
        return
    seen = _watching[-1]
    if event in _OUTSIDE:
        address = args[1] if event in ("socket.connect", "socket.sendto") else args[0]
        host = address[0] if isinstance(address, tuple) else address
        if host not in HERE:
            seen.hosts.append(str(host))
            raise OSError(f"the test lets nothing reach {host}")
    elif event in _PROCESSES:
        seen.processes.append(f"{event} {args!r}"[:200])
        raise OSError("the test lets no process begin")
    elif event == "open" and isinstance(args[0], str | bytes):
        seen.files.add(os.fsdecode(args[0]))


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[Seen]:
    """Inside, nothing reaches another host and no process begins; what was tried is listed."""
    seen = Seen()
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.pop()
