"""Why a request is not carried out: a status for HTTP, a code for programs, a sentence for people."""

from collections.abc import Mapping
from typing import Any

from candlewick.serve.protocol import Problem, encode

LONGEST = 500
"""Characters of a sentence at most: part of it may have come from the client."""

STATUSES: Mapping[int, str] = {
    400: "the body is not JSON, or the request is not HTTP",
    401: "no token, or another one",
    403: "the Host or the Origin is not one of this server's, or the page's cookie was used to change something",
    404: "there is no such thing",
    405: "not with this method",
    408: "the request did not come to its end in time",
    413: "the body is too large",
    415: "the body is said to be something else than JSON",
    422: "it is well formed and cannot be meant",
    429: "bars come faster than they are taken; Retry-After says when to come again",
    431: "the headers are too long",
    503: "not ready, ending, or too much at once; Retry-After says when to come again",
}
"""Whatever a client can be answered beside 200 and 303, and what it means."""


class RefusalError(Exception):
    """What is said instead of an answer.

    Attributes:
        status: of HTTP.
        code: for programs.
        message: for people.
        retry_after: seconds after which to come again; 0 where that would not help.
        closes: whether the connection is of no more use.
        allow: methods that may be used instead; "" where that is not the trouble.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: int = 0, closes: bool = False,
        allow: str = "",
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after
        self.closes, self.allow = closes, allow
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in message[:LONGEST])
        self.message = shown + ("..." if len(message) > LONGEST else "")

    @property
    def body(self) -> bytes:
        """The problem as JSON."""
        return encode(Problem(self.code, self.message))

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What stands before the body."""
        found = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        if self.retry_after:
            found.append((b"retry-after", str(self.retry_after).encode()))
        if self.status == 401:
            found.append((b"www-authenticate", b'Bearer realm="candlewick"'))
        if self.allow:
            found.append((b"allow", self.allow.encode()))
        if self.closes:
            found.append((b"connection", b"close"))
        return found


def not_ready(reasons: tuple[str, ...], *, code: str = "not_ready", retry_after: int = 2) -> RefusalError:
    """The server cannot answer bars for now."""
    why = "; ".join(reason.rstrip(".") for reason in reasons)
    return RefusalError(503, code, f"bars are not answered now: {why}.", retry_after=retry_after)


def described(status: int) -> dict[str, Any]:
    """The answer with a problem, as OpenAPI tells of it."""
    told: dict[str, Any] = {
        "description": STATUSES[status],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (429, 503):
        told["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}
    return told
