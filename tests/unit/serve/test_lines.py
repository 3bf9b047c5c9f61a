"""Bars as lines: whole ones only, each with its number, whatever happens to the file."""

import os
import threading

import pytest

from candlewick.core.errors import DataError, StorageError
from candlewick.serve import lines
from candlewick.serve.lines import LONGEST, Reader, followed, piped
from candlewick.serve.protocol import Bar

HOUR = 3_600 * 10**9


def read(*texts, source="file:x"):
    reader = Reader(source)
    return [bar for text in texts for bar in reader.bars(text.encode())]


def test_json_lines_are_bars_as_they_are_posted():
    found = read(
        '{"symbol":"A","t":5,"values":{"close":1.5}}', "", '[{"symbol":"B","t":6,"values":{"close":2},"source":"me"}]'
    )
    assert found == [Bar("A", 5, {"close": 1.5}, source="file:x"), Bar("B", 6, {"close": 2.0}, source="me")]


def test_csv_has_a_header_and_a_close_as_its_time():
    found = read(
        "Symbol,Time,Open,High,Low,Close,Volume", "A,1970-01-01T01:00:00Z,1,2,0.5,1.5,7\r",
        "B,7200000000000,1,2,0.5,1.5,",
        '"A",1970-01-01 03:00:00+00:00, 1 ,2,0.5,1.5,8',
    )  # fmt: skip
    prices = {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5}
    assert found == [
        Bar("A", HOUR, {**prices, "volume": 7.0}, source="file:x"), Bar("B", 2 * HOUR, prices, source="file:x"),
        Bar("A", 3 * HOUR, {**prices, "volume": 8.0}, source="file:x"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["symbol,close"], "a header names"), (["symbol,t,time,close"], "a header names"),
        (["symbol,t,close,close"], "each once"), (["symbol,t,close", "A,5"], "2 columns, and the header has 3"),
        (["symbol,t,close", "A,5,abc"], "close is 'abc'"), (["symbol,t,close", "A,5,nan"], "must be finite"),
        (["symbol,t,close", "A,5,1e999"], "must be finite"), (["symbol,t,close", "A,soon,1"], "a moment is"),
        (["symbol,t,close", "A B,5,1"], "symbol"), (["symbol,t,Clo-se", "A,5,1"], "values"),
        (['{"symbol":"A","t":5,"values":{"close":1}}', "A,5,1"], "not JSON"), (['{"symbol":"A","t":5,'], "not JSON"),
        (['{"symbol":"A","t":5,"t":6,"values":{"close":1}}'], "stands twice"), (["x" * (LONGEST + 1)], "longer"),
        (["symbol,t,close", "A,,1"], "a moment is"), (["\x00"], "header|CSV"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_meant_is_refused_in_words(texts, said):
    with pytest.raises(DataError, match=said):
        read(*texts)


class Watching:
    """Follows a file in a thread."""

    def __init__(self, path):
        self.found, self.again, self.error, self._end = [], [], None, threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path,), daemon=True)
        self._thread.start()

    def _run(self, path):
        try:
            for part in followed(path, ended=self._end.is_set, sleep=self._end.wait, again=self.again.append):
                self.found += part
        except StorageError as error:
            self.error = error

    def wait(self, *expected):
        end = threading.Event()
        for _ in range(500):
            if self.found == list(expected):
                return
            end.wait(0.01)
        assert self.found == list(expected)

    def stop(self):
        self._end.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "POLL_S", 0.005)
    return tmp_path / "bars.csv"


@pytest.fixture
def watching(path):
    found = Watching(path)
    yield found
    found.stop()


def write(path, text):
    with path.open("a") as file:
        file.write(text)


def test_a_file_is_waited_for_and_only_its_whole_lines_are_read(path, watching):
    watching.wait()
    write(path, "one\ntw")
    watching.wait((1, b"one"))
    write(path, "o\nthree\n")
    watching.wait((1, b"one"), (2, b"two"), (3, b"three"))


def test_a_file_that_is_replaced_is_read_to_its_end_and_the_new_one_from_its_beginning(path, watching):
    write(path, "one\n")
    watching.wait((1, b"one"))
    write(path, "two\nlast")
    os.rename(path, path.with_suffix(".1"))
    write(path.with_suffix(".new"), "first\n")
    os.rename(path.with_suffix(".new"), path)
    watching.wait((1, b"one"), (2, b"two"), (3, b"last"), (1, b"first"))
    assert watching.again == ["another file lies there now"]


def test_a_file_that_becomes_shorter_is_read_from_its_beginning(path, watching):
    write(path, "one\ntwo\n")
    watching.wait((1, b"one"), (2, b"two"))
    with path.open("r+") as file:
        file.truncate(0)
        file.write("new\n")
    watching.wait((1, b"one"), (2, b"two"), (1, b"new"))
    assert watching.again == ["it has become shorter"]


def test_a_file_that_is_taken_away_comes_back(path, watching):
    write(path, "one\n")
    watching.wait((1, b"one"))
    path.unlink()
    threading.Event().wait(0.05)
    write(path, "new\n")
    watching.wait((1, b"one"), (1, b"new"))


def test_a_line_without_end_takes_no_memory(path):
    path.write_bytes(b"x" * 3_000_000 + b"\nnext\n")
    splitter = lines._Splitter()
    found = []
    data = path.read_bytes()
    for begin in range(0, len(data), 100_000):
        found += splitter.lines(data[begin : begin + 100_000])
        assert len(splitter._left) <= LONGEST + 1
    assert [(number, len(line) > LONGEST) for number, line in found] == [(1, True), (2, False)]


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    found = Watching(tmp_path)
    for _ in range(200):
        if found.error:
            break
        threading.Event().wait(0.01)
    found.stop()
    assert "could not be read" in str(found.error)


def test_a_pipe_gives_its_lines_and_the_last_one_without_a_line_feed():
    reading, writing = os.pipe()
    with open(reading, "rb") as stream:
        os.write(writing, b"one\ntw")
        parts = piped(stream, ended=lambda: False)
        assert next(parts) == [(1, b"one")]
        os.write(writing, b"o\nthree")
        os.close(writing)
        assert [line for part in parts for line in part] == [(2, b"two"), (3, b"three")]
