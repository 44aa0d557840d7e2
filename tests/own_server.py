"""The page in a process of its own, as `python app.py` serves it, which can be killed and started again."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STARTING = 240  # seconds that nothing here comes near


class OwnServer:
    """A server on a free port.

    Attributes:
        port: Its port, the same after each start.
        address: Where it is asked from this machine.
        environment: Its environment.
    """

    def __init__(
        self, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None, *, told: bool = True
    ) -> None:
        """Takes what is given on the command line and in the environment; the port, too, unless it is not `told`."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "app.py", *(["--port", str(self.port)] if told else []), *arguments]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TOKENSCOPE_")}
        self.environment = {**inherited, "OMP_NUM_THREADS": "1", **(environment or {})}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the server
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Starts it, and waits until it answers."""
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=self.environment, stdout=self._log, stderr=subprocess.STDOUT
        )
        late = time.monotonic() + STARTING
        while time.monotonic() < late and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.address}/gradio_api/app_id", timeout=5).close()
                return
            except urllib.error.HTTPError:
                return  # it asks for a login
            except OSError:
                time.sleep(0.2)
        self.kill()
        raise TimeoutError(f"the page was not served: {self.heard()}")

    def heard(self) -> str:
        """What it has written so far."""
        self._log.flush()
        return os.pread(self._log.fileno(), 10**7, 0).decode()

    def kill(self) -> None:
        """Ends it as a crash does."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """Ends it for good."""
        self.kill()
        self._log.close()
