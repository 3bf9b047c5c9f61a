"""Trials of the journal: random histories on a disk that fails, and journals that somebody has changed.

A broken promise raises AssertionError with a sentence; everything follows from the seed.
"""

from collections import Counter
from pathlib import Path

from msgspec import Struct

from candlewick.core.disk import Disk
from candlewick.core.errors import StorageError
from candlewick.core.random import stream
from candlewick.release.journal import Journal
from candlewick.release.places import Key
from candlewick.testing.faulty_disk import FaultyDisk

SYMBOLS = ("A", "B", "C")
SEGMENTS = (500, 3_000, 40_000)


class Entry(Struct, frozen=True, array_like=True, tag="entry"):
    """What is written in trials."""

    symbol: str
    t: int
    text: str


def key(record: Entry) -> Key:
    """By it an entry is found."""
    return 1, record.symbol, record.t


def opened(folder: Path, *, segment_bytes: int, disk: Disk | None = None, writes: bool = True) -> Journal:
    """A journal of entries."""
    return Journal(folder, Entry, key=key, segment_bytes=segment_bytes, disk=disk, writes=writes)


def live_through(folder: Path, seed: int, *, steps: int = 40, disk: FaultyDisk | None = None) -> Counter[str]:
    """One random history of appends, commits, faults, kills and losses of power; gives what happened how often.

    Whatever a commit has acknowledged, or an opening has called durable, must be there after every later opening; what
    is there must be what was appended, in its order; and no crash alone may keep the journal from being opened.

    Raises:
        AssertionError: a promise was broken.
    """
    return _History(folder, seed, disk).lived(steps)


class _History:
    def __init__(self, folder: Path, seed: int, disk: FaultyDisk | None) -> None:
        self._random = stream(seed, "journal history")
        rates = self._random.choice([0.0, 0.05, 0.2], 2)
        self._disk = disk or FaultyDisk(seed, write_fails=float(rates[0]), sync_fails=float(rates[1]))
        self._folder, self._segment_bytes = folder, int(self._random.choice(SEGMENTS))
        self._told: list[Entry] = []  # by seq, committed or not
        self._promised = 0
        self._happened: Counter[str] = Counter()
        self._journal = self._open()

    def lived(self, steps: int) -> Counter[str]:
        acts = (self._append, self._commit, self._kill, self._crash, self._close)
        for _ in range(steps):
            acts[int(self._random.choice(len(acts), p=[0.5, 0.36, 0.06, 0.06, 0.02]))]()
        self._crash()
        for kind, count in self._disk.failed.items():
            self._happened[f"{kind}s that failed"] += count
        return self._happened

    def _append(self) -> None:
        for _ in range(int(self._random.integers(1, 6))):
            size = int(self._random.choice([20, 300, 9_000, 600_000], p=[0.72, 0.25, 0.027, 0.003]))
            text = chr(97 + len(self._told) % 26) * int(self._random.integers(size))
            entry = Entry(str(self._random.choice(SYMBOLS)), int(self._random.integers(1_000)), text)
            try:
                self._journal.append(entry)
            except StorageError:
                _require(bool(self._journal.broken), "a whole journal refuses a record")
                return
            _require(not self._journal.broken, "a broken journal takes a record in")
            self._told.append(entry)
            self._happened["records appended"] += 1

    def _commit(self) -> None:
        was_broken = bool(self._journal.broken)
        try:
            durable = self._journal.commit()
        except StorageError:
            _require(bool(self._journal.broken), "a commit failed and may be tried again")
            self._happened["commits refused"] += 1
            return
        _require(not was_broken, "a broken journal acknowledges a commit")
        _require(durable == len(self._told) - 1, "a commit leaves records out")
        self._happened["records acknowledged"] += durable + 1 - self._promised
        self._promised = durable + 1

    def _kill(self) -> None:
        self._happened["kills"] += 1
        self._disk.kill()
        self._journal = self._open()

    def _crash(self) -> None:
        self._happened["losses of power"] += 1
        self._disk.crash()
        self._journal = self._open()

    def _close(self) -> None:
        try:
            self._journal.close()
        except StorageError:
            self._disk.kill()
        self._journal = self._open()

    def _open(self) -> Journal:
        before = sum(path.stat().st_size for path in self._folder.glob("*.segment"))
        try:
            journal = opened(self._folder, segment_bytes=self._segment_bytes, disk=self._disk)
        except StorageError as error:
            _require(isinstance(error.__cause__, OSError), f"a crash alone keeps it from being opened: {error}")
            self._disk.kill()
            with self._disk.well():
                return self._open()
        found = [record for _, record in journal.read()]
        _require(found == self._told[: len(found)], "a record is another one than was appended")
        _require(
            len(found) >= self._promised,
            f"{self._promised} records had been acknowledged, and {len(found)} are there",
        )
        after = sum(path.stat().st_size for path in self._folder.glob("*.segment"))
        _require(journal.cut == before - after, f"{before - after} bytes were cut, and {journal.cut} told")
        self._happened["openings"] += 1
        self._happened["torn tails cut"] += journal.cut > 0
        self._told, self._promised = found, journal.durable + 1
        return journal


def _require(kept: bool, sentence: str) -> None:
    if not kept:
        raise AssertionError(f"{sentence}.")
