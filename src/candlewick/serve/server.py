"""The server: one process, one loop that owns the live side, one thread that puts it on disk."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from candlewick.core import files
from candlewick.core.errors import ConfigError, StorageError
from candlewick.core.progress import Progress
from candlewick.serve import lines
from candlewick.serve.admin import Admin
from candlewick.serve.catalogue import Catalogue
from candlewick.serve.committer import Committer
from candlewick.serve.inbox import Inbox
from candlewick.serve.live.side import MOST_SYMBOLS
from candlewick.serve.live.station import Station
from candlewick.serve.logs import bounded_logs
from candlewick.serve.preload import preload
from candlewick.serve.protocol import encode
from candlewick.serve.tape import Tape
from candlewick.serve.upkeep import upkeep
from candlewick.serve.web import limits
from candlewick.serve.web.app import Asked, Status, application
from candlewick.serve.web.auth import Guard, token_of
from candlewick.serve.web.connections import BoundedHttp, BoundedWebSocket, sweeping
from candlewick.serve.web.door import Door
from candlewick.serve.web.limits import Rate
from candlewick.serve.web.metrics import Metrics
from candlewick.serve.web.sockets import Stream, Watch

HOST, PORT = "127.0.0.1", 8765
DRAIN_S = 10.0
"""How long bars that were let in may take to be answered after it was asked to end."""

_SWITCH_S = 0.0001  # the interpreter's own 5 ms would be half of what a bar may take
_log = logging.getLogger("candlewick.serve")


@dataclass(frozen=True)
class Settings:
    """How a server is started.

    Attributes:
        folder: the live folder.
        host, port: where it listens; port 0 takes any that is free.
        host_names: names beside the loopback's under which it may be spoken to.
        members: folders of the user's own members.
        wishes: a precision, a number of threads, both or none.
        rate: bars a second of one client.
        most_symbols: instruments at most.
        stdin: take bars from standard input, and answer on standard output.
        follow: files that are read while they are written.
    """

    folder: Path
    host: str = HOST
    port: int = PORT
    host_names: tuple[str, ...] = ()
    members: tuple[Path, ...] = ()
    wishes: tuple[str, ...] = ()
    rate: float = limits.RATE
    most_symbols: int = MOST_SYMBOLS
    stdin: bool = False
    follow: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535 or not self.rate > 0 or self.most_symbols < 1:
            raise ConfigError(
                f"a port is 0 to 65535, was {self.port}; the rate and the most symbols are above zero, were "
                f"{self.rate:g} and {self.most_symbols}."
            )


def serve(settings: Settings, *, progress: Progress | None = None, say: Callable[[str], None]) -> None:
    """Serve a live folder until it is asked to end by SIGTERM or Ctrl-C.

    Args:
        say: told what a person should know, a line at a time.

    Raises:
        ConfigError: an address that cannot be listened at, a token that is none, a champion that cannot be run so.
        StorageError: another server works there, the folder is damaged, or the disk failed.
    """
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.locked(settings.folder / ".lock", wait=False):
        token, place = token_of(settings.folder)
        with listening_at(settings.host, settings.port) as listening, _quick_switches():
            station = Station.open(
                settings.folder, members=settings.members, wishes=settings.wishes, most_symbols=settings.most_symbols,
                progress=progress,
            )  # fmt: skip
            gc.collect()
            gc.freeze()  # what was loaded stays; looking at it again and again would hold bars up
            server = Server(settings, station, token=token, place=place, say=say)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(server.run(listening))
            if server.failure is not None:
                raise StorageError(str(server.failure))


class Server:
    """One run of a server.

    Attributes:
        failure: why it had to end; None where it was asked to.
    """

    def __init__(
        self, settings: Settings, station: Station, *, token: str, place: str, say: Callable[[str], None]
    ) -> None:  # fmt: skip
        self._settings, self._station, self._place, self._say = settings, station, place, say
        names = settings.host_names if settings.host in _ANY else (*settings.host_names, _as_host(settings.host))
        self._guard = Guard(token, hosts=names)
        self._tapes: list[Tape] = []
        self._url = ""
        self._asked = 0
        self.failure: StorageError | None = None

    async def run(self, listening: socket.socket) -> None:
        """Serve on a socket that is bound."""
        preload()
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._committer = Committer(self._station.live.journal, self._loop)
        self._committer.on_durable(self._look_at_disk)
        self._inbox = Inbox(self._station.live, self._committer, most=limits.BARS)
        door = self._door()
        uvicorn_server = _Uvicorn(_configuration(door, self._url_of(listening)))
        door.connections = lambda: len(uvicorn_server.server_state.connections)
        admin = Admin(self._settings.folder, self._carry_out)
        self._committer.start()
        with self._signals(), bounded_logs():
            await admin.start()
            serving = asyncio.create_task(uvicorn_server.serve(sockets=[listening]))
            works = [asyncio.create_task(work) for work in (
                upkeep(self._station, self._inbox, self._committer), sweeping(uvicorn_server.server_state.connections)
            )]  # fmt: skip
            self._announce()
            self._begin_tapes()
            await self._until_end(serving, works)
            await self._drain(admin)
            uvicorn_server.should_exit = True
            await serving
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
        await self._close()

    def _door(self) -> Door:
        station, committer, inbox = self._station, self._committer, self._inbox
        rate = Rate(self._settings.rate)
        self._metrics = Metrics(
            station.live, gauges=self._gauges(), times={"commit": committer.took, "durable": inbox.acknowledged}
        )
        asked = Asked(station, self._guard, Catalogue(station.folder), inbox.reasons, self._metrics.exposition)
        door = Door(application(asked), guard=self._guard, rate=rate, inbox=inbox)
        door.refused = self._metrics.refused
        self._stream = Stream(inbox, committer, rate)
        self._watch = Watch(station.live, Status(asked).told)
        door.route("/v1/stream", self._stream)
        door.route("/v1/watch", self._watch)
        return door

    def _gauges(self) -> dict[str, tuple[str, Callable[[], float]]]:
        live = self._station.live
        return {
            "ready": ("whether bars are answered", lambda: float(not self._inbox.reasons())),
            "waiting_bars": ("bars let in and not answered yet", lambda: float(self._inbox.waiting)),
            "durable_lag": ("records that are not on disk yet", lambda: float(live.journal.seq - live.journal.durable)),
            "journal_records": ("records in the journal", lambda: float(live.journal.seq + 1)),
            "generation": ("how often the champion was moved", lambda: float(live.generation)),
            "symbols": ("instruments followed", lambda: float(len(live.followed))),
            "streams": ("connections of /v1/stream", lambda: float(self._stream.open)),
            "watchers": ("connections of /v1/watch", lambda: float(self._watch.open)),
            "lost_events": ("events that watchers were too slow for", lambda: float(self._watch.lost)),
        }

    def _url_of(self, listening: socket.socket) -> str:
        port = listening.getsockname()[1]
        host = "127.0.0.1" if self._settings.host in _ANY else _as_host(self._settings.host)
        self._url = f"http://{host}:{port}"
        return self._url

    def _announce(self) -> None:
        self._say(f"candlewick listens on {self._url}")
        self._say(f"token        {self._place}")
        self._say(f"status page  {self._link()} (works once)")
        for reason in self._inbox.reasons():
            self._say(f"not ready    {reason}")

    def _link(self) -> str:
        return f"{self._url}/open/{self._guard.key()}"

    def _begin_tapes(self) -> None:
        if self._settings.stdin:
            tape = self._tape("stdin", _print_answers)
            tape.start(lambda own: lines.piped(sys.stdin.buffer, ended=own.ended))
        for path in self._settings.follow:
            name = "".join(c if " " <= c <= "~" else "?" for c in f"file:{path.name}")[:64]
            self._tape(name).start(_following(path))

    def _tape(self, name: str, answered: Callable[[Any], None] = lambda answers: None) -> Tape:
        counts = self._metrics.lines

        def counted(outcome: str) -> None:
            counts[outcome] = counts.get(outcome, 0) + 1

        tape = Tape(name, self._inbox, self._loop, say=self._say, answered=answered, counted=counted)
        self._tapes.append(tape)
        return tape

    async def _carry_out(self, request: dict[str, Any]) -> dict[str, Any]:
        do = request.get("do")
        if do == "status":
            reasons = self._inbox.reasons()
            said = "ready" if not reasons else f"not ready: {'; '.join(reasons)}"
            return {"said": said, "ready": not reasons, "reasons": list(reasons), "url": self._url}
        if do == "link":
            link = self._link()
            return {"said": link, "link": link}
        if self._inbox.ending:
            raise ConfigError(f"the server ends: {self._inbox.ending}. Ask again when one is running.")
        if do == "promote":
            return await self._station.promote(
                _word(request, "release"),
                alias=_word(request, "alias", "champion"),
                reason=_word(request, "reason", ""),
            )
        if do == "rollback":
            return await self._station.rollback(reason=_word(request, "reason", ""))
        raise ConfigError(f"a server is asked to promote, rollback, link or status, was {do!r}.")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        try:
            for number in numbers:
                self._loop.add_signal_handler(number, self._take_signal, number)
        except (ValueError, RuntimeError):  # not in the main thread: whoever runs it ends it by `end`
            yield
            return
        try:
            yield
        finally:
            for number in numbers:
                self._loop.remove_signal_handler(number)

    def _take_signal(self, number: int) -> None:
        self._asked += 1
        if self._asked > 1:
            os._exit(128 + number)  # the journal is made for that
        self._say("ending: bars that were let in are answered first; once more ends it at once")
        self.end()

    def end(self) -> None:
        """Ask it to end; by the loop's thread."""
        self._inbox.ending = self._inbox.ending or "the server is ending"
        self._end.set()

    def _look_at_disk(self) -> None:
        if self._committer.failure is not None and self.failure is None:
            self.failure = self._committer.failure
            self._say(f"ending: {self.failure}")
            self.end()

    async def _until_end(self, serving: asyncio.Task[None], works: list[asyncio.Task[None]]) -> None:
        ended = asyncio.create_task(self._end.wait())
        await asyncio.wait([ended, serving, *works], return_when=asyncio.FIRST_COMPLETED)
        for work in (serving, *works):
            if work.done() and not ended.done() and (error := work.exception()) is not None:
                _log.error("a defect of candlewick, by which the server ends", exc_info=error)
                self.failure = StorageError(f"the server ended by a defect: {error}.")
        ended.cancel()
        self.end()

    async def _drain(self, admin: Admin) -> None:
        for tape in self._tapes:
            tape.stop()
        await admin.close()
        self._committer.wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while self._inbox.waiting:
                    await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)  # so that answers are written before connections are closed

    async def _close(self) -> None:
        self._watch.end()
        await self._loop.run_in_executor(None, self._committer.stop)
        self._station.close()


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are ours


def _configuration(door: Door, url: str) -> uvicorn.Config:
    return uvicorn.Config(
        door, http=BoundedHttp, ws=BoundedWebSocket, loop="uvloop", lifespan="off", interface="asgi3",
        log_config=None, access_log=False, proxy_headers=False, server_header=False, date_header=True,
        ws_max_size=limits.BODY_BYTES, ws_per_message_deflate=False, ws_ping_interval=20.0, ws_ping_timeout=20.0,
        timeout_keep_alive=limits.IDLE_S, timeout_graceful_shutdown=5, backlog=512,
    )  # fmt: skip


_ANY = ("0.0.0.0", "::", "")  # noqa: S104 (compared with)


def _as_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def listening_at(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that is bound there, so that another server is found out about before anything is loaded.

    Raises:
        ConfigError: it cannot be.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise ConfigError(
            f"{host}, port {port} cannot be listened at: {error.strerror or error}. Choose another --port; 0 takes any."
        ) from error
    with listening:
        listening.listen(512)
        listening.setblocking(False)
        yield listening


@contextmanager
def _quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _word(request: dict[str, Any], name: str, default: str | None = None) -> str:
    found = request.get(name, default)
    if not isinstance(found, str) or len(found) > 2_000:
        raise ConfigError(f"{name} is a text of at most 2,000 characters, was {str(found)[:50]!r}.")
    return found


def _following(path: Path) -> Callable[[Tape], Iterator[list[lines.Line]]]:
    return lambda own: lines.followed(path, ended=own.ended, sleep=own.sleep, again=own.again)


def _print_answers(answers: Any) -> None:
    out = sys.stdout.buffer
    out.write(b"".join(encode(answer) + b"\n" for answer in answers))
    out.flush()
