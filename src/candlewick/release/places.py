"""Where in a segment each record stands, and which instrument and close it is about: found without reading it."""

import struct
import zlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from candlewick.core import files

_HEAD = struct.Struct("<4sQQqq16s16s16s")
_CHECK = struct.Struct("<I")
_MAGIC = b"cwp2"
_COLUMNS = (("kind", "u1"), ("symbol", "<u8"), ("t", "<i8"), ("offset", "<u4"), ("digest", "<u8"))
_ROW = sum(np.dtype(kind).itemsize for _, kind in _COLUMNS)

Key = tuple[int, str, int]
"""Kind, instrument and close of a record; (0, "", 0) for one that is looked for by nothing."""

NOWHERE: Key = (0, "", 0)


def digest_number(digest: bytes) -> int:
    """The first 64 bits of a frame's digest, by which a record's place knows its frame."""
    return int.from_bytes(digest[:8], "little")


@lru_cache(maxsize=4096)
def symbol_number(symbol: str) -> int:
    """64 bits that stand for a name; two names may share them, so what is found by it must be looked at."""
    return int.from_bytes(blake2b(symbol.encode(), digest_size=8).digest(), "little")


class Places:
    """Rows of the segment that is being written; they grow with it and are bounded by its size."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.kind, self.symbol, self.t, self.offset = array("B"), array("Q"), array("q"), array("I")
        self.digest = array("Q")

    def __len__(self) -> int:
        return len(self.kind)

    def add(self, key: Key) -> None:
        """One more record, whose place is not known yet."""
        kind, symbol, t = key
        self.kind.append(kind)
        self.symbol.append(symbol_number(symbol) if symbol else 0)
        self.t.append(t)
        self.offset.append(0)
        self.digest.append(0)

    def put(self, seq: int, count: int, offset: int, digest: bytes) -> None:
        """`count` records from `seq` on stand in the frame at `offset`, which has this digest."""
        row = seq - self.first
        self.offset[row : row + count] = array("I", [offset]) * count
        self.digest[row : row + count] = array("Q", [digest_number(digest)]) * count

    def rows(self, symbol: str, kinds: tuple[int, ...], t: int | None, *, earlier: bool = False) -> np.ndarray:
        """As `Columns.rows`, without a copy."""
        return self._columns(np.asarray).rows(symbol, kinds, t, earlier=earlier)

    def columns(self, count: int | None = None) -> "Columns":
        """A copy of the first `count` rows, or of all, as arrays."""
        return self._columns(lambda column: np.array(column[:count]))

    def without(self, count: int) -> "Places":
        """The rows after the first `count`, as the beginning of the next segment."""
        rest = Places(self.first + count)
        rest.kind, rest.symbol = self.kind[count:], self.symbol[count:]
        rest.t, rest.offset, rest.digest = self.t[count:], self.offset[count:], self.digest[count:]
        return rest

    def _columns(self, taken: "Callable[[array[int]], np.ndarray]") -> "Columns":
        return Columns(self.first, *(taken(getattr(self, name)) for name, _ in _COLUMNS))


@dataclass(frozen=True, eq=False)
class Columns:
    """All rows of one segment.

    Attributes:
        first: seq of row 0.
        kind: uint8 (n,).
        symbol: uint64 (n,), from `symbol_number`.
        t: int64 (n,).
        offset: uint32 (n,), of the frame that holds the record.
        digest: uint64 (n,), `digest_number` of that frame.
    """

    first: int
    kind: np.ndarray
    symbol: np.ndarray
    t: np.ndarray
    offset: np.ndarray
    digest: np.ndarray

    def rows(self, symbol: str, kinds: tuple[int, ...], t: int | None = None, *, earlier: bool = False) -> np.ndarray:
        """int64, rows about an instrument, in order: those that close at `t`, or also before it; None for all."""
        own = (self.symbol == symbol_number(symbol)) & np.isin(self.kind, kinds)
        if t is not None:
            own &= (self.t <= t) if earlier else (self.t == t)
        return np.flatnonzero(own)

    def sealed(self, path: Path, previous: bytes, last: bytes) -> "Sealed":
        """What the head of their file in `path` tells; digests are of the frame before the segment and its last."""
        times = self.t[self.kind > 0]
        spread = (int(times.min()), int(times.max())) if len(times) else (0, -1)
        return Sealed(path, self.first, len(self.kind), *spread, previous, last)

    def save(self, path: Path, previous: bytes, last: bytes) -> "Sealed":
        """Write them beside their segment."""
        body = b"".join(getattr(self, name).astype(kind).tobytes() for name, kind in _COLUMNS)
        sealed = self.sealed(path, previous, last)
        digest = blake2b(body, digest_size=16).digest()
        head = _HEAD.pack(
            _MAGIC, self.first, sealed.count, sealed.earliest, sealed.latest, previous, last, digest
        )  # fmt: skip
        files.write_bytes(path, head + _CHECK.pack(zlib.crc32(head)) + body)
        return sealed


@dataclass(frozen=True)
class Sealed:
    """A segment that is written to no more, as the head of its places tells.

    Attributes:
        path: of the places.
        first: seq of its first record.
        count: records in it.
        earliest, latest: smallest and largest close; the second is smaller where there is none.
        previous: digest of the frame before its first.
        last: digest of its last frame.
    """

    path: Path
    first: int
    count: int
    earliest: int
    latest: int
    previous: bytes
    last: bytes

    @classmethod
    def open(cls, path: Path, first: int) -> "Sealed | None":
        """The places in `path`; None where they are missing or damaged, so that they have to be made again."""
        try:
            with open(path, "rb") as file:
                head = file.read(_HEAD.size + _CHECK.size)
                size = file.seek(0, 2)
        except OSError:
            return None
        if len(head) < _HEAD.size + _CHECK.size or _CHECK.pack(zlib.crc32(head[: _HEAD.size])) != head[_HEAD.size :]:
            return None
        magic, begin, count, earliest, latest, previous, last, _ = _HEAD.unpack_from(head)
        if magic != _MAGIC or begin != first or size != len(head) + count * _ROW:
            return None
        return cls(path, first, count, earliest, latest, previous, last)

    def columns(self) -> Columns | None:
        """All rows; None where they are damaged."""
        try:
            data = self.path.read_bytes()
        except OSError:
            return None
        body, at = memoryview(data)[_HEAD.size + _CHECK.size :], 0
        digest = _HEAD.unpack_from(data)[-1] if len(data) >= _HEAD.size else b""
        if len(body) != self.count * _ROW or blake2b(body, digest_size=16).digest() != digest:
            return None
        arrays = []
        for _, kind in _COLUMNS:
            end = at + self.count * np.dtype(kind).itemsize
            arrays.append(np.frombuffer(body[at:end], dtype=kind))
            at = end
        return Columns(self.first, *arrays)
