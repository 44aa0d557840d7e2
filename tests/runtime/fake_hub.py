"""A hub of its own on this machine: what huggingface_hub asks the real one, answered by a local server."""

import hashlib
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from huggingface_hub import constants

FILE_ADDRESS = "/{repo_id}/resolve/{revision}/{filename}"
COMMIT = hashlib.sha1(b"a commit").hexdigest()


@dataclass
class FakeHub:
    """What the server holds and how it behaves.

    Attributes:
        repositories: The files of each repository: id -> path -> content.
        refusals: What is answered instead, by repository: (status, error code of the hub).
        gated: Repositories whose files, but not listings, are refused.
        rate: Bytes a second of each connection, None for all that goes.
        broken: Files whose connection ends after so many bytes: path -> bytes.
        asked: What was asked for: (method, path).
        sent: Bytes of file contents sent.
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    rate: int | None = None
    broken: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    address: str = ""

    def files_sent(self):
        return {path.rsplit("/", 1)[-1] for method, path in self.asked if method == "GET" and "/resolve/" in path}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self):
        return self.server.hub

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((self.command, path))
        parts = path.removeprefix("/api/models/").strip("/").split("/")
        identity = "/".join(parts[:2])
        if identity in self.hub.refusals:
            return self._send(*self.hub.refusals[identity])
        if identity not in self.hub.repositories:
            return self._send(404, "RepoNotFound")
        files = self.hub.repositories[identity]
        if not path.startswith("/api/"):
            return self._file(identity, "/".join(parts[4:]), files)
        if len(parts) > 3 and parts[3] not in ("main", COMMIT):
            return self._send(404, "RevisionNotFound")
        if "tree" in parts:
            return self._json(
                [{"type": "file", "path": name, "size": len(data), "oid": "0" * 40} for name, data in files.items()]
            )
        return self._json({"id": identity, "modelId": identity, "sha": COMMIT, "siblings": []})

    def _file(self, identity, name, files):
        if identity in self.hub.gated:
            return self._send(403, "GatedRepo")
        if name not in files:
            return self._send(404, "EntryNotFound")
        data = files[name]
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self._content(name, data)
        return None

    def _content(self, name, data):
        step = len(data) or 1 if self.hub.rate is None else max(1, self.hub.rate // 20)
        for begin in range(0, len(data), step):
            part = data[begin : begin + step]
            if name in self.hub.broken and begin + len(part) > self.hub.broken[name]:
                self.close_connection = True
                self.connection.close()
                return
            try:
                self.wfile.write(part)
            except OSError:
                return
            self.hub.sent += len(part)
            if self.hub.rate is not None:
                time.sleep(0.05)

    def _json(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving(monkeypatch, cache):
    """A hub that huggingface_hub asks instead of the real one, with an empty cache of its own."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = hub
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.address + FILE_ADDRESS)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
