"""Hostile requests made by chance from one seed: bytes that are nearly HTTP, bodies that are nearly bars."""

import socket
from collections.abc import Mapping, Sequence
from typing import TypeVar

from candlewick.core.random import stream

T = TypeVar("T")

DOCUMENTED = {100, 101, 200, 303, 304, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 431, 503}
"""Statuses that the server may answer with; 429 and 503 where it is overloaded or not ready."""

NEVER = {500, 502, 504}
_NUMBERS = ["NaN", "Infinity", "1e999", "-0", "1" * 400, "1e-400", "true", "null", '"1"', "[]", "{}", "0x1", "1."]
_TEXTS = ["", "A", "A\\n", "\\ud800", "../x", "x" * 5_000, "\\u0000", "A B", "'; drop", "%00", "\x7f", "é"]
_PATHS = [
    "/", "/v1/bars", "/v1/status", "/v1/forecasts", "/v1/journal", "/v1/why", "/v1/releases", "/metrics", "/docs",
    "/open/x", "/assets/x", "/v1/stream", "/v1/watch", "/livez", "/readyz", "/openapi.json", "*", "//", "/%2e%2e/",
    "/v1/bars/../status", "/\xff", "/v1/bars#x", "http://localhost/v1/bars", "/" + "a" * 40_000, "/%", "/\\",
]  # fmt: skip
_METHODS = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "CONNECT", "TRACE", "get", "X" * 50, ""]
_HEADERS = [
    "Host: evil.example", "Host:", "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999",
    "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Content-Type: text/plain",
    "Expect: 100-continue", "Content-Encoding: gzip", "Upgrade: websocket",
    "Connection: Upgrade", "Connection: close", "Origin: null",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12",
    "Cookie: candlewick=x", "Cookie: " + "a=b; " * 3_000, "Authorization: Basic x", "Range: bytes=0-1", "\x00: x", "x",
    "X: \xff\x00", "If-None-Match: *", "Accept: */*", " folded: x",
]  # fmt: skip


class Chance:
    """An endless source of requests; the same from the same seed."""

    def __init__(self, seed: int, headers: Mapping[str, str]) -> None:
        """`headers` stand in most requests: the token."""
        self._random, self._own = stream(seed, "hostile"), [f"{k}: {v}" for k, v in headers.items()]

    def request(self) -> bytes:
        """One request, or several, or something that is nearly one."""
        text = self._body()
        method, path = self._one(_METHODS[:2] * 20 + _METHODS), self._one(_PATHS[:8] * 6 + _PATHS) + self._query()
        headers = ["Host: localhost", *self._own, f"Content-Length: {len(text)}"]
        for _ in range(int(self._random.integers(0, 4)) if self._random.random() < 0.4 else 0):
            headers.insert(int(self._random.integers(0, len(headers) + 1)), self._one(_HEADERS))
        if self._random.random() < 0.1:
            headers.pop(int(self._random.integers(0, len(headers))))
        head = f"{method} {path} HTTP/{self._one(['1.1'] * 40 + ['1.0', '2.0', '9', ''])}\r\n" + "\r\n".join(headers)
        data = head.encode("latin-1") + b"\r\n\r\n" + text
        return self._broken(data) if self._random.random() < 0.2 else data

    def message(self) -> str:
        """What is sent over a WebSocket."""
        return self._body().decode("utf-8", errors="replace")

    def _one(self, of: Sequence[T]) -> T:
        return of[int(self._random.integers(0, len(of)))]

    def _query(self) -> str:
        names = ["symbol", "t", "since", "limit", "count", "wait", "x"]
        values = ["A", "-1", "1", "9" * 30, "true", "false", "%0a", "%ff", "1_0", " ", "1.0", "%F0%9F%98%80"]
        count = int(self._random.integers(0, 3))
        return "?" * (count > 0) + "&".join(f"{self._one(names)}={self._one(values)}" for _ in range(count))

    def _body(self) -> bytes:
        kind = self._random.random()
        if kind < 0.1:
            return bytes(self._random.integers(0, 256, int(self._random.integers(0, 300))).astype("uint8"))
        if kind < 0.15:
            return self._one([b"[", b'{"values":', b'[{"symbol":']) * 5_000
        bars = b",".join(self._bar() for _ in range(int(self._random.integers(1, 4))))
        return self._broken(bars) if kind < 0.4 else b"[" + bars + b"]"

    def _bar(self) -> bytes:
        parts = {
            "symbol": '"A"', "t": str(int(self._random.integers(10**18, 2 * 10**18))),
            "values": '{"close":1.5,"open":1}',
        }  # fmt: skip
        if self._random.random() < 0.7:
            name = self._one([*parts, "source", "confirm", "interval_ns", "extra"])
            text = '"' + self._one(_TEXTS) + '"'
            parts[name] = self._one([self._one(_NUMBERS), text, f'{{"close":{self._one(_NUMBERS)}}}', f"{{{text}:1}}"])
        pairs = [f'"{name}":{value}' for name, value in parts.items()]
        if self._random.random() < 0.2:
            pairs.append(self._one(pairs))
        return ("{" + ",".join(pairs) + "}").encode("utf-8", errors="surrogatepass")

    def _broken(self, data: bytes) -> bytes:
        broken = bytearray(data or b"x")
        for _ in range(int(self._random.integers(1, 5))):
            place = int(self._random.integers(0, len(broken)))
            way = self._random.random()
            if way < 0.4:
                broken[place] = int(self._random.integers(0, 256))
            elif way < 0.7:
                del broken[place : place + int(self._random.integers(1, 30))]
                broken = broken or bytearray(b"x")
            else:
                broken[place:place] = broken[place : place + 20]
        return bytes(broken)


def statuses(port: int, data: bytes, *, timeout: float = 20.0) -> list[int]:
    """Statuses of what is answered to `data`, after which the client says no more.

    Raises:
        TimeoutError: the server neither answers nor hangs up.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(2**16):
                answer += part
        except TimeoutError:
            raise
        except OSError:  # hung up on
            return []
    lines = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    return [int(line[9:12]) for line in lines]
