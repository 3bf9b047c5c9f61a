"""A server that speaks the protocol, idempotent by key, and does what a test tells it: late, overloaded, gone."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

from candlewick.serve.protocol import Answer, Answers, Bar, Bars, Durable, Problem, encode

TOKEN = "a-token-of-the-tests"
_bars = msgspec.json.Decoder(Bars)


@dataclass
class Book:
    """What the server has, and what it is to do next.

    `script` is carried out one entry a request, before it is looked at: a status, "cut" (the connection is closed
    without an answer) or "lose" (the bars are taken, the connection is closed). `window` is how many records are looked
    at for one page of forecasts.
    """

    bars: dict[tuple[str, int], Bar] = field(default_factory=dict)
    order: list[Bar] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    script: list[Any] = field(default_factory=list)
    refuse: set[tuple[str, int]] = field(default_factory=set)
    retry_after: str = "0.01"
    ready: bool = True
    window: int = 50

    def offer(self, bar: Bar, *, durable: bool = True) -> Answer:
        key = (bar.symbol, bar.t)
        if key in self.refuse:
            return Answer(bar.symbol, bar.t, "refused", "abstain", "the test refuses it")
        if key in self.bars:
            same = self.bars[key].values == bar.values
            return Answer(bar.symbol, bar.t, "duplicate" if same else "revision", "ok", "had it", seq=self.place(key))
        self.bars[key] = bar
        self.order.append(bar)
        return Answer(bar.symbol, bar.t, "accepted", "ok", value=0.5, seq=len(self.order) - 1, durable=durable)

    def place(self, key: tuple[str, int]) -> int:
        return [(bar.symbol, bar.t) for bar in self.order].index(key)

    def of(self, symbol: str) -> list[int]:
        """Closes in the order in which they were accepted."""
        return [bar.t for bar in self.order if bar.symbol == symbol]

    def last(self) -> list[dict[str, Any]]:
        return [{"symbol": name, "t": max(self.of(name))} for name in sorted({bar.symbol for bar in self.order})]


def problem(status: int, code: str, message: str, **headers: str) -> Response:
    return Response(encode(Problem(code, message)), status, headers, "application/json")


def application(book: Book) -> FastAPI:
    app = FastAPI()

    @app.get("/readyz")
    async def readyz() -> Response:
        told = {"ready": book.ready, "reasons": [] if book.ready else ["no champion"]}
        return Response(msgspec.json.encode(told), 200 if book.ready else 503, media_type="application/json")

    @app.post("/v1/bars")
    async def post(request: Request) -> Response:
        body = await request.body()
        book.sizes.append(len(body))
        if len(body) > 2**20:
            return problem(413, "too_large", f"{len(body)} bytes are too many")
        try:
            answers = take(book, body, durable=request.query_params.get("wait") != "false")
        except msgspec.ValidationError as error:
            return problem(422, "invalid", str(error))
        return Response(encode(Answers(answers)), media_type="application/json")

    @app.get("/v1/status")
    async def status() -> dict[str, Any]:
        return {"symbols": book.last(), "journal": {"seq": len(book.order) - 1}}

    @app.get("/v1/forecasts")
    async def forecasts(since: int, limit: int, symbol: str | None = None) -> Response:
        looked_at = [book.offer(bar) for bar in book.order[since : since + book.window]]
        chosen = [one for one in looked_at if symbol in (None, one.symbol)][:limit]
        following = chosen[-1].seq + 1 if len(chosen) == limit else since + len(looked_at)
        return Response(msgspec.json.encode({"forecasts": chosen, "next": following}), media_type="application/json")

    @app.get("/v1/why")
    async def why(symbol: str, t: int) -> Response:
        if (symbol, t) not in book.bars:
            return problem(404, "unknown", f"no bar of {symbol} closed at {t}")
        return Response(b'{"release": "ab12"}', media_type="application/json")

    @app.get("/v1/releases")
    async def releases() -> dict[str, Any]:
        return {"releases": [], "aliases": {}, "history": []}

    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        if socket.headers.get("authorization") != f"Bearer {TOKEN}":
            await socket.send_denial_response(problem(401, "unauthorized", "a token is needed"))
            return
        await socket.accept()
        try:
            while True:
                text = await socket.receive_text()
                try:
                    answers = take(book, text.encode(), durable=False)
                except msgspec.ValidationError as error:
                    await socket.send_text(encode(Problem("invalid", str(error))).decode())
                    continue
                await socket.send_text(encode(Answers(answers)).decode())
                if "die" in book.script:
                    await socket.close()
                    return
                await socket.send_text(encode(Durable(len(book.order) - 1)).decode())
        except WebSocketDisconnect:
            return

    return app


def take(book: Book, body: bytes, *, durable: bool = True) -> tuple[Answer, ...]:
    found = _bars.decode(body)
    return tuple(book.offer(bar, durable=durable) for bar in ([found] if isinstance(found, Bar) else found))


class Scripted:
    """The application behind what a test wants to happen before it: refusals, and connections that are lost."""

    def __init__(self, book: Book) -> None:
        self.book, self.app = book, application(book)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        self.book.requests.append((scope["method"], scope["path"]))
        request = Request(scope, receive)
        if scope["path"] == "/readyz":
            return await self.app(scope, receive, send)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return await problem(401, "unauthorized", "a token is needed")(scope, receive, send)
        step = self.book.script.pop(0) if self.book.script else None
        if step is None:
            return await self.app(scope, receive, send)
        if isinstance(step, int):
            headers = {"retry-after": self.book.retry_after}
            return await problem(step, "told", f"the test says {step}", **headers)(scope, receive, send)
        if step == "lose":
            take(self.book, await request.body())
        send.__self__.transport.abort()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def serving(book: Book, port: int | None = None) -> Iterator[str]:
    """The server at work in a thread; its address."""
    port = port or free_port()
    config = uvicorn.Config(Scripted(book), port=port, log_level="critical", ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.005)
        assert thread.is_alive()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.force_exit = server.should_exit = True
        thread.join(10)
