"""An append-only, checksummed journal: the only truth about what happened, from which all else can be made again.

The folder holds segments, named by the seq of their first record, and beside each one that is full its places
(`places.py`), which are made again where they are missing. A commit writes what was appended as one frame and waits for
the disk. When a journal is opened, an unfinished last frame is cut off; anything else that does not fit is refused.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from candlewick.core.disk import Disk
from candlewick.core.errors import StorageError
from candlewick.core.failpoint import reached
from candlewick.release.frames import LARGEST, ORIGIN, SIZE, Frame, framed, head_at, later_head, parted
from candlewick.release.places import NOWHERE, Columns, Key, Places, Sealed, digest_number

SEGMENT_BYTES = 32 * 2**20
_MOST_RECORD = LARGEST // 2


class Journal:
    """Records in order, each with a seq from 0 on. One process writes; others may read what it has committed.

    `append` and all that reads belong to one thread; `commit` may be called by another.

    Attributes:
        seq: of the newest record, committed or not; -1 where there is none.
        durable: seq of the newest record that is on disk.
        cut: bytes of an unfinished write that were cut off when it was opened.
    """

    def __init__(
        self, folder: str | Path, kinds: Any, *, key: Callable[[Any], Key] | None = None, disk: Disk | None = None,
        segment_bytes: int = SEGMENT_BYTES, writes: bool = True,
    ) -> None:  # fmt: skip
        """Open the journal in `folder`, or begin one.

        Args:
            kinds: a union of tagged msgspec structs, the records there can be.
            key: kind (1 or more), instrument and close of a record that `find` and `newest` shall find.
            disk: how it reaches the disk.
            segment_bytes: size at which a new segment is begun.
            writes: false for a reader beside the process that writes: nothing is cut, made or changed.

        Raises:
            StorageError: a hole, a record that was changed, a folder that cannot be written.
        """
        self.folder, self.cut = Path(folder), 0
        self._decode = msgspec.msgpack.Decoder(list[kinds]).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._key = key or (lambda record: NOWHERE)
        self._disk, self._segment_bytes, self._writes = disk or Disk(), segment_bytes, writes
        self._lock, self._committing = Lock(), Lock()
        self._pending: list[tuple[Any, bytes]] = []
        self._flying: list[tuple[Any, bytes]] = []
        self._broken = ""
        self._handle, self._size, self._last = -1, 0, ORIGIN
        self._frame: tuple[int, list[Any]] = (-1, [])
        self._loaded: dict[int, Columns] = {}
        with self._opening():
            self._open()

    def append(self, record: Any) -> int:
        """Take a record in, to be written by the next commit; gives its seq.

        Raises:
            StorageError: an earlier commit failed, after which nothing is taken in any more.
        """
        encoded = self._encode(record)
        if len(encoded) > _MOST_RECORD:
            raise StorageError(f"a record has {_MOST_RECORD:,} bytes at most, was {len(encoded):,}.")
        with self._lock:
            self._require_whole()
            self._pending.append((record, encoded))
            self._places.add(self._key(record))
            self.seq += 1
            return self.seq

    def commit(self) -> int:
        """Write what was appended, wait until it is on disk, and give `durable`.

        Raises:
            StorageError: the disk refused. What it holds now is unknown, so the journal is closed to writing for good;
                opening it again finds out.
        """
        with self._committing:
            with self._lock:
                self._require_whole()
                self._flying, self._pending = self._pending, []
            if not self._flying:
                return self.durable
            try:
                self._write(self._flying)
                if self._size >= self._segment_bytes:
                    self._rotate()
            except OSError as error:
                self._broken = (
                    f"the journal {self.folder} could not be written: {error.strerror or error}. What was not "
                    "acknowledged may be lost. Free some space or mend the disk, then start again."
                )
                raise StorageError(self._broken) from error
            return self.durable

    @property
    def broken(self) -> str:
        """Why nothing can be written any more; "" where all is well."""
        return self._broken

    @property
    def closed(self) -> bool:
        """Whether it can be written no more because it was closed, or opened for reading."""
        return self._handle < 0

    def get(self, seq: int) -> Any:
        """The record with this seq, committed or not.

        Raises:
            StorageError: it was changed on disk since it was written.
            IndexError: there is none.
        """
        if not 0 <= seq <= self.seq:
            raise IndexError(f"the journal has records 0 to {self.seq}, was asked for {seq}.")
        with self._lock:
            waiting = seq - self.durable - 1
            if waiting >= 0:
                both = (*self._flying, *self._pending) if waiting >= len(self._flying) else self._flying
                return both[waiting][0]
        first, records = self._frame
        if not first <= seq < first + len(records):
            first, records = self._frame = self._frame_of(seq)
        return records[seq - first]

    def read(self, since: int = 0, until: int | None = None) -> Iterator[tuple[int, Any]]:
        """(seq, record) from `since` to before `until`, or to the newest."""
        for seq in range(max(since, 0), min(self.seq + 1, self.seq + 1 if until is None else until)):
            yield seq, self.get(seq)

    def find(self, symbol: str, t: int, kinds: tuple[int, ...]) -> list[int]:
        """Seqs of the records of these kinds about one instrument and close, in order."""
        own = [sealed for sealed in self._sealed if sealed.earliest <= t <= sealed.latest]
        return [seq for seq in self._rows(own, symbol, kinds, t) if self._key(self.get(seq))[1:] == (symbol, t)]

    def newest(
        self, symbol: str, kinds: tuple[int, ...], count: int, *, until: int | None = None, t: int | None = None
    ) -> list[int]:  # fmt: skip
        """Seqs of the newest `count` records of these kinds about one instrument, in order.

        Of those up to seq `until`, where it is given, and with a close of at most `t`.
        """
        found: list[int] = []
        until = self.seq if until is None else until
        for begin in range(len(self._sealed), -1, -1):
            own = self._sealed[begin : begin + 1]
            seqs = [seq for seq in self._rows(own, symbol, kinds, t, active=not own, earlier=True) if seq <= until]
            seqs = [seq for seq in seqs[-2 * count :] if self._key(self.get(seq))[1] == symbol]
            found = seqs[-(count - len(found)) :] + found
            if len(found) >= count:
                break
        return found

    def mark(self, seq: int) -> bytes:
        """The digest of the frame that holds a committed record: with it, another process can tell this history."""
        return self._read(*self._place(seq))[0].digest

    def refresh(self) -> int:
        """For a reader: take in what another process has written since; gives the newest seq.

        Raises:
            StorageError: as where it was opened.
        """
        places = self._places
        with self._opening():
            if len(places) and self._segment(places.first + len(places)).exists():
                self._open()  # a new segment was begun
            elif self._segment(places.first).exists():
                self._last, self._size = self._scanned(places, self._last, last=True, begin=self._size)
                self.seq = self.durable = places.first + len(places) - 1
        return self.seq

    def verify(self) -> int:
        """Read every record of every segment again; gives how many there are.

        Raises:
            StorageError: one was changed.
        """
        previous = ORIGIN
        for first in [*(sealed.first for sealed in self._sealed), self._places.first]:
            previous, _ = self._scanned(Places(first), previous, last=first == self._places.first)
        return self.durable + 1

    @property
    def size(self) -> int:
        """Size of all segments."""
        return sum(self._segment(sealed.first).stat().st_size for sealed in self._sealed) + self._size

    @property
    def segments(self) -> int:
        """How many there are."""
        return len(self._sealed) + 1

    def close(self) -> None:
        """Commit what is left, unless the disk has failed before, and let go of the file."""
        if self._handle >= 0:
            if not self._broken and self._writes:
                self.commit()
            self._disk.close(self._handle)
            self._handle = -1

    def _require_whole(self) -> None:
        if self._broken:
            raise StorageError(self._broken)
        if not self._writes:
            raise StorageError(f"the journal {self.folder} was opened for reading, was asked to write.")

    def _segment(self, first: int) -> Path:
        return self.folder / f"{first:016d}.segment"

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"the journal {self.folder} could not be opened: {error.strerror or error}.") from error

    def _open(self) -> None:
        if self._writes:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        firsts = sorted(int(path.stem) for path in self.folder.glob("*.segment") if path.stem.isdigit()) or [0]
        if firsts[0] != 0:
            raise self._hole(self._segment(firsts[0]), f"is the first of its segments, which begin at record {0}")
        self._sealed: list[Sealed] = []
        previous = ORIGIN
        for first, following in pairwise(firsts):
            sealed = self._opened(first, previous, following)
            self._sealed.append(sealed)
            previous = sealed.last
        self._begin(firsts[-1], previous)

    def _opened(self, first: int, previous: bytes, following: int) -> Sealed:
        path = self._segment(first).with_suffix(".places")
        sealed = Sealed.open(path, first)
        if sealed is None or first + sealed.count != following or sealed.previous != previous:
            places = Places(first)
            last, _ = self._scanned(places, previous, last=False)
            columns = places.columns()
            self._loaded[first] = columns
            sealed = (columns.save if self._writes else columns.sealed)(path, previous, last)
        if first + sealed.count != following:
            raise self._hole(self._segment(following), f"follows the record {first + sealed.count - 1}")
        return sealed

    def _begin(self, first: int, previous: bytes) -> None:
        path = self._segment(first)
        if self._writes:
            self._handle = self._disk.open(path)
            self._disk.sync_folder(self.folder)
        self._places, self._before = Places(first), previous
        self._last, self._size = previous, 0
        if path.exists():
            self._last, self._size = self._scanned(self._places, previous, last=True, mends=self._writes)
        self.seq = self.durable = first + len(self._places) - 1

    def _scanned(
        self, places: Places, previous: bytes, *, last: bool, begin: int = 0, mends: bool = False
    ) -> tuple[bytes, int]:
        # Every frame of a segment from byte `begin` on, verified; the last one may have an unfinished end, which an
        # opening cuts off. Gives the digest of the last whole frame and the byte where it ends.
        path, offset, newest = self._segment(places.first), 0, 0
        with open(path, "rb") as file:
            file.seek(begin)
            data = file.read()
        while offset < len(data):
            frame = head_at(data, offset)
            payload = memoryview(data)[offset + SIZE : offset + frame.size] if frame else b""
            if frame is None or not frame.holds(payload):
                break
            if frame.seq != places.first + len(places) or frame.previous != previous:
                where = f"holds record {frame.seq} at byte {begin + offset:,}"
                raise self._hole(path, f"{where}, which does not follow the others")
            for record in self._records(path, payload, frame):
                places.add(self._key(record))
            places.put(frame.seq, frame.count, begin + offset, frame.digest)
            previous, newest, offset = frame.digest, offset, offset + frame.size
        if offset < len(data):
            if not last or later_head(data, offset, places.first + len(places) - 1):
                raise self._hole(path, f"is damaged at byte {begin + offset:,}")
            if mends:
                self.cut = len(data) - offset
                self._disk.truncate(self._handle, offset)
        if mends and offset:  # the process that wrote the last frame may not have seen it on disk
            self._disk.rewrite(path, newest, data[newest:offset])
        return previous, begin + offset

    def _records(self, path: Path, payload: bytes | memoryview, frame: Frame) -> list[Any]:
        try:
            records = self._decode(payload)
        except msgspec.MsgspecError as error:
            raise self._hole(path, f"holds records that are none of this version's: {error}") from error
        if len(records) != frame.count:
            raise self._hole(path, f"holds {len(records)} records where {frame.count} were told of")
        return records

    def _hole(self, path: Path, what: str) -> StorageError:
        return StorageError(
            f"{path} {what}. A journal with a hole is not believed, and nothing was changed. "
            "Put back the file from a copy, or begin a new folder."
        )

    def _write(self, records: list[tuple[Any, bytes]]) -> None:
        begin, written = self.durable + 1, []
        for part in parted(records):
            payload = self._encode([msgspec.Raw(encoded) for _, encoded in part])
            frame, data = framed(begin, len(part), self._last, payload)
            reached("journal.write")
            self._disk.write(self._handle, data)
            reached("journal.sync")
            self._disk.sync(self._handle)  # before the next one: only the last frame can ever be torn
            written.append((frame, self._size))
            self._last, self._size, begin = frame.digest, self._size + frame.size, begin + len(part)
        reached("journal.synced")
        with self._lock:
            for frame, offset in written:
                self._places.put(frame.seq, frame.count, offset, frame.digest)
            self.durable, self._flying = begin - 1, []

    def _rotate(self) -> None:
        full = self._places
        count = self.durable + 1 - full.first
        with self._lock:
            columns = full.columns(count)
        reached("journal.rotate")
        sealed = columns.save(self._segment(full.first).with_suffix(".places"), self._before, self._last)
        reached("journal.rotated")
        handle = self._disk.open(self._segment(full.first + count))
        self._disk.sync_folder(self.folder)
        with self._lock:
            self._disk.close(self._handle)
            self._handle, self._size, self._before = handle, 0, self._last
            self._sealed.append(sealed)
            self._places = full.without(count)

    def _rows(
        self, sealed: list[Sealed], symbol: str, kinds: tuple[int, ...], t: int | None,
        *, active: bool = True, earlier: bool = False,
    ) -> list[int]:  # fmt: skip
        found: list[int] = []
        for one in sealed:
            found += (self._columns(one).rows(symbol, kinds, t, earlier=earlier) + one.first).tolist()
        if active:
            with self._lock:
                found += (self._places.rows(symbol, kinds, t, earlier=earlier) + self._places.first).tolist()
        return found

    def _columns(self, sealed: Sealed) -> Columns:
        columns = self._loaded.pop(sealed.first, None) or sealed.columns()
        if columns is None:
            places = Places(sealed.first)
            last, _ = self._scanned(places, sealed.previous, last=False)
            if last != sealed.last:
                raise self._hole(self._segment(sealed.first), "is another one than when it was full")
            columns = places.columns()
        self._loaded[sealed.first] = columns  # the one that was wanted last stands last
        while len(self._loaded) > 3:
            del self._loaded[next(iter(self._loaded))]
        return columns

    def _place(self, seq: int) -> tuple[Path, int, int]:
        with self._lock:
            if seq >= self._places.first:
                own, row = self._places, seq - self._places.first
                return self._segment(own.first), own.offset[row], own.digest[row]
        sealed = next(one for one in reversed(self._sealed) if one.first <= seq)
        columns, row = self._columns(sealed), seq - sealed.first
        return self._segment(sealed.first), int(columns.offset[row]), int(columns.digest[row])

    def _frame_of(self, seq: int) -> tuple[int, list[Any]]:
        path, offset, digest = self._place(seq)
        frame, payload = self._read(path, offset, digest)
        if not frame.seq <= seq < frame.seq + frame.count:
            raise self._hole(path, f"holds record {frame.seq} where {seq} is expected")
        return frame.seq, self._records(path, payload, frame)

    def _read(self, path: Path, offset: int, digest: int) -> tuple[Frame, bytes]:
        with open(path, "rb") as file:
            file.seek(offset)
            frame = head_at(file.read(SIZE), 0)
            payload = file.read(frame.length) if frame else b""
        if frame is None or digest_number(frame.digest) != digest or not frame.holds(payload):
            raise self._hole(path, f"is damaged at byte {offset:,}")
        return frame, payload
