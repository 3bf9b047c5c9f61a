"""A real `candlewick serve` in a process of its own, and what can be asked of it."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np

from candlewick.serve.admin import ask

TOKEN = secrets.token_hex(16)
CANDLEWICK = str(Path(sys.executable).with_name("candlewick"))
PAGE = 4096


class Running:
    """One server process.

    Attributes:
        url: where it listens.
        ready_s: time from the start of the process until it was ready.
    """

    def __init__(self, live: Path, *options: str, core: int | None = None, failpoint: str = "") -> None:
        self.live = live
        environment = {**os.environ, "CANDLEWICK_TOKEN": TOKEN, "CANDLEWICK_FAILPOINT": failpoint}
        pinned = ["taskset", "-c", str(core)] if core is not None else []
        command = [*pinned, CANDLEWICK, "serve", "--folder", str(live), "--port", "0", *options]
        began = perf_counter()
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self.url, self.said = "", ""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said += line
            found = re.search(r"listens on (\S+)", line)
            if found:
                self.url = found[1]
            if line.startswith("status page"):
                break
        while self.url and self.get("/readyz")[0] not in (200, 0):
            sleep(0.005)
        self.ready_s = perf_counter() - began

    @property
    def pid(self) -> int:
        return self._process.pid

    def get(self, path: str) -> tuple[int, Any]:
        """Status (0 where nobody answers) and body."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {TOKEN}"})
        return _asked(request)

    def post(self, bars: list[dict[str, Any]], *, wait: bool = True) -> tuple[int, Any]:
        """Post bars; status and body."""
        request = urllib.request.Request(
            f"{self.url}/v1/bars?wait={str(wait).lower()}", data=json.dumps(bars).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )  # fmt: skip
        return _asked(request)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Over its admin socket."""
        return ask(self.live, request, timeout_s=300)

    def resident(self) -> int:
        """Bytes of memory that are resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE

    def kill(self) -> None:
        """As power loss would, but for the disk's own cache."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def gone(self, timeout: float = 60) -> int:
        """Wait until it has ended by itself; its exit code."""
        return self._process.wait(timeout)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)


@contextmanager
def running(live: Path, *options: str, core: int | None = None) -> Iterator[Running]:
    """A server that is ready; ended at the end."""
    server = Running(live, *options, core=core)
    try:
        yield server
    finally:
        server.stop()


def disk_sync_ms(folder: Path, count: int = 500) -> dict[str, float]:
    """How long this disk takes to write and sync 300 bytes at the end of a file, in ms."""
    path, took = folder / ".sync", []
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(count):
        began = perf_counter()
        os.write(handle, bytes(300))
        os.fdatasync(handle)
        took.append((perf_counter() - began) * 1e3)
    os.close(handle)
    path.unlink()
    return {name: float(np.quantile(took, q)) for name, q in {"p50": 0.5, "p99": 0.99, "max": 1.0}.items()}


def bound(count: int) -> str:
    """What zero of `count` says of the true share, at 95 %."""
    return f"0 of {count:,}, below {3 / max(count, 1):.2g}"


def _asked(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")
    except (OSError, ValueError):
        return 0, None
