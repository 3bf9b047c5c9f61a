"""The client: every bar answered once and in order, whatever happens between it and the server."""

import math
from pathlib import Path

import numpy as np
import pytest
from small_server import TOKEN, Book, free_port, serving

from candlewick.core.errors import ConfigError, DataError, RemoteError, StorageError
from candlewick.data.bars import Bars, Panel
from candlewick.serve.client import Client
from candlewick.serve.protocol import Answers, Bar, Durable, Problem

MINUTE = 60 * 10**9
T = 1_700_000_040 * 10**9


def bar(step: int, symbol: str = "A", **values: float) -> Bar:
    return Bar(symbol, T + step * MINUTE, values or {"close": 10.0 + step})


class Naps:
    """Sleep that takes no time and is remembered."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def test_bars_are_answered_in_their_order_in_parts_of_a_thousand(book: Book, address: str) -> None:
    with Client(address) as client:
        answers = client.post(bar(step) for step in range(2_500))
    assert [answer.t for answer in answers] == [T + step * MINUTE for step in range(2_500)]
    assert {answer.outcome for answer in answers} == {"accepted"}
    assert all(answer.durable for answer in answers)
    assert book.requests == [("POST", "/v1/bars")] * 3


def test_a_request_stays_below_the_size_that_the_server_takes(book: Book, address: str) -> None:
    wide = {f"column_{index:056d}": 1.0 / 3 for index in range(64)}
    with Client(address) as client:
        answers = client.post(bar(step, **wide) for step in range(400))
    assert len(answers) == 400
    assert len(book.sizes) > 1
    assert max(book.sizes) <= 1_000_000


def test_one_bar_arrays_and_panels_are_posted_in_order_of_time(book: Book, address: str) -> None:
    def arrays(symbol: str, begin: int) -> Bars:
        t = T + MINUTE * np.arange(begin, begin + 6, 2)
        return Bars.of(symbol, t, {"close": np.arange(3.0), "spread": np.ones(3)}, interval_ns=2 * MINUTE)

    with Client(address) as client:
        assert client.post(bar(-1, "Z"))[0].outcome == "accepted"
        client.post(Panel((arrays("B", 1), arrays("A", 0))), source="mine")
        client.post(arrays("C", 0))
    assert [(one.symbol, (one.t - T) // MINUTE) for one in book.order[1:7]] == [
        ("A", 0), ("B", 1), ("A", 2), ("B", 3), ("A", 4), ("B", 5),
    ]  # fmt: skip
    assert book.order[2] == Bar("B", T + MINUTE, {"close": 0.0, "spread": 1.0}, 2 * MINUTE, "mine")


def test_bars_without_waiting_for_the_disk(address: str) -> None:
    with Client(address) as client:
        assert not client.post(bar(0), wait=False)[0].durable


@pytest.mark.parametrize("step", [503, 429, 502, "cut"])
def test_what_was_not_answered_is_asked_again(step: object, book: Book, address: str) -> None:
    naps = Naps()
    book.script = [step, step]
    with Client(address, sleep=naps) as client:
        answers = client.post([bar(0), bar(1)])
    assert [answer.outcome for answer in answers] == ["accepted"] * 2
    assert naps.taken == [0.1, 0.2]
    assert client.interruptions == 2


def test_bars_that_arrived_before_the_connection_was_lost_are_not_taken_twice(book: Book, address: str) -> None:
    book.script = ["lose"]
    with Client(address, sleep=Naps()) as client:
        answers = client.post([bar(0), bar(1)])
    assert [answer.outcome for answer in answers] == ["duplicate"] * 2
    assert book.of("A") == [T, T + MINUTE]


def test_the_server_says_how_long_to_wait(book: Book, address: str) -> None:
    naps, told = Naps(), []
    book.script, book.retry_after = [429], "7"
    with Client(address, sleep=naps, waiting=lambda *what: told.append(what)) as client:
        client.post(bar(0))
    assert naps.taken == [7.0]
    assert told == [("HTTP 429: the test says 429", 7.0)]


def test_patience_ends_and_waits_are_bounded() -> None:
    naps = Naps()
    with Client(f"http://127.0.0.1:{free_port()}", "x", patience_s=30.0, sleep=naps) as client:
        with pytest.raises(RemoteError, match=r"gave no answer: .*candlewick serve"):
            client.post(bar(0))
        assert not client.ready()
        assert "does not answer" in client.ready().reasons[0]
    assert naps.taken[:4] == [0.1, 0.2, 0.4, 0.8]
    assert max(naps.taken) == 5.0
    assert sum(naps.taken) <= 30.0


def test_a_wait_longer_than_the_patience_is_not_begun(book: Book, address: str) -> None:
    naps = Naps()
    book.script, book.retry_after = [503], "3600"
    with Client(address, sleep=naps) as client, pytest.raises(RemoteError, match="the test says 503"):
        client.status()
    assert naps.taken == []


def test_a_server_that_comes_later_is_waited_for(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_TOKEN", TOKEN)
    port = free_port()
    with Client(f"http://127.0.0.1:{port}", patience_s=1.0, sleep=Naps()) as client:
        with pytest.raises(RemoteError):
            client.status()
        with serving(book, port):
            assert client.status()["symbols"] == []


@pytest.mark.parametrize(
    "wrong",
    [bar(0, close=math.nan), bar(0, close=math.inf), bar(0, symbol=""), bar(-(10**9)), Bar("A", T, {"Close": 1.0})],
    ids=["nan", "inf", "symbol", "stamp", "column"],
)
def test_a_bar_that_cannot_be_sent_is_told_before_anything_is_sent(wrong: Bar, book: Book, address: str) -> None:
    with Client(address) as client, pytest.raises(DataError, match="cannot be sent"):
        client.post([bar(0), wrong])
    assert book.requests == []


def test_a_wrong_token_is_told_at_once(address: str) -> None:
    with (
        Client(address, "wrong") as client,
        pytest.raises(ConfigError, match=r"does not take the token.*CANDLEWICK_TOKEN"),
    ):
        client.post(bar(0))


def test_where_the_token_comes_from(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    with Client(address, "wrong", token_file=file) as client, pytest.raises(ConfigError):
        client.status()
    monkeypatch.delenv("CANDLEWICK_TOKEN")
    with Client(address, token_file=file) as client:
        client.status()
    with Client(address) as client, pytest.raises(ConfigError):
        client.status()
    monkeypatch.setenv("CANDLEWICK_TOKEN_FILE", str(file))
    with Client(address) as client:
        client.status()
    with pytest.raises(StorageError, match="could not be read"):
        Client(address, token_file=tmp_path / "nothing")
    with pytest.raises(ConfigError, match="one word"):
        Client(address, "two\r\nwords")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8765", "ftp://host", "http://", "http://host:port", "http://me:secret@host", "http://host/?a=1"]
)
def test_an_address_that_cannot_be_meant(url: str) -> None:
    with pytest.raises(ConfigError, match="a server's address reads"):
        Client(url)


def test_a_stranger_is_not_taken_for_the_server(book: Book, address: str) -> None:
    with Client(address) as client:
        book.script = [500]
        with pytest.raises(RemoteError, match="HTTP 500"):
            client.post(bar(0))
    with Client(f"{address}/elsewhere") as client, pytest.raises(RemoteError, match="Is it candlewick"):
        client.post(bar(0))


def test_what_the_server_tells(book: Book, address: str) -> None:
    with Client(address) as client:
        client.post([bar(step, symbol) for step in range(3) for symbol in "AB"])
        assert client.status()["symbols"] == [{"symbol": s, "t": T + 2 * MINUTE} for s in "AB"]
        page = client.forecasts(1, symbol="B", limit=2)
        assert [(one.symbol, one.seq, one.value) for one in page.forecasts] == [("B", 1, None), ("B", 3, None)]
        assert page.next == 4
        assert client.releases()["aliases"] == {}
        assert client.why("A", T) == {"release": "ab12"}
        with pytest.raises(DataError, match="no bar of A closed at 5"):
            client.why("A", 5)
        assert client.ready()
        book.ready = False
        assert client.ready().reasons == ("no champion",)


# Over a WebSocket


def test_a_stream_answers_at_once_and_says_later_that_all_is_on_disk(address: str) -> None:
    with Client(address) as client, client.stream() as stream:
        stream.send(bar(0))
        stream.send([bar(1), bar(2)])
        assert len(stream.unsettled) == 3
        said = [stream.receive(5.0) for _ in range(4)]
        assert [len(one.answers) for one in said if isinstance(one, Answers)] == [1, 2]
        assert [one.seq for one in said if isinstance(one, Durable)] == [0, 2]
        assert stream.unsettled == []
        assert stream.receive(0.01) is None


def test_what_a_lost_stream_leaves_is_sent_again_and_answered_as_duplicates(book: Book, address: str) -> None:
    book.script = ["die"]
    with Client(address) as client:
        with client.stream() as stream:
            stream.send([bar(0), bar(1)])
            with pytest.raises(RemoteError, match="2 bars are not known to be on its disk"):
                for _ in stream:
                    pass
        book.script = []
        with client.stream() as again:
            again.send(stream.unsettled)
            answers = again.receive(5.0)
    assert isinstance(answers, Answers)
    assert [answer.outcome for answer in answers.answers] == ["duplicate"] * 2


def test_refused_bars_are_settled_by_their_answer(book: Book, address: str) -> None:
    book.refuse = {("A", T)}
    with Client(address) as client, client.stream() as stream:
        stream.send(bar(0))
        stream.receive(5.0)
        assert stream.unsettled == []


def test_bars_that_are_answered_by_a_problem_are_told_apart(
    book: Book, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("candlewick.serve.stream.fault", lambda bar: "")
    wrong = Bar("A", T, {"Close": 1.0})
    with Client(address) as client, client.stream() as stream:
        for message in (bar(0), wrong, bar(1)):
            stream.send(message)
        said = [stream.receive(5.0) for _ in range(5)]
    assert [one.code for one in said if isinstance(one, Problem)] == ["invalid"]
    assert stream.untaken == [wrong]
    assert stream.unsettled == []


def test_a_stream_refuses_what_cannot_be_sent(address: str) -> None:
    with Client(address) as client, client.stream() as stream:
        for wrong in ([], [bar(0)] * 1_001, bar(0, close=math.nan)):
            with pytest.raises(DataError):
                stream.send(wrong)
        assert stream.unsettled == []


def test_a_stream_needs_the_token_and_waits_for_a_server(address: str) -> None:
    with Client(address, "wrong") as client, pytest.raises(ConfigError, match="does not take the token"):
        client.stream()
    naps = Naps()
    nobody = f"http://127.0.0.1:{free_port()}"
    with (
        Client(nobody, "x", patience_s=1.0, sleep=naps) as client,
        pytest.raises(RemoteError, match="gave no answer"),
    ):
        client.stream()
    assert naps.taken == [0.1, 0.2, 0.4]


def test_the_client_needs_no_numpy() -> None:
    import subprocess
    import sys

    code = "import sys, candlewick.serve.client, candlewick.serve.stream; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
