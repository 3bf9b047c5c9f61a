"""Connections that cannot hold the server up: what comes too slowly, never ends or is never read is closed.

These stand in for uvicorn's own protocols, which have no such bounds.
"""

# ruff: noqa: D102 (what overrides is described there)

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from candlewick.serve.web import limits
from candlewick.serve.web.refusals import RefusalError

_SWEEP_S = 1.0


class _Read(asyncio.Protocol):
    """A connection whose client has to read what it is told."""

    loop: asyncio.AbstractEventLoop
    _blocked: float | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._blocked = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._blocked = None

    def _is_read(self, now: float) -> bool:
        return self._blocked is None or now - self._blocked <= limits.WRITE_S


class BoundedHttp(_Read, HttpToolsProtocol):
    """HTTP/1.1 with a bound on the head, on the request as a whole, and on the time of each."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._since: float | None = None
        self._in_head, self._completed = True, False
        self._head = self._read = 0  # bytes of the request that is not complete yet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > 2 * limits.CONNECTIONS:
            transport.abort()  # so many are not even told that they are too many

    def data_received(self, data: bytes) -> None:
        self._completed = False
        super().data_received(data)
        # Where one request ends in these data, how much of them belongs to the next is not known: at most all.
        self._read = 0 if self._completed else self._read + len(data)
        self._head = 0 if self._completed or not self._in_head else self._head + len(data)
        if self._in_head and self._head > limits.HEAD_BYTES:
            self._refuse(RefusalError(431, "too_long", f"headers have {limits.HEAD_BYTES:,} bytes at most."))
        elif self._read > limits.REQUEST_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._since, self._in_head, self._completed = None, True, True

    def send_400_response(self, msg: str) -> None:
        self._refuse(RefusalError(400, "not_http", "what came is not HTTP."))

    def sweep(self, now: float) -> None:
        """Close the connection where the client has had its time."""
        if not self._is_read(now):
            self.transport.abort()
        elif self._since is not None and now - self._since > limits.REQUEST_S and self._reads:
            self._refuse(RefusalError(408, "too_slow", f"a request has to be here within {limits.REQUEST_S:.0f} s."))

    @property
    def _reads(self) -> bool:
        # Not while an earlier request on the same connection is being answered.
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _refuse(self, refusal: RefusalError) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started:
            self.transport.abort()
            return
        head = [STATUS_LINE[refusal.status]]
        headers = [*refusal.headers, (b"content-length", str(len(refusal.body)).encode()), (b"connection", b"close")]
        head += [part for name, value in headers for part in (name, b": ", value, b"\r\n")]
        self.transport.write(b"".join([*head, b"\r\n", refusal.body]))
        self.transport.close()


class BoundedWebSocket(_Read, WebSocketsSansIOProtocol):
    """A WebSocket whose client has to read what it is told."""

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except UnicodeEncodeError:  # a path that is no ASCII
            self.transport.abort()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # closing would wait for what is never read

    def sweep(self, now: float) -> None:
        """Close the connection where the client does not read."""
        if not self._is_read(now):
            self.transport.abort()


async def sweeping(connections: set[Any]) -> None:
    """Look at all connections again and again."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_S)
        for connection in list(connections):
            connection.sweep(loop.time())
