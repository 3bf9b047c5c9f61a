"""The two WebSockets: `/v1/stream` takes bars and answers them, `/v1/watch` tells what happens.

Nothing here is unbounded: a message of a stream is read when the one before it was answered, and a watcher that is too
slow misses events and is told how many.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgspec

from candlewick.serve.committer import Committer
from candlewick.serve.inbox import Inbox
from candlewick.serve.live import views
from candlewick.serve.live.side import Live
from candlewick.serve.protocol import Answer, Answers, Bar, Durable, Problem, encode
from candlewick.serve.web import limits
from candlewick.serve.web.asgi import GoneError, Receive, Scope, Send
from candlewick.serve.web.decode import decode_bars
from candlewick.serve.web.door import client_of
from candlewick.serve.web.limits import Rate
from candlewick.serve.web.refusals import RefusalError

STATUS_S = 2.0
_json = msgspec.json.Encoder().encode


class Stream:
    """Bars in and answers out over one connection."""

    def __init__(self, inbox: Inbox, committer: Committer, rate: Rate) -> None:
        self._inbox, self._committer, self._rate = inbox, committer, rate
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        await _accept(receive, send)
        told = _Told(self._committer, send)
        self.open += 1
        try:
            while True:
                body = await _text(receive)
                try:
                    answers = await self._answers(scope, body)
                    await send_text(send, encode(Answers(tuple(answers))))
                    told.owed(max(answer.seq for answer in answers))
                except RefusalError as refusal:
                    await send_text(send, encode(Problem(refusal.code, refusal.message)))
        except GoneError:
            pass
        finally:
            self.open -= 1
            told.end()

    async def _answers(self, scope: Scope, body: bytes) -> list[Answer]:
        if len(body) > limits.BODY_BYTES:
            raise limits.too_large()
        bars = decode_bars(body)
        self._rate.take(client_of(scope), len(bars))
        return await self._inbox.take(bars, durable=False)


class _Told:
    """Tells one client how far all is on disk, once for however many commits there were while it was being told."""

    def __init__(self, committer: Committer, send: Send) -> None:
        self._committer, self._send = committer, send
        self._owed, self._said = (
            -1,
            committer.durable,
        )  # seq of the newest answer that waits, -1 for none; the last word
        self._news = asyncio.Event()
        self._forget = committer.on_durable(self._news.set)
        self._task = asyncio.create_task(_until_gone(self._run()))

    def owed(self, seq: int) -> None:
        self._owed = max(self._owed, seq)
        self._news.set()

    def end(self) -> None:
        self._forget()
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            durable = self._committer.durable
            if self._owed >= 0 and (durable >= self._owed or durable > self._said):
                self._said, self._owed = durable, -1 if durable >= self._owed else self._owed
                await send_text(self._send, encode(Durable(durable)))
            if self._committer.failure is not None:
                await send_text(self._send, encode(Problem("storage", str(self._committer.failure))))
                await self._send({"type": "websocket.close", "code": 1011})
                return


class Watch:
    """What happens, to everybody who watches."""

    def __init__(self, live: Live, status: Callable[[], dict[str, Any]]) -> None:
        self._live, self._status = live, status
        self._watchers: set[_Watcher] = set()
        self._forget = live.on_event(self._take)
        self.lost = 0

    @property
    def open(self) -> int:
        """How many watch."""
        return len(self._watchers)

    def end(self) -> None:
        """Hear of nothing more."""
        self._forget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if len(self._watchers) >= limits.WATCHERS:
            raise limits.overloaded(f"{limits.WATCHERS} watch already, and no more may")
        await _accept(receive, send)
        watcher = _Watcher(send, self._status)
        self._watchers.add(watcher)
        task = asyncio.create_task(_until_gone(watcher.run()))
        try:
            while True:
                await _text(receive)  # whatever a watcher says means nothing
        except GoneError:
            pass
        finally:
            self._watchers.discard(watcher)
            task.cancel()

    def _take(self, kind: str, what: Any) -> None:
        if not self._watchers:
            return
        message = _event(*what) if kind == "event" else self._record(*what)
        for watcher in self._watchers:
            self.lost += watcher.take(message)

    def _record(self, seq: int, record: Any) -> bytes:
        return _json({"type": "record", "record": views.plain(self._live.names, seq, record)})


class _Watcher:
    def __init__(self, send: Send, status: Callable[[], dict[str, Any]]) -> None:
        self._send, self._status = send, status
        self._events: deque[bytes] = deque()
        self._lost = 0
        self._news = asyncio.Event()

    def take(self, message: bytes) -> bool:
        """Keep an event; whether it was lost."""
        if len(self._events) >= limits.EVENTS:
            self._lost += 1
            return True
        self._events.append(message)
        self._news.set()
        return False

    async def run(self) -> None:
        due, loop = 0.0, asyncio.get_running_loop()
        while True:
            if loop.time() >= due:
                await send_text(self._send, _json({"type": "status", **self._status()}))
                due = loop.time() + STATUS_S
            while self._events:
                await send_text(self._send, self._events.popleft())
                if self._lost and len(self._events) < limits.EVENTS // 2:
                    lost, self._lost = self._lost, 0
                    await send_text(self._send, _json({"type": "lost", "count": lost}))
            self._news.clear()
            timer = loop.call_at(due, self._news.set)
            await self._news.wait()
            timer.cancel()


def _event(bar: Bar, answer: Answer) -> bytes:
    return _json({"type": "event", "bar": {"symbol": bar.symbol, "t": bar.t, "values": bar.values}, "answer": answer})


async def _until_gone(telling: Coroutine[Any, Any, None]) -> None:
    with suppress(GoneError):  # the one who reads finds out as well
        await telling


async def _accept(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})


async def _text(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "websocket.disconnect":
        raise GoneError
    text = message.get("text")
    return text.encode() if text is not None else message.get("bytes") or b""


async def send_text(send: Send, body: bytes) -> None:
    """A message as text."""
    await send({"type": "websocket.send", "text": body.decode()})
