"""A stream of a real Redis: no bar lost, whoever is killed; nothing blocks; what is no bar is kept with the reason."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import msgspec
import pytest
from desk import Desk
from small_server import TOKEN, Book, free_port, serving

from candlewick.core.errors import ConfigError, RemoteError
from candlewick.serve.feeds.redis_streams import RedisStreams
from candlewick.serve.protocol import Bar

redis = pytest.importorskip("redis", reason="the library redis is not installed")

MINUTE = 60 * 10**9
T = 1_700_000_040 * 10**9


def text(step: int, **changes: object) -> bytes:
    bar = Bar("A", T + step * MINUTE, {"close": 10.0 + step})
    return msgspec.json.encode(msgspec.to_builtins(bar) | changes)


@dataclass
class Broker:
    """A redis-server that can be stopped and started again; it forgets everything."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: self.answers())

    def answers(self) -> bool:
        try:
            return bool(redis.Redis(port=self.port).ping())
        except redis.exceptions.ConnectionError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


def wait_for(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "it does not come true"
        sleep(0.01)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian package redis-server)")
    broker = Broker(tmp_path_factory.mktemp("redis"))
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def broker(running: Broker) -> Broker:
    if running.process is None:
        running.start()
    redis.Redis(port=running.port).flushall()
    return running


@pytest.fixture
def bus(broker: Broker) -> Iterator["redis.Redis"]:
    with redis.Redis(port=broker.port) as found:
        yield found


@pytest.fixture
def desk(book: Book, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("candlewick.serve.feeds.redis_streams._BLOCK_MS", 10)
    return Desk(book)


def feed(broker: Broker, **options: object) -> RedisStreams:
    return RedisStreams(**{"url": broker.url} | options)


def steps(book: Book) -> list[int]:
    return [(bar.t - T) // MINUTE for bar in book.order]


def pending(bus: "redis.Redis") -> int:
    return bus.xpending("bars", "candlewick")["pending"]


def add(bus: "redis.Redis", *texts: bytes) -> None:
    for one in texts:
        bus.xadd("bars", {"bar": one})


def test_bars_are_posted_in_order_and_acknowledged_then(broker: Broker, bus: "redis.Redis", desk: Desk) -> None:
    add(bus, *(text(step) for step in range(7)))
    seen = []
    desk.run(feed(broker, batch=3), lambda: seen.append(pending(bus)) or len(desk.book.order) == 7)
    assert steps(desk.book) == list(range(7))
    assert seen == [3, 3, 1], "each batch is pending until it is answered"
    assert pending(bus) == 0
    assert desk.book.order[0].source == "redis:bars"


def test_what_was_added_before_the_feed_ever_ran_is_not_lost(broker: Broker, bus: "redis.Redis", desk: Desk) -> None:
    add(bus, text(0))
    desk.run(feed(broker), lambda: bool(desk.book.order))
    assert steps(desk.book) == [0]
    assert [entry["name"] for entry in bus.xinfo_groups("bars")] == [b"candlewick"]


def test_what_is_no_bar_goes_aside_with_the_reason_and_blocks_nothing(
    broker: Broker, bus: "redis.Redis", desk: Desk
) -> None:
    add(bus, text(0), b"{", text(1, t=-5), text(1, extra=1), b'{"symbol": "A", "t": 1, "values": {"close": 1e999}}')
    bus.xadd("bars", {"candle": "no field called bar"})
    add(bus, b" " * 70_000, text(1))
    desk.run(feed(broker), lambda: len(desk.book.order) == 2)
    assert steps(desk.book) == [0, 1]
    assert pending(bus) == 0
    letters = [fields for _, fields in bus.xrange("bars:dead")]
    reasons = [letter[b"reason"].decode() for letter in letters]
    assert len(letters) == 6
    assert "truncated" in reasons[0]
    assert "extra" in reasons[2]
    assert "no field called bar" in reasons[4]
    assert "70,000 bytes" in reasons[5]
    assert max(len(letter[b"bar"]) for letter in letters) <= 4_096
    assert "6 entries went to bars:dead" in desk.said[-1]


def test_bars_that_the_server_refuses_are_kept_aside_too(broker: Broker, bus: "redis.Redis", desk: Desk) -> None:
    desk.book.refuse = {("A", T + MINUTE)}
    add(bus, *(text(step) for step in range(3)))
    desk.run(feed(broker), lambda: len(desk.book.order) == 2)
    assert steps(desk.book) == [0, 2]
    ((_, letter),) = bus.xrange("bars:dead")
    assert letter[b"reason"] == b"the test refuses it"
    assert letter[b"bar"] == text(1)
    assert pending(bus) == 0


def test_the_dead_letters_are_bounded(broker: Broker, bus: "redis.Redis", desk: Desk) -> None:
    add(bus, *(b"{%d" % step for step in range(50)), text(0))
    desk.run(feed(broker, most_dead=8, batch=5), lambda: bool(desk.book.order))
    assert [fields[b"bar"] for _, fields in bus.xrange("bars:dead")] == [b"{%d" % step for step in range(42, 50)]


def test_a_feed_takes_up_again_what_it_had_not_acknowledged(broker: Broker, bus: "redis.Redis", desk: Desk) -> None:
    bus.xgroup_create("bars", "candlewick", id="0", mkstream=True)
    add(bus, *(text(step) for step in range(6)))
    bus.xreadgroup("candlewick", "feed", {"bars": ">"}, count=4)
    desk.run(feed(broker, batch=3), lambda: len(desk.book.order) == 6)
    assert steps(desk.book) == list(range(6))
    assert pending(bus) == 0


def test_what_a_dead_consumer_left_is_taken_over(broker: Broker, bus: "redis.Redis", desk: Desk) -> None:
    bus.xgroup_create("bars", "candlewick", id="0", mkstream=True)
    add(bus, *(text(step) for step in range(6)))
    bus.xreadgroup("candlewick", "the one that died", {"bars": ">"}, count=4)
    sleep(0.02)
    desk.run(feed(broker, claim_after_s=0.01, batch=3), lambda: len(desk.book.order) == 6)
    assert steps(desk.book) == list(range(6))
    assert pending(bus) == 0


def test_what_another_consumer_is_working_on_is_left_to_it(broker: Broker, bus: "redis.Redis", desk: Desk) -> None:
    bus.xgroup_create("bars", "candlewick", id="0", mkstream=True)
    add(bus, text(0), text(1))
    bus.xreadgroup("candlewick", "at work", {"bars": ">"}, count=1)
    desk.run(feed(broker), lambda: bool(desk.book.order))
    assert steps(desk.book) == [1]


def test_entries_that_were_cut_off_the_stream_are_told(broker: Broker, bus: "redis.Redis", desk: Desk) -> None:
    bus.xgroup_create("bars", "candlewick", id="0", mkstream=True)
    add(bus, *(text(step) for step in range(4)))
    bus.xreadgroup("candlewick", "feed", {"bars": ">"}, count=3)
    bus.xtrim("bars", maxlen=2, approximate=False)
    desk.run(feed(broker), lambda: len(desk.book.order) == 2)
    assert "2 entries of bars were cut off" in desk.said[0]
    assert pending(bus) == 0


def candlewick(broker: Broker, address: str, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "candlewick.cli", "feed", "redis_streams", "--url", broker.url, "--batch", "10"]
    return subprocess.Popen(
        [*command, "--to", address], env={**os.environ, "CANDLEWICK_TOKEN": TOKEN, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_feed_killed_between_the_answer_and_the_acknowledgement_loses_nothing(
    broker: Broker, bus: "redis.Redis", book: Book
) -> None:
    add(bus, *(text(step) for step in range(25)))
    with serving(book) as address:
        first = candlewick(broker, address, CANDLEWICK_FAILPOINT="feed acknowledge:2")
        assert first.wait(60) == -signal.SIGKILL
        assert steps(book) == list(range(20))
        assert pending(bus) == 10, "the second batch was answered and not acknowledged"
        second = candlewick(broker, address)
        wait_for(lambda: len(book.order) == 25 and pending(bus) == 0)
        second.terminate()
        out, err = second.communicate(timeout=20)
    assert second.returncode == 0, err
    assert steps(book) == list(range(25))
    assert "15 bars posted, 5 accepted, 10 duplicates" in out


def test_a_redis_that_goes_away_and_comes_back_empty_is_waited_for(broker: Broker, book: Book) -> None:
    desk = Desk(book, lambda seconds: sleep(min(seconds, 0.02)), most=100_000)
    with redis.Redis(port=broker.port) as bus:
        add(bus, text(0))

    def until() -> bool:
        if steps(book) == [0] and broker.process is not None and not desk.said:
            broker.stop()
        return steps(book) == [0, 1]

    def come_back(seconds: float) -> None:
        sleep(0.01)
        if broker.process is None and len(desk.slept) > 3:
            broker.start()
            with redis.Redis(port=broker.port) as bus:
                add(bus, text(1))

    desk.passing = come_back
    desk.run(feed(broker), until)
    assert steps(book) == [0, 1]
    assert "trying again" in desk.said[0]
    assert "answers again" in desk.said[1]
    assert desk.slept[:3] == [0.5, 1.0, 2.0]


def test_a_stream_that_was_deleted_is_followed_when_it_comes_again(
    broker: Broker, bus: "redis.Redis", desk: Desk
) -> None:
    def until() -> bool:
        if steps(desk.book) == [0] and not bus.exists("bars:marked"):
            bus.set("bars:marked", 1)
            bus.delete("bars")
            add(bus, text(1))
        return steps(desk.book) == [0, 1]

    add(bus, text(0))
    desk.run(feed(broker), until)
    assert steps(desk.book) == [0, 1]


def test_what_redis_will_never_do_is_told_once(broker: Broker, bus: "redis.Redis", desk: Desk) -> None:
    bus.set("bars", "not a stream")
    with pytest.raises(RemoteError, match="Is bars a stream"):
        desk.run(feed(broker))
    bus.delete("bars")
    with pytest.raises(ConfigError, match="lets nobody in so") as found:
        desk.run(feed(broker, url=f"redis://me:secret@127.0.0.1:{broker.port}/0"))
    assert "secret" not in str(found.value)
    with pytest.raises(ConfigError, match="Write redis://"):
        desk.run(feed(broker, url="http://127.0.0.1"))
