"""Feeds and the client with the real server, each a process of its own: bars end up in its journal once, in order."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from live_folders import HOUR, live_folder, messages
from small_exchange import BEGIN_MS, Exchange, trading
from small_server import free_port

from candlewick.core.errors import ConfigError, DataError
from candlewick.data.bars import Panel
from candlewick.serve.client import Client
from candlewick.serve.protocol import Answers, Durable


def wait_for(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "it does not come true"
        sleep(0.02)


@dataclass
class Server:
    """`candlewick serve` over one folder and port, which can be killed and started again."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options: object) -> Client:
        return Client(self.url, token_file=self.folder / "token", **options)

    def start(self) -> None:
        options = ["--folder", str(self.folder), "--port", str(self.port), "--precision", "fp32", "--threads", "1"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "candlewick.cli", "serve", *options, "--quiet"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(lambda: (self.folder / "token").is_file() and bool(self.client().ready()))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

    def feed(self, *arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "candlewick.cli", "feed", *map(str, arguments), "--to", self.url]
        return subprocess.Popen(
            [*command, "--token-file", str(self.folder / "token")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def taken(self) -> list[int]:
        """Closes of the bars in the journal, in its order."""
        found, since = [], 0
        with self.client() as client:
            while True:
                page = client.forecasts(since)
                found += [answer.t for answer in page.forecasts]
                if page.next <= since:
                    return found
                since = page.next


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Panel]]:
    folder = tmp_path_factory.mktemp("live")
    _, panel = live_folder(folder)
    server = Server(folder, free_port())
    server.start()
    try:
        yield server, panel
    finally:
        server.kill()


def test_the_client_and_the_server_understand_each_other(begun: tuple[Server, Panel]) -> None:
    server, panel = begun
    bars = messages(panel, source="mine")[:40]
    with server.client() as client:
        answers = client.post(bars[:20])
        assert {(answer.outcome, answer.durable) for answer in answers} == {("accepted", True)}
        assert [answer.outcome for answer in client.post(bars[19:21])] == ["duplicate", "accepted"]
        with client.stream() as stream:
            stream.send(bars[21])
            stream.send(bars[22:40])
            said = []
            while len(said) < 4 and stream.unsettled:
                said.append(stream.receive(10.0))
        assert [len(one.answers) for one in said if isinstance(one, Answers)] == [1, 18]
        assert any(isinstance(one, Durable) for one in said)
        status = client.status()
        assert [(one["symbol"], one["t"]) for one in status["symbols"]] == [("A", bars[39].t)]
        assert [(one["source"], one["bars"]) for one in status["feeds"]] == [("mine", 40)]
        (champion,) = client.releases()["aliases"].values()
        assert client.forecasts(0).forecasts[-1].release == champion
        assert client.why("A", bars[39].t)["release"] is not None
        with pytest.raises(DataError):
            client.why("A", 5)
    with Client(server.url, "another") as stranger, pytest.raises(ConfigError, match="does not take the token"):
        stranger.status()
    assert server.taken() == [bar.t for bar in bars]


def test_a_feed_goes_on_through_a_server_that_is_killed_and_a_feed_that_is(
    begun: tuple[Server, Panel], tmp_path: Path
) -> None:
    server, panel = begun
    bars = panel["A"]
    path = tmp_path / "bars.npz"
    np.savez(path, close_time_utc=bars.t, **{name: bars.column(name) for name in bars.columns})
    options = ("replay", path, "--stamp", "close", "--zone", "UTC", "--symbol", "A", "--since", "last")
    first = server.feed(*options, "--speed", HOUR // 10**9 * 60)  # sixty bars a second
    wait_for(lambda: len(server.taken()) >= 80)
    server.kill()
    sleep(0.3)
    server.start()
    wait_for(lambda: len(server.taken()) >= 160)
    assert first.poll() is None
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = server.feed(*options)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert "replay ended" in out
    assert server.taken() == bars.t.tolist()


def test_candles_of_an_exchange_are_forecast(begun: tuple[Server, Panel]) -> None:
    server, panel = begun
    last_ms = int(panel["A"].t[-1]) // 1_000_000
    # The exchange goes on where the file ended, three days later, at prices of the same size.
    exchange = Exchange(now_ms=last_ms + 72 * 3_600_000 + 1_800_000, first_ms=BEGIN_MS)
    with trading(exchange) as api:
        feed = server.feed("ccxt", "binance", "--symbols", "BTC/USDT=A", "--timeframe", "1h", "--api", api)
        wait_for(lambda: server.taken()[-1] == (last_ms + 72 * 3_600_000) * 1_000_000)
        feed.terminate()
        out, err = feed.communicate(timeout=20)
    assert feed.returncode == 0, err
    assert "72 bars posted, 72 accepted" in out
    assert {later - earlier for earlier, later in pairwise(server.taken()[-73:])} == {HOUR}
