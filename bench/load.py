# ruff: noqa: T201 - a benchmark prints
"""Many visitors at once: how fast each step is answered, how fair, and what memory it leaves behind.

    python -m bench.load [--minutes 10] [--visitors 50] [--players 5]

Starts a server of its own with the built-in model and visits it as browsers do, with the page's own events. Most
visitors step, one action at a time with a short rest between; some play. The answers of a play are counted, not read.
An answer that takes long is followed to its end, as the page does. The benchmark ends by itself: after the minutes, or
after `MOST_REQUESTS`.

What is measured, all of it after a first eighth that does not count: actions and played tokens a second; how long an
action takes, p50 and p95; how evenly visitors of one kind are served (Jain's index, 1 is even; the worst visitor's
share of the median's); what was refused or failed; the server's resident memory before, at half time and after: what
is kept of texts is bounded, so from half time on it should hardly grow.
"""

import argparse
import json
import os
import platform
import random
import secrets
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

MOST_REQUESTS = 200_000
MOST_TOKENS = 200  # of one visitor's text, before it begins another
PLAYED = 50  # tokens of one play
REST = 0.25  # seconds between two actions of a visitor, on average: someone who presses a key without haste
LATE = 30  # seconds that what is under way at the end may take
ENDED = "The text has ended"  # how the server refuses to step further, which is no failure
STARTING = 180  # seconds that the server may take to come up
ROOT = Path(__file__).resolve().parent.parent
WORDS = ("The capital of Japan is", "A cat sat on the", "Once upon a time", "Water boils at", "My favourite book is")


@dataclass
class Counted:
    """What one visitor got since it began to count.

    Attributes:
        seconds: How long each action took.
        tokens: Tokens that were played.
        refused: Answers that say why not, and requests that failed.
        worst: The first of these, in words.
    """

    seconds: list[float] = field(default_factory=list)
    tokens: int = 0
    refused: int = 0
    worst: str = ""

    def refuse(self, words: str) -> None:
        """Notes an answer that is none."""
        self.refused += 1
        self.worst = self.worst or words


@dataclass
class Bounds:
    """When to begin to count and when to stop: by the clock, or when too many requests were sent."""

    counting: float
    end: float
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def more(self) -> bool:
        """Counts a request; whether it may be sent."""
        with self.lock:
            self.requests += 1
            return self.requests <= MOST_REQUESTS and time.monotonic() < self.end


class Visitor:
    """One browser's worth of requests: opens the page, starts a text, and steps or plays until the time is up."""

    def __init__(self, address: str, events: dict[str, dict[str, Any]], bounds: Bounds, number: int) -> None:
        self.counted = Counted()
        self._address, self._events, self._bounds = address + "/gradio_api", events, bounds
        self._session, self._number = secrets.token_hex(6), number
        self._view: Any = None
        self._client = httpx.Client(timeout=300, verify=False)  # there is nothing to verify on this machine

    def step(self) -> None:
        """Steps, one token an action."""
        chance = random.Random(self._number)
        taken = MOST_TOKENS
        while self._bounds.more():
            name = "step" if taken < MOST_TOKENS else "start"
            taken = taken + 1 if name == "step" else 0
            began = time.monotonic()
            error = self._act(name)
            if error.startswith(ENDED):
                taken = MOST_TOKENS  # it gives way to the next
            elif error:
                self.counted.refuse(error)
            elif began >= self._bounds.counting:
                self.counted.seconds.append(time.monotonic() - began)
            time.sleep(chance.uniform(0, 2 * REST))

    def play(self) -> None:
        """Plays, again and again."""
        while self._bounds.more():
            error = self._act("start") or self._played()
            if error and not error.startswith(ENDED):
                self.counted.refuse(error)
                time.sleep(REST)

    def _words(self) -> str:
        return f"{WORDS[self._number % len(WORDS)]} {self._number} {secrets.randbelow(1000)}"

    def _body(self, event: str, data: list[Any], name: str, detail: dict[str, Any]) -> dict[str, Any]:
        sent = {"name": name, "detail": detail, "view": self._view}
        fn = self._events[event]["id"]
        return {"data": data, "event_data": sent, "fn_index": fn, "trigger_id": None, "session_hash": self._session}

    def _act(self, name: str) -> str:
        """Does an action as the page does, and follows an answer that takes long. Returns what went wrong, or ""."""
        try:
            body = self._body("act", [self._words(), "raw"], name, {})
            answer = self._client.post(self._address + "/run/predict", json=body)
            if answer.status_code != 200:
                return answer.text[:200]
            session, message = self._read(answer.json()["data"], "act")
            if "ticket" in session:
                return self._queued("follow", [], {"ticket": session["ticket"]})
        except httpx.HTTPError as error:
            return repr(error)
        self._view = session["view"]
        return _error(message)

    def _played(self) -> str:
        """Plays once. Returns what went wrong, or ""."""
        answers = 0

        def count() -> None:
            nonlocal answers
            answers += 1
            # Each answer is a token but the last, which says how the play ended.
            if answers > 1 and time.monotonic() >= self._bounds.counting:
                self.counted.tokens += 1

        try:
            return self._queued("play", [PLAYED], {}, count)
        except httpx.HTTPError as error:
            return repr(error)

    def _queued(
        self, event: str, data: list[Any], detail: dict[str, Any], each: Callable[[], None] = lambda: None
    ) -> str:
        """Asks for what gives several answers, through gradio's queue; `each` is called at every one of them."""
        joined = self._client.post(self._address + "/queue/join", json=self._body(event, data, event, detail))
        if joined.status_code != 200:
            return joined.text[:200]
        with self._client.stream("GET", self._address + "/queue/data", params={"session_hash": self._session}) as lines:
            for line in lines.iter_lines():
                told: dict[str, Any] = json.loads(line[5:]) if line.startswith("data:") else {"msg": ""}
                if told["msg"] == "process_generating":
                    each()
                if told["msg"] == "process_completed":
                    if not told["success"]:
                        return str(told.get("output"))[:200]
                    session, message = self._read(told["output"]["data"], event)  # the last answer, whole
                    self._view = session["view"]
                    return _error(message)
                if told["msg"] == "close_stream" or time.monotonic() > self._bounds.end + LATE:
                    return "" if time.monotonic() > self._bounds.end else "the answer broke off"
        return "the answer broke off"

    def _read(self, data: list[Any], event: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The session and the message of an answer."""
        outputs = self._events[event]["outputs"]
        session, message = (data[outputs.index(self._events[one]["component"])] for one in ("act", "message"))
        return session, message


def _error(message: dict[str, Any]) -> str:
    return str(message["text"]) if message["kind"] == "error" else ""


def events_of(address: str) -> dict[str, dict[str, Any]]:
    """Where the page's own events are: by the name of the event, its number, outputs and component."""
    config = httpx.get(address + "/config", timeout=60).json()
    found: dict[str, dict[str, Any]] = {}
    for dependency in config["dependencies"]:
        for component, name in dependency["targets"]:
            if name in ("act", "play", "follow"):
                found[name] = {"id": dependency["id"], "outputs": dependency["outputs"], "component": component}
    line = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "message")
    return {**found, "message": {"component": line}}


def resident(process: int) -> int:
    """Bytes of a process in memory, by Linux's count."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def started(environment: dict[str, str]) -> tuple["subprocess.Popen[bytes]", str]:
    """A server of its own, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + STARTING
    with httpx.Client(timeout=5, verify=False) as client:
        while time.monotonic() < end and server.poll() is None:
            try:
                client.get(address + "/config").raise_for_status()
                return server, address
            except httpx.HTTPError:
                time.sleep(0.2)
    server.kill()
    raise SystemExit(f"The server did not come up within {STARTING} s.")


def fairness(shares: list[float]) -> dict[str, float]:
    """Jain's index of what each got, 1/n to 1, and the worst share of the median one."""
    squares = len(shares) * sum(share * share for share in shares)
    middle = statistics.median(shares)
    return {
        "jain": round(sum(shares) ** 2 / squares, 4) if squares else 0.0,
        "worst_of_median": round(min(shares) / middle, 4) if middle else 0.0,
    }


def visited(address: str, minutes: float, visitors: int, players: int) -> tuple[list[Counted], list[Counted], float]:
    """Lets the visitors come. Returns what those who step got, what those who play got, and the seconds counted."""
    now = time.monotonic()
    bounds = Bounds(now + minutes * 60 / 8, now + minutes * 60)
    events = events_of(address)
    crowd = [Visitor(address, events, bounds, number) for number in range(visitors)]
    works = [one.play if number < players else one.step for number, one in enumerate(crowd)]
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(1.0, bounds.end + 2 * LATE - time.monotonic()))
    counted = [one.counted for one in crowd]
    return counted[players:], counted[:players], time.monotonic() - bounds.counting


def main() -> None:
    """Starts a server, visits it, and prints what it did; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the visit lasts")
    parser.add_argument("--visitors", type=int, default=50, help="how many come")
    parser.add_argument("--players", type=int, default=5, help="how many of them play")
    asked = parser.parse_args()
    server, address = started({"TOKENSCOPE_MODEL": "builtin"})
    half: list[int] = []
    timer = threading.Timer(asked.minutes * 30, lambda: half.append(resident(server.pid)))
    try:
        visited(address, 0.1, 2, 1)  # the first answers load the model
        before = resident(server.pid)
        timer.start()
        stepped, played, seconds = visited(address, asked.minutes, asked.visitors, asked.players)
        after = resident(server.pid)
    finally:
        timer.cancel()
        server.terminate()
        server.wait(30)
    times = sorted(second for one in stepped for second in one.seconds)
    if not times:
        raise SystemExit(f"Nothing was answered: {next((one.worst for one in stepped if one.worst), 'no word')}")
    tokens = sum(one.tokens for one in played)
    result = {
        "name": "load",
        "minutes": asked.minutes,
        "visitors": asked.visitors,
        "players": asked.players,
        "steps_a_second": round(len(times) / seconds, 2),
        "played_a_second": round(tokens / seconds, 2),
        "step_p50_ms": round(statistics.median(times) * 1000, 1),
        "step_p95_ms": round(times[int(0.95 * (len(times) - 1))] * 1000, 1),
        "step_fairness": fairness([float(len(one.seconds)) for one in stepped]),
        "play_fairness": fairness([float(one.tokens) for one in played]) if played else {},
        "refused": sum(one.refused for one in (*stepped, *played)),
        "refused_first": next((one.worst for one in (*stepped, *played) if one.worst), ""),
        "memory_mb": {
            name: round(held / 2**20) for name, held in (("before", before), ("half", half[0]), ("after", after))
        },
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    for name, value in result.items():
        print(f"  {name:<20}{value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
