"""`candlewick feed` and `candlewick forecasts` as a shell sees them."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest
from small_exchange import BEGIN_MS, Exchange, trading
from small_server import TOKEN, Book

from candlewick.cli.main import call
from candlewick.serve.protocol import Bar

MINUTE = 60 * 10**9
T = 1_700_000_040 * 10**9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bars.csv"
    rows = [f"{(T + step * MINUTE) // 10**9},10,11,9,10.{step:02d},7" for step in range(40)]
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
    return path


def begun(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "candlewick.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(true: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    end = monotonic() + 60
    while not true():
        assert process.poll() is None, process.communicate()
        assert monotonic() < end, "it does not come true"
        sleep(0.01)


def replay(file: Path, address: str, *more: str) -> list[str]:
    read_as = ["--stamp", "close", "--zone", "UTC", "--symbol", "SYN"]
    return ["feed", "replay", str(file), *read_as, "--to", address, *more]


def test_a_file_is_posted_and_told(file: Path, book: Book, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(replay(file, address)) == 0
    out = capsys.readouterr().out
    assert "replay ended: 40 bars posted, 40 accepted, 0 duplicates" in out
    assert "newest 2023-11-14T22:53:00Z" in out.replace("\n", " ")
    assert call(replay(file, address, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"source": "replay", "posted": 40, "duplicate": 40, "newest": T + 39 * MINUTE}
    assert call(replay(file, address, "--since", "last")) == 0
    assert "ended: 0 bars posted" in capsys.readouterr().out
    assert len(book.order) == 40


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_feed_with_a_line_that_says_what_became_of_the_bars(
    number: signal.Signals, file: Path, book: Book, address: str
) -> None:
    process = begun(*replay(file, address, "--speed", "1"))
    wait_for(lambda: len(book.order) == 1, process)
    begin = monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert monotonic() - begin < 5, "it had a minute to sleep"
    assert (process.returncode, err) == (0, "")
    assert out.startswith("replay was asked to end: 1 bars posted")


def test_candles_of_an_exchange_arrive_from_a_process_of_its_own(book: Book, address: str) -> None:
    with trading(Exchange(now_ms=BEGIN_MS + 30_000)) as api:
        process = begun(
            "feed", "ccxt", "binance", "--symbols", "BTC/USDT=BTC,ETH/USDT=ETH", "--timeframe", "1m", "--limit", 20,
            "--api", api, "--to", address, "--every", "0.2",
        )  # fmt: skip
        wait_for(lambda: len(book.order) == 38, process)
        sleep(0.5)
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert out.startswith("ccxt:binance was asked to end: 38 bars posted, 38 accepted")
    assert "ccxt:binance: 38 bars posted" in err, "progress"
    assert {bar.source for bar in book.order} == {"ccxt:binance"}
    assert max(bar.t for bar in book.order) == BEGIN_MS * 1_000_000


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["replai", "x.csv"], 2, "Did you mean 'replay'"),
        (["replay"], 2, "feeds.replay.path"),
        (["replay", "x.csv", "--path", "y.csv"], 2, "Give it once"),
        (["replay", "x.csv", "--sped", "3"], 2, "Did you mean 'speed'"),
        (["replay", "x.csv", "--speed", "3", "--speed", "4"], 2, "stands 2 times"),
        (["replay", "x.csv", "--speed=-1"], 2, "greater than or equal to 0"),
        (["replay", "nothing.csv"], 3, "nothing.csv"),
        (["ccxt", "binance", "--symbols", "BTC/USDT", "--since", "soon"], 2, "write a date"),
        (["replay", "x.csv", "--to", "nowhere"], 2, "a server's address"),
    ],
)
def test_what_cannot_be_meant_is_told(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["feed", *arguments]) == code
    assert said in capsys.readouterr().err


def test_a_feed_of_ones_own_is_a_file(
    tmp_path: Path, book: Book, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my_ticks.py"
    path.write_text(
        '''"""Three bars."""
from pydantic import Field
from candlewick.serve.feeds._base import Feed
from candlewick.serve.protocol import Bar
class Ticks(Feed):
    """Three bars of one instrument."""
    subject = "instrument"
    instrument: str = Field("A", description="its name")
    @property
    def source(self): return "ticks"
    def bars(self, world):
        yield [Bar(self.instrument, 1_700_000_040_000_000_000 + step * 10**9, {"close": 1.0}) for step in range(3)]
'''
    )
    assert call(["feed", str(path), "MINE", "--to", address]) == 0
    assert "ticks ended: 3 bars posted" in capsys.readouterr().out
    assert len(book.of("MINE")) == 3


def test_the_token_of_a_server_in_this_folder_is_found_but_never_sent_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CANDLEWICK_TOKEN")
    monkeypatch.chdir(tmp_path)
    assert call(replay(file, address)) == 2
    assert "does not take the token" in capsys.readouterr().err
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "token").write_text(TOKEN)
    assert call(replay(file, address)) == 0
    from candlewick.cli.connection import TokenOptions

    assert TokenOptions().client("http://elsewhere.example")._headers == {}


# Forecasts


def test_forecasts_are_printed(book: Book, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    for step in range(3):
        for symbol in "AB":
            book.offer(Bar(symbol, T + step * MINUTE, {"close": 1.0}))
    assert call(["forecasts", "--url", address, "--symbol", "B"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["seq", "bar", "closed", "symbol", "forecast", "target", "equity", "release", "status"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["1", "2023-11-14T22:14:00Z", "B"], ["3", "2023-11-14T22:15:00Z", "B"], ["5", "2023-11-14T22:16:00Z", "B"],
    ]  # fmt: skip
    assert call(["forecasts", "--url", address, "--since", "4", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["symbol"], one["seq"]) for one in told] == [("A", 4), ("B", 5)]


def test_records_of_other_instruments_are_no_end_of_the_forecasts(
    book: Book, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    book.window = 4
    for step, symbol in enumerate("AAAAAAAAABAAAAAAAAAAAB"):
        book.offer(Bar(symbol, T + step * MINUTE, {"close": 1.0}))
    assert call(["forecasts", "--url", address, "--symbol", "B", "--since", "0", "--quiet"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["9", "21"]


def test_forecasts_are_followed_until_ctrl_c(book: Book, address: str) -> None:
    book.offer(Bar("A", T, {"close": 1.0}))
    process = begun("forecasts", "--url", address, "--follow", "--json")
    wait_for(lambda: ("GET", "/v1/forecasts") in book.requests, process)
    for step in range(1, 4):
        book.offer(Bar("A", T + step * MINUTE, {"close": 1.0}))
    assert process.stdout is not None
    assert [json.loads(process.stdout.readline())["seq"] for _ in range(3)] == [1, 2, 3]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert process.stdout.read() == ""
    process.stdout.close()


def test_a_server_that_is_not_there_ends_with_its_own_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from small_server import free_port

    monkeypatch.setattr("candlewick.serve.client.Backoff.next_s", lambda self, at_least_s=0.0: 1e9)
    assert call(["forecasts", "--url", f"http://127.0.0.1:{free_port()}"]) == 8
    assert "candlewick serve" in capsys.readouterr().err
