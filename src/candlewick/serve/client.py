"""A client of the server: it posts bars and reads what was forecast, and tries again where nothing was answered."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import msgspec

from candlewick.core.clock import now_ns, sleep_s
from candlewick.core.errors import ConfigError, DataError, RemoteError, StorageError
from candlewick.serve.backoff import Backoff, retry_after_s
from candlewick.serve.protocol import MOST_BARS, Answer, Answers, Bar, Problem, encode

if TYPE_CHECKING:
    from candlewick.data.bars import Bars, Panel
    from candlewick.serve.stream import Stream

URL = "http://127.0.0.1:8765"
"""Where a server listens that was told nothing else."""

TOKEN, TOKEN_FILE = "CANDLEWICK_TOKEN", "CANDLEWICK_TOKEN_FILE"
MOST_BYTES = 1_000_000
"""Size of one request at most; the server takes 1 MiB."""

_AGAIN = {408, 429, 502, 503, 504}
_REFUSED = {400, 404, 409, 413, 415, 422}
_bar = msgspec.json.Decoder(Bar)
_answers = msgspec.json.Decoder(Answers)

Waiting = Callable[[str, float], None]
"""Told why an attempt came to nothing, and for how many seconds is waited before the next."""


class Forecasts(msgspec.Struct, frozen=True):
    """Answers as they were made, oldest first; `next` is the `since` that goes on after them."""

    forecasts: tuple[Answer, ...]
    next: int


class Readiness(msgspec.Struct, frozen=True):
    """Whether the server answers bars, and why not."""

    ready: bool
    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.ready


class Client:
    """Speaks to one server. Used by one thread at a time; `with Client() as client:` closes its connections.

    A bar is idempotent by its instrument and close, so whatever is not answered is asked again: after a lost
    connection, 429 and 503, with waits that double from 0.1 s to 5 s, or as long as the server says in Retry-After.

    Attributes:
        url: of the server.
        interruptions: how often an attempt came to nothing.
    """

    def __init__(
        self,
        url: str = URL,
        token: str | None = None,
        *,
        token_file: str | Path | None = None,
        patience_s: float | None = 60.0,
        timeout_s: float = 30.0,
        sleep: Callable[[float], None] = sleep_s,
        waiting: Waiting | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: of the server, `http://127.0.0.1:8765`.
            token: the server's; else `$CANDLEWICK_TOKEN`, else the content of `token_file`, else of the file that
                `$CANDLEWICK_TOKEN_FILE` names.
            token_file: a file that holds it.
            patience_s: seconds that are waited between the attempts of one request in all; None for ever.
            timeout_s: seconds for one attempt.
            sleep: lets time pass.
            waiting: told of every wait.

        Raises:
            ConfigError: the URL or the token cannot be meant.
            StorageError: the token's file cannot be read.
        """
        self.url = _checked_url(url)
        self.patience_s, self.timeout_s = patience_s, timeout_s
        self.interruptions = 0
        self._sleep, self._waiting = sleep, waiting
        self._headers = _authorization(_token(token, token_file))
        # A proxy that the environment names is for other hosts than this one.
        self._http = httpx.Client(
            base_url=self.url, headers=self._headers, timeout=timeout_s, trust_env=not is_local(self.url)
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def post(
        self, bars: "Bar | Bars | Panel | Iterable[Bar]", *, wait: bool = True, source: str = "python"
    ) -> list[Answer]:
        """One answer for each bar, in their order; bars are sent up to 1,000 at a time.

        Args:
            bars: closed bars; arrays (`Bars`, `Panel`) are sent in order of time.
            wait: until they are on the server's disk; else the answers come at once, not durable.
            source: what arrays say they came from.

        Raises:
            DataError: a bar cannot be sent, or the server refuses the request as a whole; what came before was posted.
            ConfigError: the token is wrong.
            RemoteError: the server did not answer for as long as there was patience, or not as agreed.
        """
        answers: list[Answer] = []
        for count, body in _bodies(_each(bars, source)):
            reply = self._call("POST", "/v1/bars", content=body, params={} if wait else {"wait": "false"})
            found = _decoded(_answers, reply).answers
            if len(found) != count:
                raise RemoteError(f"{self.url} gave {len(found)} answers to {count} bars. Is it candlewick?")
            answers += found
        return answers

    def stream(self) -> "Stream":
        """A WebSocket on which bars are sent and answers received; to be used in a `with`.

        Raises:
            ConfigError, RemoteError: as of `post`.
        """
        from candlewick.serve.stream import Stream

        return self._patiently(lambda: Stream.connect(self.url, self._headers, self.timeout_s))

    def forecasts(self, since: int = 0, *, symbol: str | None = None, limit: int = 1_000) -> Forecasts:
        """Forecasts recorded at `since` or after it, by their place in the journal; at most `limit`.

        There may be more where `next` is beyond `since`, even if none is among the records that were looked at.

        Raises:
            ConfigError, DataError, RemoteError: as of `post`.
        """
        asked = {"since": str(since), "limit": str(limit)} | ({} if symbol is None else {"symbol": symbol})
        return _decoded(msgspec.json.Decoder(Forecasts), self._call("GET", "/v1/forecasts", params=asked))

    def status(self) -> dict[str, Any]:
        """What the server says of itself: champion, instruments, journal, latency, feeds."""
        return self._json("/v1/status")

    def releases(self) -> dict[str, Any]:
        """Releases, aliases, and which release served when."""
        return self._json("/v1/releases")

    def why(self, symbol: str, t: int) -> dict[str, Any]:
        """Which release made the forecast at the bar that closed at `t` (ns UTC), from which data and seed."""
        return self._json("/v1/why", symbol=symbol, t=str(t))

    def ready(self) -> Readiness:
        """Whether the server answers bars; asked once, and no where it does not answer at all."""
        try:
            reply = self._http.get("/readyz")
            return msgspec.json.decode(reply.content, type=Readiness)
        except (httpx.TransportError, msgspec.MsgspecError) as error:
            return Readiness(False, (f"{self.url} does not answer: {_words(error)}",))

    def _json(self, path: str, **asked: str) -> dict[str, Any]:
        return _decoded(msgspec.json.Decoder(dict[str, Any]), self._call("GET", path, params=asked))

    def _call(self, method: str, path: str, *, params: dict[str, str], content: bytes | None = None) -> httpx.Response:
        headers = {} if content is None else {"content-type": "application/json"}

        def attempt() -> httpx.Response:
            try:
                reply = self._http.request(method, path, params=params, content=content, headers=headers)
            except httpx.TransportError as error:
                raise TryAgainError(_words(error)) from error
            raise_for(reply.status_code, reply.headers.get("retry-after"), reply.content, self.url)
            return reply

        return self._patiently(attempt)

    def _patiently(self, attempt: "Callable[[], Any]") -> Any:
        backoff, waited = Backoff(), 0.0
        while True:
            try:
                return attempt()
            except TryAgainError as found:
                self.interruptions += 1
                wait = backoff.next_s(at_least_s=found.at_least_s)
                if self.patience_s is not None and waited + wait > self.patience_s:
                    raise RemoteError(
                        f"{self.url} was asked for {waited:.1f} s and gave no answer: {found}. "
                        "Is `candlewick serve` running there, and ready?"
                    ) from found
                if self._waiting is not None:
                    self._waiting(str(found), wait)
                self._sleep(wait)
                waited += wait


class TryAgainError(Exception):
    """An attempt that came to nothing and may be made again, after `at_least_s`."""

    def __init__(self, reason: str, at_least_s: float = 0.0) -> None:
        super().__init__(reason)
        self.at_least_s = at_least_s


def fault(bar: Bar) -> str:
    """Why the bar cannot be sent at all; "" where it can."""
    try:
        _bar.decode(encode(bar))
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        return str(error)
    return ""


def is_local(url: str) -> bool:
    """Whether the URL names this machine."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def raise_for(status: int, retry_after: str | None, body: bytes, url: str) -> None:
    """Nothing where the status is 200; else the error that it stands for.

    Raises:
        TryAgainError: it may be tried again.
        ConfigError, DataError, RemoteError: it may not.
    """
    if status == 200:
        return
    ours, told = _told(body)
    if status in _AGAIN:
        raise TryAgainError(f"HTTP {status}{told}", retry_after_s(retry_after, now=now_ns()))
    if status == 401:
        raise ConfigError(
            f"{url} does not take the token{told}. Set ${TOKEN}, or name the file that holds it: `candlewick serve` "
            "makes one called token in its folder."
        )
    if status == 403:
        raise ConfigError(f"{url} refuses requests from here{told}. Name the host as the server was told it.")
    if status in _REFUSED and ours:
        raise DataError(f"{url} refused the request{told}")
    raise RemoteError(f"{url} answered with HTTP {status}{told}. Is it candlewick?")


def _told(body: bytes) -> tuple[bool, str]:
    """Whether it is a problem of ours, and its words."""
    try:
        return True, f": {msgspec.json.decode(body, type=Problem).message}"
    except msgspec.MsgspecError:
        text = body[:200].decode(errors="replace").strip()
        return False, f": {text}" if text.isprintable() and text else ""


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _decoded(decoder: "msgspec.json.Decoder[Any]", reply: httpx.Response) -> Any:
    try:
        return decoder.decode(reply.content)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"{reply.url} answered what cannot be understood: {error}. Is it candlewick?") from error


def _each(bars: Any, source: str) -> Iterator[Bar]:
    if isinstance(bars, Bar):
        yield bars
    elif type(bars).__module__ == "candlewick.data.bars":
        from candlewick.serve.rows import in_order

        yield from in_order(bars, source)
    else:
        yield from bars


def _bodies(bars: Iterable[Bar]) -> Iterator[tuple[int, bytes]]:
    parts: list[bytes] = []
    size = 0
    for bar in bars:
        if said := fault(bar):
            raise DataError(f"the bar {bar!r} cannot be sent: {said}. Mend it or leave it out, and post again.")
        part = encode(bar)
        if parts and (len(parts) == MOST_BARS or size + len(part) + 1 > MOST_BYTES):
            yield len(parts), b"[" + b",".join(parts) + b"]"
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield len(parts), b"[" + b",".join(parts) + b"]"


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(f"a server's address reads {URL} or https://host:port, was {url!r}.")
    return url.rstrip("/")


def _token(given: str | None, file: str | Path | None) -> str:
    token = given or os.environ.get(TOKEN) or ""
    named = None if token else file or os.environ.get(TOKEN_FILE)
    if named:
        try:
            token = Path(named).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"the token could not be read from {named}: {error}.") from error
    token = token.strip()
    if not all("!" <= character <= "~" for character in token):
        raise ConfigError("a token is one word of printable ASCII, and this one is not. Copy it again.")
    return token


def _authorization(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}
