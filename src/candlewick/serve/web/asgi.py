"""What is read of a request and written as an answer, on the level of ASGI: nothing in between that costs time."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from candlewick.serve.web.limits import BODY_BYTES, length_of, too_large
from candlewick.serve.web.refusals import RefusalError

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Head = dict[bytes, list[bytes]]

_READ = {b"host", b"authorization", b"cookie", b"origin", b"content-length", b"content-type", b"content-encoding"}
_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class GoneError(Exception):
    """The client went away, before its request was here as a whole or before it was answered."""


def head_of(scope: Scope) -> Head:
    """The headers that are looked at, each with all its values."""
    found: Head = {}
    for name, value in scope["headers"]:
        if name in _READ:
            found.setdefault(name, []).append(value)
    return found


async def body_of(head: Head, receive: Receive) -> bytes:
    """The whole body.

    Raises:
        RefusalError: 413 for too much, however it was declared.
        GoneError: it broke off.
    """
    length_of(head.get(b"content-length", []))
    message = await receive()
    body: bytes = message.get("body", b"")
    more = message.get("more_body", False)
    if more:
        parts, size = [body], len(body)
        while more:
            if size > BODY_BYTES:
                raise too_large()
            message = await receive()
            if message["type"] == "http.disconnect":
                raise GoneError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
        body = b"".join(parts)
    if message["type"] == "http.disconnect":
        raise GoneError
    if len(body) > BODY_BYTES:
        raise too_large()
    return body


def require_json(head: Head) -> None:
    """Refuse a body that is said to be something else.

    Raises:
        RefusalError: 415.
    """
    for kind in (*head.get(b"content-type", ()),):
        if kind.partition(b";")[0].strip().lower() != b"application/json":
            raise RefusalError(
                415, "media_type", f"a body is application/json, was {kind.decode('latin-1')}.", closes=True
            )
    for coding in head.get(b"content-encoding", ()):
        if coding.strip().lower() != b"identity":
            raise RefusalError(
                415, "media_type", f"a body is not compressed, was {coding.decode('latin-1')}.", closes=True
            )


async def reply(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:  # fmt: skip
    """A whole answer, JSON if nothing else is said."""
    told = [*(_JSON if headers is None else headers), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})


async def refuse(scope: Scope, send: Send, refusal: RefusalError) -> None:
    """Tell a client, who has not been answered yet, why not; over HTTP or instead of a WebSocket."""
    if scope["type"] == "http":
        await reply(send, refusal.status, refusal.body, refusal.headers)
        return
    headers = [*refusal.headers, (b"content-length", str(len(refusal.body)).encode())]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": refusal.body})
