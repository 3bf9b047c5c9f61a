"""A disk that fails from one seed: writes that stop half-way, syncs that fail, power that goes.

Over real files, which always show what a running system would see. What of it would outlast a loss of power is kept
beside, as a file system promises it and no better: bytes after a successful sync of their file, names after one of
their folder. A sync that has failed leaves its bytes in view and promises nothing of them any more, not even after the
next sync, unless they are written again; so Linux does it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from candlewick.core.disk import Disk
from candlewick.core.random import stream

SECTOR = 512
"""Bytes that a loss of power leaves whole or not written at all."""


class FaultyDisk(Disk):
    """Give it to whatever takes a `Disk`; nothing waits for the real medium.

    Attributes:
        write_fails, sync_fails: share of calls that fail.
        failed: faults so far, by kind.
    """

    def __init__(self, seed: int, *, write_fails: float = 0.0, sync_fails: float = 0.0) -> None:
        self.write_fails, self.sync_fails = write_fails, sync_fails
        self.failed = {"write": 0, "sync": 0}
        self._random = stream(seed, "faulty disk")
        self._paths: dict[int, Path] = {}
        self._unsynced: dict[Path, list[tuple[int, int]]] = {}
        self._lost: dict[Path, list[tuple[int, int]]] = {}
        self._length: dict[Path, int] = {}
        self._unnamed: set[Path] = set()

    def open(self, path: Path) -> int:
        """As the real one; a new file's name is lost with the power until its folder is synced."""
        new = not path.exists()
        handle = super().open(path)
        self._paths[handle] = path
        if new:
            self._unnamed.add(path)
            self._length[path] = 0
        self._length.setdefault(path, path.stat().st_size)
        return handle

    def write(self, handle: int, data: bytes) -> None:
        """All of `data`, or a part of it and then no space is left."""
        fails = self._happens("write", self.write_fails)
        self._put(
            handle, os.fstat(handle).st_size, data[: int(self._random.integers(len(data) + 1))] if fails else data
        )
        if fails:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def rewrite(self, path: Path, offset: int, data: bytes) -> None:
        """As the real one: what an earlier sync had lost there is on the medium now. Or it fails."""
        if self._happens("sync", self.sync_fails):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._lost[path] = _without(self._lost.get(path, []), (offset, offset + len(data)))
        self._unsynced.pop(path, None)
        self._length[path] = path.stat().st_size

    def sync(self, handle: int) -> None:
        """What was written will outlast a loss of power; or it fails, and nobody knows."""
        path = self._paths[handle]
        written = self._unsynced.pop(path, [])
        if self._happens("sync", self.sync_fails):
            self._lost.setdefault(path, []).extend(written)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._length[path] = os.fstat(handle).st_size

    def truncate(self, handle: int, size: int) -> None:
        """As the real one, at once."""
        path = self._paths[handle]
        os.ftruncate(handle, size)
        self._length[path] = size
        for kept in (self._unsynced, self._lost):
            kept[path] = _without(kept.get(path, []), (size, 2**63))

    def sync_folder(self, folder: Path) -> None:
        """Its names will outlast a loss of power; or it fails."""
        if self._happens("sync", self.sync_fails):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._unnamed = {path for path in self._unnamed if path.parent != folder}

    def close(self, handle: int) -> None:
        """Give the handle back; nothing is synced by it."""
        self._paths.pop(handle, None)
        super().close(handle)

    def kill(self) -> None:
        """The process ends; the system goes on, so that files stay as they are in view."""
        for handle in list(self._paths):
            self.close(handle)

    def crash(self) -> None:
        """The power goes: of what was not synced, any sectors are there, or zeros, or less of the file, or no file."""
        self.kill()
        for path in sorted(self._unnamed):  # in the order of the seed
            if self._random.random() < 0.5:
                path.unlink(missing_ok=True)
        for path in sorted(self._unsynced.keys() | self._lost.keys()):
            if path.exists():
                self._tear(path, [*self._unsynced.get(path, []), *self._lost.get(path, [])])
        self._unsynced, self._lost, self._length, self._unnamed = {}, {}, {}, set()

    @contextmanager
    def well(self) -> Iterator[None]:
        """Nothing fails meanwhile."""
        rates = self.write_fails, self.sync_fails
        self.write_fails = self.sync_fails = 0.0
        try:
            yield
        finally:
            self.write_fails, self.sync_fails = rates

    def flip(self, path: Path, bits: int = 1) -> None:
        """So many bits of a file rot."""
        data = bytearray(path.read_bytes())
        for _ in range(bits if data else 0):
            data[int(self._random.integers(len(data)))] ^= 1 << int(self._random.integers(8))
        path.write_bytes(data)

    def _put(self, handle: int, offset: int, data: bytes) -> None:
        super().write(handle, data)
        self._unsynced.setdefault(self._paths[handle], []).append((offset, offset + len(data)))

    def _happens(self, kind: str, share: float) -> bool:
        fails = bool(share) and bool(self._random.random() < share)
        self.failed[kind] += fails
        return fails

    def _tear(self, path: Path, ranges: list[tuple[int, int]]) -> None:
        data = bytearray(path.read_bytes())
        fate = self._random.random()
        for begin, end in ranges:
            kept = end if fate < 0.2 else begin if fate < 0.4 else int(self._random.integers(begin, end + 1))
            for start in range(begin - begin % SECTOR, end, SECTOR):
                place = slice(max(start, begin), min(start + SECTOR, end))
                # In order up to some byte; or each sector for itself, in no order.
                gone = place.stop > kept if fate < 0.7 else self._random.random() < 0.5
                if gone:
                    first = max(place.start, kept) if fate < 0.7 else place.start
                    data[first : place.stop] = bytes(place.stop - first)
        shortest = max(min(self._length.get(path, 0), len(data)), 0)
        written = len(bytes(data).rstrip(b"\0")) if fate < 0.7 else int(self._random.integers(shortest, len(data) + 1))
        path.write_bytes(data[: max(shortest, written)])


def _without(ranges: list[tuple[int, int]], cut: tuple[int, int]) -> list[tuple[int, int]]:
    # What is left of ranges where one is taken out.
    left = [(begin, min(end, cut[0])) for begin, end in ranges] + [(max(begin, cut[1]), end) for begin, end in ranges]
    return [(begin, end) for begin, end in left if begin < end]
