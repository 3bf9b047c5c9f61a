"""What only the owner of the folder may do to a running server: one JSON object a line over a Unix socket beside it."""

import asyncio
import json
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from candlewick.core.errors import CandlewickError, ConfigError, RemoteError

NAME = "admin.sock"
TIMEOUT_S = 600.0
"""How long a client waits for a change of the champion."""

_LINE = 2**16
_ANSWER = 2**24
_REQUEST_S = 10.0
_log = logging.getLogger("candlewick.serve")

Carried = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Carries out a request; gives what is told beside `ok`."""


class Admin:
    """The server's side."""

    def __init__(self, folder: Path, carry_out: Carried) -> None:
        self._folder, self._carry_out = folder, carry_out
        self._server: asyncio.AbstractServer | None = None
        self._speaking: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen. The caller holds the folder's lock, so that a socket lying there is a dead server's."""
        listening = _at(self._folder, _bound)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=_LINE)

    async def close(self) -> None:
        """Hear nothing more, break off what is being done, and take the socket away."""
        if self._server is not None:
            self._server.close()
            with suppress(OSError):
                os.unlink(self._folder / NAME)
        for task in self._speaking:
            task.cancel()
        await asyncio.gather(*self._speaking, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._speaking.add(task)
        try:
            while True:
                async with asyncio.timeout(_REQUEST_S):
                    line = await reader.readline()
                if not line:
                    return
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, ValueError):  # gone, too slow, or a line that is too long
            pass
        finally:
            self._speaking.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ConfigError("a request is a JSON object.")
            return {"ok": True, **await self._carry_out(request)}
        except CandlewickError as error:
            return {"ok": False, "error": str(error), "exit_code": error.exit_code}
        except (ValueError, RecursionError) as error:
            return {"ok": False, "error": f"the request is not JSON: {error}.", "exit_code": ConfigError.exit_code}
        except Exception:
            _log.exception("a defect of candlewick, at the admin socket")
            return {"ok": False, "error": "the server has a defect here, which it has logged.", "exit_code": 70}


def ask(folder: Path, request: Mapping[str, Any], *, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """What a running server of `folder` answers: `ok`, and `said` or `error` and `exit_code`.

    Raises:
        ConfigError: no server listens there.
        RemoteError: it did not answer in time, or broke off.
    """
    try:
        connection = _at(folder, _connected)
    except OSError as error:
        raise ConfigError(
            f"no server listens in {folder}: {error.strerror or error}. If one is starting, wait until it is ready; "
            f"else start one: candlewick serve --folder {folder}."
        ) from error
    with connection:
        connection.settimeout(timeout_s)
        try:
            connection.sendall(msgspec.json.encode(dict(request)) + b"\n")
            answer = _line_of(connection)
            told: dict[str, Any] = msgspec.json.decode(answer, type=dict[str, Any])
        except (OSError, msgspec.MsgspecError) as error:
            raise RemoteError(
                f"the server of {folder} did not answer: {error}. What was asked may have been done: see "
                "`candlewick releases`."
            ) from error
    return told


def _line_of(connection: socket.socket) -> bytes:
    parts, size = [], 0
    while size < _ANSWER:
        part = connection.recv(2**16)
        parts.append(part)
        size += len(part)
        if not part or part.endswith(b"\n"):
            break
    return b"".join(parts)


def _at(folder: Path, use: Callable[[str], socket.socket]) -> socket.socket:
    # The system takes 107 bytes of a path at most; through a handle of the folder, any folder will do.
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return use(f"/proc/self/fd/{handle}/{NAME}")
    finally:
        os.close(handle)


def _bound(path: str) -> socket.socket:
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(path)
    finally:
        os.umask(before)
    listening.listen(8)
    listening.setblocking(False)
    return listening


def _connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection
