"""The page as the program serves it, over a model whose tokens are hostile, asked by plain HTTP."""

import http.client
import json
from collections.abc import Iterable
from typing import Any

import gradio as gr

from model_runtime import Offer
from tests.hostile import NAME, hostile_model
from tests.serving import Kept
from viz.panels.models import Models


def as_on_a_space() -> Models:
    """The models on offer and no others."""
    keeper = Kept({NAME: hostile_model()})
    return Models(keeper, NAME, any_name=False, folders=(), offers=[Offer(NAME, NAME, "Made for a test.")])


class Visitor:
    """Asks a server for paths exactly as they are written, and keeps its cookies."""

    def __init__(self, page: gr.Blocks) -> None:
        self.port = page.server_port
        self.cookies = ""

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Returns status, headers and content."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_accept_encoding=True)
        own = {"Content_Length": str(len(body)), **({"Cookie": self.cookies} if self.cookies else {}), **headers}
        for name, value in own.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body)
        answer = connection.getresponse()
        try:
            content = answer.read()
        except http.client.IncompleteRead as cut:  # a stream that broke off
            content = cut.partial
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def head_of(self, method: str, path: str) -> tuple[int, dict[str, str]]:
        """Returns status and headers of an answer that has no end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path)
        answer = connection.getresponse()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}

    def send_in_parts(self, path: str, parts: Iterable[bytes]) -> int:
        """Sends a body whose size is not told; returns the status, 413 where the server hangs up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, parts, {"Content-Type": "application/json"}, encode_chunked=True)
            return connection.getresponse().status
        except (BrokenPipeError, ConnectionResetError):
            return 413
        finally:
            connection.close()

    def post(self, path: str, content: Any) -> tuple[int, Any]:
        """Sends JSON, or bytes as they are; returns status and what came back, read where it is JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        status, _, answer = self.ask("POST", path, body, Content_Type="application/json")
        try:
            return status, json.loads(answer)
        except ValueError:
            return status, answer.decode("utf-8", "replace")

    def event(self, index: int, data: list[Any], sent: Any, session: str = "visitor") -> tuple[int, Any]:
        """Sends an event of the page as its script does."""
        body = {"fn_index": index, "data": data, "session_hash": session, "event_data": sent}
        return self.post("/gradio_api/run/predict", body)
