"""The real server over a real socket, in a thread of the test's own process, with a clock and a disk of the test's."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvloop
from websockets.sync.client import connect

from candlewick.core.clock import elapsed_s
from candlewick.serve.live.station import Station
from candlewick.serve.server import Server, Settings, listening_at

TOKEN = "the-token-of-these-tests"
HEADERS = {"authorization": f"Bearer {TOKEN}"}


class Running:
    """A server at work."""

    def __init__(self, server: Server, port: int, said: list[str]) -> None:
        self.server, self.port, self.said = server, port, said
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, headers=HEADERS, timeout=20, trust_env=False)

    def post(self, body, **options):
        return self.http.post("/v1/bars", content=body, headers={"content-type": "application/json"}, **options)

    def socket(self, path, *, headers=HEADERS, **options):
        return connect(f"ws://127.0.0.1:{self.port}{path}", additional_headers=headers, proxy=None, **options)

    def within(self, function, *arguments):
        """Call a function in the loop's thread."""
        done = threading.Event()
        found = []

        def call():
            found.append(function(*arguments))
            done.set()

        self.server._loop.call_soon_threadsafe(call)
        assert done.wait(20)
        return found[0]

    def end(self):
        self.server._loop.call_soon_threadsafe(self.server.end)


@contextmanager
def running(folder: Path, *, clock=None, disk=None, begun=lambda server: None, **settings) -> Iterator[Running]:
    """A server of `folder` until the block ends; how it ended is in `server.failure`."""
    said: list[str] = []
    options = {} if clock is None else {"clock": clock}
    station = Station.open(folder, wishes=["fp32", "1"], disk=disk, **options)
    server = Server(Settings(folder, **settings), station, token=TOKEN, place="a test", say=said.append)
    with listening_at("127.0.0.1", 0) as listening:
        begun(server)

        def run():
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(server.run(listening))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        found = Running(server, listening.getsockname()[1], said)
        until(lambda: said or not thread.is_alive())
        try:
            yield found
        finally:
            found.http.close()
            if thread.is_alive():
                found.end()
            thread.join(30)
            assert not thread.is_alive(), "the server did not end"


def until(holds, seconds=20.0):
    """Wait until something holds."""
    end = elapsed_s() + seconds
    pause = threading.Event()
    while not holds():
        assert elapsed_s() < end, "it did not come about in time"
        pause.wait(0.01)
