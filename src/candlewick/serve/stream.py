"""Bars out and answers in over one WebSocket, as the client's side sees it."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from candlewick.core.errors import DataError, RemoteError
from candlewick.serve.client import MOST_BYTES, TryAgainError, fault, is_local, raise_for
from candlewick.serve.protocol import MOST_BARS, Answers, Bar, Durable, Problem, encode

Message = Answers | Durable | Problem
_message = msgspec.json.Decoder(Message)


class Stream:
    """One connection. Answers come in the order of the bars; that they are on disk is told later.

    Attributes:
        untaken: bars that were answered by a problem instead: for the caller to send again later, or to leave.
    """

    def __init__(self, connection: ClientConnection, url: str, opened: ExitStack) -> None:
        self.untaken: list[Bar] = []
        self._asked: deque[list[Bar]] = deque()  # messages without an answer
        self._owed: list[tuple[int, Bar]] = []  # answered bars that may not be on disk, with their places
        self._connection, self._url, self._opened = connection, url, opened

    @classmethod
    def connect(cls, url: str, headers: dict[str, str], timeout_s: float) -> "Stream":
        """Open a connection to `/v1/stream`.

        Raises:
            TryAgainError: it may be tried again.
            ConfigError, DataError, RemoteError: it may not.
        """
        opened = ExitStack()
        try:
            found = opened.enter_context(
                connect(
                    f"ws{url.removeprefix('http')}/v1/stream",
                    additional_headers=headers,
                    open_timeout=timeout_s,
                    close_timeout=min(timeout_s, 5.0),
                    proxy=None if is_local(url) else True,
                )
            )
        except InvalidStatus as error:
            reply = error.response
            raise_for(reply.status_code, reply.headers.get("retry-after"), bytes(reply.body or b""), url)
            raise RemoteError(f"{url} answered {reply.status_code} to a WebSocket. Is it candlewick?") from error
        except (OSError, TimeoutError, InvalidMessage) as error:
            raise TryAgainError(str(error) or type(error).__name__) from error
        except InvalidHandshake as error:
            raise RemoteError(f"{url} does not speak WebSocket: {error}. Is it candlewick?") from error
        return cls(found, url, opened)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Message]:
        while True:
            message = self.receive()
            assert message is not None  # without a timeout something always comes
            yield message

    @property
    def unsettled(self) -> list[Bar]:
        """Bars that were sent and are not known to be on the server's disk, in order.

        After a lost connection these are sent again over a new one: a bar that had arrived is answered as a duplicate.
        """
        return [bar for _, bar in self._owed] + [bar for message in self._asked for bar in message]

    def close(self) -> None:
        """Say goodbye."""
        self._opened.close()

    def send(self, bars: Bar | Iterable[Bar]) -> None:
        """One bar, or up to 1,000 that are answered together.

        Raises:
            DataError: a bar cannot be sent, or there are none or too many.
            RemoteError: the connection is lost; `unsettled` says what to send again.
        """
        sent = [bars] if isinstance(bars, Bar) else list(bars)
        if not 1 <= len(sent) <= MOST_BARS:
            raise DataError(f"1 to {MOST_BARS:,} bars are sent at a time, was {len(sent):,}. Send them in parts.")
        for bar in sent:
            if said := fault(bar):
                raise DataError(f"the bar {bar!r} cannot be sent: {said}. Nothing of this was sent.")
        text = encode(sent[0] if isinstance(bars, Bar) else sent)
        if len(text) > MOST_BYTES:
            raise DataError(f"{len(text):,} bytes are too many at a time; {MOST_BYTES:,} are sent. Send them in parts.")
        self._asked.append(sent)
        try:
            self._connection.send(text.decode())
        except (ConnectionClosed, OSError) as error:
            raise self._lost(error) from error

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """What comes next: answers, how far all is on disk, or a problem; None where nothing comes in time.

        Raises:
            RemoteError: the connection is lost, or what came cannot be understood.
        """
        try:
            text = self._connection.recv(timeout_s)
        except TimeoutError:
            return None
        except (ConnectionClosed, OSError) as error:
            raise self._lost(error) from error
        try:
            message = _message.decode(text)
        except msgspec.MsgspecError as error:
            raise RemoteError(f"{self._url} sent what cannot be understood: {error}. Is it candlewick?") from error
        self._settle(message)
        return message

    def _settle(self, message: Message) -> None:
        durable = -1
        if isinstance(message, Durable):
            durable = message.seq
        elif not self._asked:
            return  # a problem of the server itself
        elif isinstance(message, Problem):
            self.untaken += self._asked.popleft()
        else:
            # A refused bar was not recorded: there is nothing to wait for.
            pairs = zip(message.answers, self._asked.popleft(), strict=False)
            self._owed += [(-1 if answer.durable else answer.seq, bar) for answer, bar in pairs]
        self._owed = [(seq, bar) for seq, bar in self._owed if seq > durable]

    def _lost(self, error: Exception) -> RemoteError:
        return RemoteError(
            f"the connection to {self._url} is lost: {error}. {len(self.unsettled):,} bars are not known to be on its "
            "disk; open a new stream and send them again."
        )
