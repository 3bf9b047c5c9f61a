"""Journals that somebody has changed: each is refused, or what it tells is what was written.

A wrong record, a record that is not found or any other error raises AssertionError with a sentence; everything follows
from the seed. A journal whose end was taken away between two commits cannot know it, and so counts as an outcome of its
own: what is left is right, and a live folder's newest snapshot knows what is missing.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from candlewick.core.errors import StorageError
from candlewick.core.random import stream
from candlewick.release.frames import SIZE, head_at
from candlewick.release.journal import Journal
from candlewick.testing.faulty_disk import FaultyDisk
from candlewick.testing.journal_trials import SYMBOLS, Entry, opened

Random = np.random.Generator
SEGMENT_BYTES = 1_500


def journal_made(folder: Path, seed: int) -> list[Entry]:
    """A journal of a few segments, closed in order; gives its records."""
    random, written = stream(seed, "journal to be changed"), []
    same = bool(random.random() < 0.5)  # records of one size: what is exchanged fits in its new place
    journal = opened(folder, segment_bytes=SEGMENT_BYTES)
    while journal.segments < 5:
        for _ in range(4 if same else int(random.integers(1, 8))):
            text = "x" * (20 if same else int(random.integers(120)))
            written.append(Entry(str(random.choice(SYMBOLS)), int(random.integers(500, 1_000)), text))
            journal.append(written[-1])
        journal.commit()
    for _ in range(int(random.integers(0, 4))):
        written.append(Entry("A", 1, "newest"))
        journal.append(written[-1])
        journal.commit()
    journal.close()
    return written


def change(folder: Path, other: Path, random: Random) -> str:
    """One random change of a journal's files; `other` is another journal. Gives what it was."""
    return CHANGES[int(random.integers(len(CHANGES)))](folder, other, random)


def outcome(folder: Path, written: list[Entry]) -> str:
    """What becomes of a changed journal when it is opened, read, searched, verified and written to.

    Raises:
        AssertionError: it tells what was not written.
    """
    disk = FaultyDisk(0)  # it waits for no medium, and knows what is open
    try:
        journal = opened(folder, segment_bytes=SEGMENT_BYTES, disk=disk)
    except StorageError:
        disk.kill()
        return "refused at once"
    try:
        return _used(folder, journal, written)
    except StorageError:
        return "refused when used"
    finally:
        disk.kill()


def trial(folder: Path, seed: int, *, most_changes: int = 3) -> tuple[str, str]:
    """What was done to a journal, and what became of it.

    Raises:
        AssertionError: see `outcome`; also where anything else than a refusal ended it.
    """
    random = stream(seed, "journal changes")
    whole, other, place = folder / f"whole-{seed % 50}", folder / f"other-{seed % 50}", folder / "changed"
    if not whole.exists():
        journal_made(whole, seed % 50)
        journal_made(other, seed % 50 + 1_000)
    written = [record for _, record in opened(whole, segment_bytes=SEGMENT_BYTES, writes=False).read()]
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(whole, place)
    done = "; ".join(change(place, other, random) for _ in range(int(random.integers(1, most_changes + 1))))
    try:
        return done, outcome(place, written)
    except Exception as error:
        raise AssertionError(f"seed {seed}: {done}: {type(error).__name__}: {error}") from error


def _used(folder: Path, journal: Journal, written: list[Entry]) -> str:
    found = [record for _, record in journal.read()]
    _require(found == written[: len(found)], "a record is another one than was written")
    for symbol in SYMBOLS:
        own = [seq for seq, record in enumerate(found) if record.symbol == symbol]
        _require(journal.newest(symbol, (1,), 5) == own[-5:], "the newest records are others")
        for seq in own[:: max(len(own) // 4, 1)]:
            same = [k for k in own if found[k].t == found[seq].t]
            _require(journal.find(symbol, found[seq].t, (1,)) == same, "a record that is there is not found")
    _require(journal.verify() == len(found), "verifying counts otherwise than reading")
    cut = journal.cut
    journal.append(Entry("A", 2, "after"))
    journal.commit()
    again = [record for _, record in opened(folder, segment_bytes=SEGMENT_BYTES, writes=False).read()]
    _require(again == [*found, Entry("A", 2, "after")], "what was written after the change is not there")
    if len(found) == len(written):
        return "whole"
    return "cut and told" if cut else "ends earlier, between two commits"


def _require(kept: bool, sentence: str) -> None:
    if not kept:
        raise AssertionError(f"{sentence}.")


def _files(folder: Path, suffix: str = "*") -> list[Path]:
    return sorted(folder.glob(f"*.{suffix}")) or sorted(folder.iterdir())


def _one(folder: Path, random: Random, suffix: str = "*") -> Path:
    own = _files(folder, suffix)
    return own[int(random.integers(len(own)))]


def _frames(data: bytes) -> list[tuple[int, int]]:
    found, offset = [], 0
    while (frame := head_at(data, offset)) is not None:
        found.append((offset, offset + frame.size))
        offset += frame.size
    return found or [(0, len(data))]


def _flip(folder: Path, other: Path, random: Random) -> str:
    path = _one(folder, random)
    data = bytearray(path.read_bytes() or b"\0")
    for _ in range(int(random.integers(1, 4))):
        data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
    path.write_bytes(data)
    return f"bits of {path.name}"


def _cut(folder: Path, other: Path, random: Random) -> str:
    path = _one(folder, random)
    data = path.read_bytes()
    ends = [end for _, end in _frames(data)] if path.suffix == ".segment" and random.random() < 0.3 else [len(data)]
    end = int(random.choice(ends)) if len(ends) > 1 else int(random.integers(len(data) + 1))
    path.write_bytes(data[:end])
    return f"{path.name} cut to {end}"


def _remove(folder: Path, other: Path, random: Random) -> str:
    path = _one(folder, random)
    path.unlink()
    (folder / "left.txt").touch()
    return f"{path.name} removed"


def _swap(folder: Path, other: Path, random: Random) -> str:
    suffix = ("segment", "places")[int(random.integers(2))]
    one, two = _one(folder, random, suffix), _one(folder, random, suffix)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    return f"{one.name} and {two.name} exchanged"


def _swap_both(folder: Path, other: Path, random: Random) -> str:
    one, two = _one(folder, random, "segment"), _one(folder, random, "segment")
    for suffix in (".segment", ".places"):
        a, b = one.with_suffix(suffix), two.with_suffix(suffix)
        if a.exists() and b.exists():
            first, second = a.read_bytes(), b.read_bytes()
            a.write_bytes(second)
            b.write_bytes(first)
    return f"{one.stem} and {two.stem} exchanged with their places"


def _repeat(folder: Path, other: Path, random: Random) -> str:
    path = _one(folder, random, "segment")
    data = path.read_bytes()
    frames = _frames(data)
    begin, end = frames[int(random.integers(len(frames)))]
    at = frames[int(random.integers(len(frames)))][int(random.integers(2))]
    path.write_bytes(data[:at] + data[begin:end] + data[at:])
    return f"a frame of {path.name} twice"


def _leave_out(folder: Path, other: Path, random: Random) -> str:
    path = _one(folder, random, "segment")
    data = path.read_bytes()
    frames = _frames(data)
    begin, end = frames[int(random.integers(len(frames)))]
    path.write_bytes(data[:begin] + data[end:])
    return f"a frame of {path.name} left out"


def _reorder(folder: Path, other: Path, random: Random) -> str:
    path = _one(folder, random, "segment")
    data = path.read_bytes()
    frames = _frames(data)
    order = random.permutation(len(frames))
    path.write_bytes(b"".join(data[slice(*frames[k])] for k in order) + data[frames[-1][1] :])
    return f"frames of {path.name} in another order"


def _graft(folder: Path, other: Path, random: Random) -> str:
    path, source = _one(folder, random, "segment"), _one(other, random, "segment").read_bytes()
    data = path.read_bytes()
    begin, end = _frames(source)[int(random.integers(len(_frames(source))))]
    frames = _frames(data)
    place = frames[int(random.integers(len(frames)))]
    path.write_bytes(data[: place[0]] + source[begin:end] + data[place[int(random.integers(2))] :])
    return f"a frame of another journal in {path.name}"


def _stand_in(folder: Path, other: Path, random: Random) -> str:
    path = _one(other, random)
    shutil.copy(path, folder / path.name)
    return f"{path.name} of another journal"


def _zero(folder: Path, other: Path, random: Random) -> str:
    path = _one(folder, random)
    data = bytearray(path.read_bytes())
    begin = int(random.integers(len(data) + 1)) // 512 * 512
    data[begin : begin + 512] = bytes(len(data[begin : begin + 512]))
    path.write_bytes(data)
    return f"a sector of {path.name} zeroed"


def _lengthen(folder: Path, other: Path, random: Random) -> str:
    path, count = _one(folder, random), int(random.integers(1, 3 * SIZE))
    with open(path, "ab") as file:
        file.write(random.bytes(count) if random.random() < 0.5 else bytes(count))
    return f"{path.name} lengthened by {count}"


def _rename(folder: Path, other: Path, random: Random) -> str:
    path = _one(folder, random)
    name = f"{int(random.integers(400)):016d}{path.suffix}"
    path.rename(folder / name)
    return f"{path.name} renamed {name}"


def _empty(folder: Path, other: Path, random: Random) -> str:
    name = f"{int(random.integers(400)):016d}.segment"
    (folder / name).write_bytes(b"")
    return f"{name} emptied or added"


CHANGES: tuple[Callable[[Path, Path, Random], str], ...] = (
    _flip, _flip, _flip, _cut, _cut, _remove, _swap, _swap_both, _repeat, _leave_out, _reorder, _graft, _stand_in,
    _zero, _lengthen, _rename, _empty,
)  # fmt: skip
"""Kinds of change; those that happen to disks stand there more than once."""
