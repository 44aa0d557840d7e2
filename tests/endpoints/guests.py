"""Visitors of the page without a browser: they send the page's own events, as its script does, and read the answers."""

import json
import secrets
from http.client import HTTPConnection
from typing import Any

import httpx

EVENTS = ("act", "play", "scan", "follow", "ask")


def events_of(address: str) -> dict[str, Any]:
    """The page's configuration, asked for once for many guests."""
    config: dict[str, Any] = httpx.get(f"{address}/config", timeout=60).json()
    return config


class Guest:
    """One visitor's page.

    Attributes:
        session: What gradio knows the page by.
        view: What the page shows, None before the first answer.
    """

    def __init__(self, address: str, config: dict[str, Any]) -> None:
        self.address, self.session, self.view = f"{address}/gradio_api", secrets.token_hex(8), None
        self.client = httpx.Client(timeout=120)
        self._heart: HTTPConnection | None = None
        self._events = {
            name: event for event in config["dependencies"] for _, name in event["targets"] if name in EVENTS
        }
        self._parts = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
        self._session_part = next(part for part, name in self._events["act"]["targets"])

    def act(self, name: str, detail: dict[str, Any] | None = None, prompt: str = "") -> dict[str, Any]:
        """Does an action and takes over the view of the answer. Returns the answer by the ids of elements."""
        answer = self.begin(name, detail, prompt)
        ticket = answer["session"].get("ticket")
        return self.queued("follow", {"ticket": ticket}) if ticket else answer

    def begin(self, name: str, detail: dict[str, Any] | None = None, prompt: str = "") -> dict[str, Any]:
        """Asks for an action; the answer may be that it takes long, with a ticket."""
        sent = self._sent("act", name, detail or {}, [prompt, "raw"])
        answered = self.client.post(f"{self.address}/run/predict", json=sent)
        assert answered.status_code == 200, answered.text
        return self._read(answered.json()["data"])

    def queued(self, event: str, detail: dict[str, Any]) -> dict[str, Any]:
        """Asks for what comes in several answers. Returns the last."""
        self.join(event, detail)
        *_, last = (told for told in self.stream() if told["msg"] == "process_completed")
        assert last["success"], last
        return self._read(last["output"]["data"])

    def join(self, event: str, detail: dict[str, Any]) -> None:
        """Asks for it without waiting for any answer."""
        sent = self._sent(event, event, detail, [50] if event == "play" else [])
        joined = self.client.post(f"{self.address}/queue/join", json=sent)
        assert joined.status_code == 200, joined.text

    def stream(self) -> Any:
        """What is told of this page's queued events, until all have ended."""
        with self.client.stream("GET", f"{self.address}/queue/data", params={"session_hash": self.session}) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    told = json.loads(line[5:])
                    yield told
                    if told["msg"] in ("process_completed", "close_stream"):
                        return

    def place(self) -> int | None:
        """How many have their turn before this page."""
        answered = self.client.post(f"{self.address}/run/predict", json=self._sent("ask", "ask", {}, []))
        before: int | None = answered.json()["data"][0]["before"]
        return before

    def beat(self) -> None:
        """Opens the connection by which gradio knows that a page is still there."""
        where = httpx.URL(self.address)
        self._heart = HTTPConnection(where.host, where.port, timeout=60)
        self._heart.request("GET", f"{where.path}/heartbeat/{self.session}")
        self._heart.getresponse().readline()

    def close(self) -> None:
        """Breaks every connection off, as a browser that is killed does."""
        self.client.close()
        if self._heart:
            self._heart.close()

    def _sent(self, event: str, name: str, detail: dict[str, Any], data: list[Any]) -> dict[str, Any]:
        told = {"name": name, "detail": detail, "view": self.view}
        number = self._events[event]["id"]
        return {"data": data, "event_data": told, "fn_index": number, "session_hash": self.session, "trigger_id": None}

    def _read(self, data: list[Any]) -> dict[str, Any]:
        outputs = self._events["act"]["outputs"]
        named = {self._parts[part] or str(part): value for part, value in zip(outputs, data, strict=True)}
        named["session"] = data[outputs.index(self._session_part)]
        if named["session"].get("view"):
            self.view = named["session"]["view"]
        return named
