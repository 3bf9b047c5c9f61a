"""Bars as lines: from standard input, or from a file while it is being written.

A line is a bar as JSON, as it is posted, or a row of CSV below a header with `symbol`, `t` or `time` (the close, ns or
ISO 8601 in UTC) and a column for each value. A line that cannot be meant is told with its number, counted, and passed
over.
"""

import csv
import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from candlewick.core.errors import DataError, StorageError
from candlewick.serve.protocol import MOST_BARS, Bar
from candlewick.serve.stamps import moment
from candlewick.serve.web.decode import decode_bars
from candlewick.serve.web.refusals import RefusalError

LONGEST = 2**16
"""Bytes of a line at most."""

POLL_S = 0.1
_CHUNK = 2**20

Line = tuple[int, bytes]
"""The number of a line, from 1, and its bytes without the line feed."""


class Reader:
    """Turns lines into bars. A new one for every file, because a file has its own header.

    Attributes:
        source: what bars say they came from that do not say it themselves.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._header: list[str] | None = None
        self._seen = False

    def bars(self, line: bytes) -> list[Bar]:
        """The bars of a line; none where it is empty or the header.

        Raises:
            DataError: it cannot be meant.
        """
        if len(line) > LONGEST:
            raise DataError(f"a line has {LONGEST:,} bytes at most, was longer")
        text = line.strip(b"\r\n\t ").removeprefix(b"\xef\xbb\xbf")
        if not text:
            return []
        if text[:1] in (b"{", b"["):
            self._seen = True
            return [self._named(bar) for bar in self._decoded(text)]
        row = self._row(text)
        if self._header is None:
            if self._seen:
                raise DataError("it is not JSON, as the lines before it are")
            self._header = _header(row)
            return []
        return self._decoded(msgspec.json.encode(_bar(self._header, row, self.source)))

    def _named(self, bar: Bar) -> Bar:
        return bar if bar.source else msgspec.structs.replace(bar, source=self.source)

    def _decoded(self, text: bytes) -> list[Bar]:
        try:
            return decode_bars(text)
        except RefusalError as refusal:
            raise DataError(refusal.message) from refusal

    def _row(self, text: bytes) -> list[str]:
        try:
            (row,) = csv.reader([text.decode("utf-8")], strict=True)
        except (UnicodeDecodeError, ValueError, csv.Error) as error:
            raise DataError(f"it is no row of CSV: {error}") from error
        return [cell.strip() for cell in row]


def _header(row: list[str]) -> list[str]:
    names = [name.lower() for name in row]
    if "symbol" not in names or ("t" in names) == ("time" in names) or len(set(names)) < len(names):
        raise DataError(
            f"a header names symbol, t or time, and a column for each value, each once; was {','.join(row)[:200]!r}"
        )
    return names


def _bar(header: list[str], row: list[str], source: str) -> dict[str, object]:
    if len(row) != len(header):
        raise DataError(f"it has {len(row)} columns, and the header has {len(header)}")
    cells = dict(zip(header, row, strict=True))
    values: dict[str, float] = {}
    for name, text in cells.items():
        if name in ("symbol", "t", "time", "source", "interval_ns") or not text:
            continue
        try:
            values[name] = float(text)
        except ValueError as error:
            raise DataError(f"{name} is {text[:50]!r}, which is no number") from error
        if not abs(values[name]) < float("inf"):
            raise DataError(f"{name} is {text[:50]}; a live bar must be finite")
    found: dict[str, object] = {
        "symbol": cells["symbol"], "t": moment(cells.get("t") or cells.get("time") or ""), "values": values,
        "source": cells.get("source") or source,
    }  # fmt: skip
    if cells.get("interval_ns"):
        found["interval_ns"] = moment(cells["interval_ns"])
    return found


class _Splitter:
    """Whole lines out of chunks; of one that is too long only the beginning is kept."""

    def __init__(self) -> None:
        self._left, self._number = b"", 0

    def lines(self, chunk: bytes) -> Iterator[Line]:
        *whole, self._left = (self._left + chunk).split(b"\n")
        self._left = self._left[: LONGEST + 1]
        for line in whole:
            self._number += 1
            yield self._number, line

    def rest(self) -> Iterator[Line]:
        if self._left:
            yield self._number + 1, self._left
        self._left = b""


def piped(stream: BinaryIO, *, ended: Callable[[], bool]) -> Iterator[list[Line]]:
    """Lines of standard input as they come, some at a time; the last one needs no line feed."""
    splitter, handle = _Splitter(), stream.fileno()
    while not ended():
        ready, _, _ = select.select([handle], [], [], POLL_S)
        if not ready:
            continue
        chunk = os.read(handle, _CHUNK)
        if not chunk:
            yield list(splitter.rest())
            return
        yield from _some(splitter.lines(chunk))


def followed(
    path: Path, *, ended: Callable[[], bool], sleep: Callable[[float], None], again: Callable[[str], None]
) -> Iterator[list[Line]]:  # fmt: skip
    """Lines of a file while it is being written, from its beginning; an unfinished last line waits.

    Args:
        again: told why a file is read from its beginning once more: another one lies there, or it has become shorter.

    Raises:
        StorageError: it cannot be read. That it is not there yet is no error.
    """
    while not ended():
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            sleep(POLL_S)
            continue
        except OSError as error:
            raise StorageError(f"{path} could not be read: {error.strerror}.") from error
        with file:
            yield from _until_replaced(file, path, ended=ended, sleep=sleep, again=again)


def _until_replaced(
    file: BinaryIO, path: Path, *, ended: Callable[[], bool], sleep: Callable[[float], None],
    again: Callable[[str], None],
) -> Iterator[list[Line]]:  # fmt: skip
    splitter, own = _Splitter(), os.fstat(file.fileno())
    while not ended():
        chunk = file.read(_CHUNK)
        if chunk:
            yield from _some(splitter.lines(chunk))
            continue
        why = _replaced(file, path, own)
        if why:
            if why == _OTHER:
                yield list(splitter.rest())  # its writer has gone on to another file
            again(why)
            return
        sleep(POLL_S)


_OTHER, _SHORTER = "another file lies there now", "it has become shorter"


def _replaced(file: BinaryIO, path: Path, own: os.stat_result) -> str:
    if os.fstat(file.fileno()).st_size < file.tell():
        return _SHORTER
    try:
        now = path.stat()
    except FileNotFoundError:
        return ""  # it has been taken away; perhaps another one comes
    return "" if (now.st_dev, now.st_ino) == (own.st_dev, own.st_ino) else _OTHER


def _some(lines: Iterator[Line]) -> Iterator[list[Line]]:
    part: list[Line] = []
    for line in lines:
        part.append(line)
        if len(part) == MOST_BARS:
            yield part
            part = []
    if part:
        yield part
