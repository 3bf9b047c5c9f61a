"""The first to see a request: Host, token, rate and connections; then bars by the short way, else through FastAPI."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from candlewick.serve.inbox import Inbox
from candlewick.serve.protocol import Answers, encode
from candlewick.serve.web import limits
from candlewick.serve.web.asgi import (
    GoneError,
    Head,
    Message,
    Receive,
    Scope,
    Send,
    body_of,
    head_of,
    refuse,
    reply,
    require_json,
)
from candlewick.serve.web.auth import Guard
from candlewick.serve.web.decode import decode_bars
from candlewick.serve.web.limits import Rate
from candlewick.serve.web.refusals import RefusalError

App = Callable[[Scope, Receive, Send], Awaitable[None]]
BARS = "/v1/bars"
OPEN_PATHS = frozenset({"/livez", "/readyz"})
_log = logging.getLogger("candlewick.serve")
_WAITS = {b"": True, b"wait=true": True, b"wait=false": False}


class Door:
    """An ASGI application in front of another one."""

    def __init__(self, app: App, *, guard: Guard, rate: Rate, inbox: Inbox) -> None:
        self._app, self._guard, self._rate, self._inbox = app, guard, rate, inbox
        self._sockets: dict[str, App] = {}
        self.connections: Callable[[], int] = lambda: 0
        self.refused: Callable[[int, str], None] = lambda status, code: None

    def route(self, path: str, socket: App) -> None:
        """Answer WebSockets at `path`."""
        self._sockets[path] = socket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        began = False

        async def sending(message: Message) -> None:
            nonlocal began
            began = True
            try:
                await send(message)
            except OSError as error:
                raise GoneError from error

        try:
            await self._answer(scope, receive, sending)
        except GoneError:
            pass
        except RefusalError as refusal:
            self.refused(refusal.status, refusal.code)
            if not began:
                await refuse(scope, send, refusal)
        except Exception:
            what = f"{scope.get('method', 'WebSocket')} {scope.get('path', '')[:100]!r}"
            _log.exception("a defect of candlewick, at %s; the client was told 503", what)
            if not began:
                await refuse(scope, send, unexpected())

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        head, path, socket = head_of(scope), scope["path"], scope["type"] == "websocket"
        self._guard.require_host(head.get(b"host", []))
        if self.connections() > limits.CONNECTIONS:
            raise RefusalError(
                503, "overload", f"{limits.CONNECTIONS} connections are served at a time. Come again in a second.",
                retry_after=1, closes=True,
            )  # fmt: skip
        if path not in OPEN_PATHS and not path.startswith("/open/"):
            self._let_in(scope, head, socket)
        if socket:
            await self._socket(path)(scope, receive, send)
        elif path == BARS and scope["method"] != "GET":
            await self._bars(scope, head, receive, send)
        else:
            await self._app(scope, receive, send)

    def _let_in(self, scope: Scope, head: Head, socket: bool) -> None:
        origin, method = head.get(b"origin", []), scope.get("method", "GET")
        self._guard.require_origin(origin, head[b"host"][0])
        if socket and scope["path"] == "/v1/stream":
            method = "POST"  # it changes something
        self._guard.require_known(
            head.get(b"authorization", []), head.get(b"cookie", []), method=method, origin=bool(origin) or not socket
        )
        if scope["path"] != BARS or method != "POST":
            self._rate.take(client_of(scope))

    def _socket(self, path: str) -> App:
        found = self._sockets.get(path)
        if found is None:
            raise RefusalError(404, "path", f"there is no WebSocket at {path}; there are {', '.join(self._sockets)}.")
        return found

    async def _bars(self, scope: Scope, head: Head, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise RefusalError(
                405, "method", f"bars are sent by POST and read by GET, was {scope['method']}.", allow="GET, POST"
            )
        wait = _WAITS.get(scope["query_string"])
        if wait is None:
            raise RefusalError(422, "invalid", "only wait=true or wait=false may follow the path.")
        require_json(head)
        bars = decode_bars(await body_of(head, receive))
        self._rate.take(client_of(scope), len(bars))
        answers = await self._inbox.take(bars, durable=wait)
        await reply(send, 200, encode(Answers(tuple(answers))))


def unexpected() -> RefusalError:
    """What a client is told of a defect."""
    return RefusalError(503, "defect", "the server has a defect here, which it has logged.", retry_after=5)


def client_of(scope: Any) -> str:
    """Whose bucket a request is taken from."""
    client = scope.get("client")
    return str(client[0]) if client else ""
