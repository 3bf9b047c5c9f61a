"""What a journal promises: what was committed is there, what was not is cut, what was changed is refused."""

import os
import signal
import subprocess
import sys
import threading

import msgspec
import pytest

from candlewick.core.disk import Disk
from candlewick.core.errors import StorageError
from candlewick.release.frames import SIZE
from candlewick.release.journal import Journal


class Note(msgspec.Struct, frozen=True, array_like=True, tag="note"):
    symbol: str
    t: int
    text: str = ""


class Other(msgspec.Struct, frozen=True, array_like=True, tag="other"):
    number: int


def key(record):
    return (1, record.symbol, record.t) if isinstance(record, Note) else (0, "", 0)


def opened(folder, **options):
    return Journal(folder, Note | Other, key=key, **{"segment_bytes": 700, **options})


def filled(folder, count=100, *, each=7, **options):
    journal = opened(folder, **options)
    for k in range(count):
        journal.append(Note("AB"[k % 2], k, f"note {k}"))
        if k % each == each - 1:
            journal.commit()
    journal.close()
    return [Note("AB"[k % 2], k, f"note {k}") for k in range(count)]


def records(folder, **options):
    return [record for _, record in opened(folder, **options).read()]


def newest_segment(folder):
    return sorted(folder.glob("*.segment"))[-1]


def test_what_was_committed_is_there_after_reopening(tmp_path):
    expected = filled(tmp_path)
    assert len(list(tmp_path.glob("*.segment"))) > 2, "the test is about several segments"
    assert records(tmp_path) == expected


def test_what_was_not_committed_can_be_read_and_is_gone_after_a_crash(tmp_path):
    journal = opened(tmp_path)
    journal.append(Note("A", 1))
    journal.commit()
    journal.append(Note("A", 2))
    assert journal.get(1) == Note("A", 2)
    assert (journal.seq, journal.durable) == (1, 0)
    assert records(tmp_path, writes=False) == [Note("A", 1)]


def test_records_are_found_by_instrument_and_close(tmp_path):
    filled(tmp_path)
    journal = opened(tmp_path)
    late = journal.append(Note("A", 10, "again"))
    assert journal.find("A", 10, (1,)) == [10, late]
    assert journal.find("B", 10, (1,)) == []
    assert journal.find("A", 10, (2,)) == []
    assert [journal.get(seq).t for seq in journal.newest("B", (1,), 3)] == [95, 97, 99]
    assert [journal.get(seq).t for seq in journal.newest("B", (1,), 2, t=50)] == [47, 49]
    assert [journal.get(seq).t for seq in journal.newest("B", (1,), 2, until=30)] == [27, 29]
    assert journal.newest("C", (1,), 3) == []


def test_places_that_are_lost_or_damaged_are_made_again(tmp_path):
    expected = filled(tmp_path)
    places = sorted(tmp_path.glob("*.places"))
    places[0].unlink()
    places[1].write_bytes(places[1].read_bytes()[:-1])
    data = bytearray(places[2].read_bytes())
    data[-1] ^= 1  # the head is whole: seen when they are looked into
    places[2].write_bytes(data)
    journal = opened(tmp_path)
    assert [record for _, record in journal.read()] == expected
    assert journal.verify() == len(expected)


@pytest.mark.parametrize("lost", [1, 10, SIZE, SIZE + 20])
def test_an_unfinished_write_is_cut_and_told(tmp_path, lost):
    expected = filled(tmp_path, 98)
    path = newest_segment(tmp_path)
    os.truncate(path, path.stat().st_size - lost)
    journal = opened(tmp_path)
    assert journal.cut > 0
    left = [record for _, record in journal.read()]
    assert left == expected[: len(left)]
    assert len(left) in {84, 91}, "whole commits are lost, and no more than the write that was torn"
    journal.append(Note("A", 1000))
    journal.close()
    assert records(tmp_path) == [*left, Note("A", 1000)]


def test_a_reader_cuts_nothing(tmp_path):
    filled(tmp_path, 98)
    path = newest_segment(tmp_path)
    os.truncate(path, path.stat().st_size - 3)
    before = path.read_bytes()
    assert len(records(tmp_path, writes=False)) == 91
    assert path.read_bytes() == before


def test_a_reader_takes_in_what_was_written_since(tmp_path):
    journal = opened(tmp_path)
    reader = opened(tmp_path, writes=False)
    assert reader.refresh() == -1
    for k in range(60):  # over several segments
        journal.append(Note("AB"[k % 2], k, f"note {k}"))
        if k % 3 == 2:
            journal.commit()
            assert reader.refresh() == k
            assert reader.get(k) == journal.get(k)
    assert [record for _, record in reader.read()] == [record for _, record in journal.read()]
    assert reader.find("A", 58, (1,)) == [58]
    assert reader.newest("B", (1,), 2) == [57, 59]


def test_a_reader_waits_for_the_end_of_what_is_being_written(tmp_path):
    filled(tmp_path, 7)
    reader = opened(tmp_path, writes=False)
    journal = opened(tmp_path)
    journal.append(Note("A", 7))
    journal.commit()
    path = newest_segment(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    assert reader.refresh() == 6
    path.write_bytes(whole)
    assert reader.refresh() == 7
    assert reader.get(7) == Note("A", 7)


def test_damage_that_is_not_at_the_end_is_refused_and_nothing_is_cut(tmp_path):
    filled(tmp_path)
    for path in sorted(tmp_path.glob("*.segment")):
        whole = path.read_bytes()
        for place in (4, 8, 20, 40, SIZE - 1, SIZE + 3):  # length, seq, previous, digest, checksum, payload
            data = bytearray(whole)
            data[place] ^= 1
            path.write_bytes(data)
            (tmp_path / f"{path.stem}.places").unlink(missing_ok=True)
            with pytest.raises(StorageError, match="hole"):
                opened(tmp_path)
            assert path.read_bytes() == data
        path.write_bytes(whole)


def test_a_segment_that_is_missing_or_stands_in_for_another_is_refused(tmp_path):
    filled(tmp_path)
    first, second, *_ = sorted(tmp_path.glob("*.segment"))
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(StorageError, match="hole"):
        opened(tmp_path)
    second.write_bytes(first.read_bytes())
    second.with_suffix(".places").unlink()
    with pytest.raises(StorageError, match="hole"):
        opened(tmp_path)
    second.write_bytes(kept)
    assert len(records(tmp_path)) == 100


def test_frames_of_another_journal_do_not_fit(tmp_path):
    filled(tmp_path / "one", 7)
    filled(tmp_path / "two", 14, each=7)
    mine, theirs = newest_segment(tmp_path / "one"), newest_segment(tmp_path / "two")
    journal = opened(tmp_path / "other")
    journal.append(Note("A", 5))
    for k in range(6):
        journal.append(Note("A", k))
    journal.close()
    foreign = newest_segment(tmp_path / "other").read_bytes()
    second = theirs.read_bytes()[mine.stat().st_size :]
    newest_segment(tmp_path / "other").write_bytes(foreign + second)
    with pytest.raises(StorageError, match="does not follow"):
        opened(tmp_path / "other")


class NoSync(Disk):
    def sync(self, handle):
        raise OSError(5, "Input/output error")


class Full(Disk):
    def write(self, handle, data):
        super().write(handle, data[: len(data) // 2])
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("disk", "why"), [(NoSync(), "Input/output"), (Full(), "No space")])
def test_after_a_failed_write_nothing_is_taken_in_any_more(tmp_path, disk, why):
    journal = opened(tmp_path, disk=disk)
    journal.append(Note("A", 1))
    with pytest.raises(StorageError, match=why):
        journal.commit()
    assert journal.durable == -1
    for write in (lambda: journal.append(Note("A", 2)), journal.commit):
        with pytest.raises(StorageError, match=why):
            write()
    journal.close()
    assert len(records(tmp_path)) <= 1


def test_a_commit_waits_for_the_disk(tmp_path):
    synced = []

    class Told(Disk):
        def sync(self, handle):
            synced.append(journal.durable)
            super().sync(handle)

    journal = opened(tmp_path, disk=Told())
    journal.append(Note("A", 1))
    assert synced == []
    assert journal.commit() == 0
    assert synced == [-1], "durable only after the disk has answered"


def test_one_thread_may_commit_while_another_appends_and_reads(tmp_path):
    journal, ends = opened(tmp_path, segment_bytes=4_000), threading.Event()

    def commit():
        while not ends.is_set():
            journal.commit()

    thread = threading.Thread(target=commit)
    thread.start()
    for k in range(5_000):
        while journal.durable < k - 500:  # also where the disk is slow, one commit is not all
            ends.wait(0.001)
        assert journal.append(Note("AB"[k % 2], k)) == k
        assert journal.get(k // 2).t == k // 2
        if k % 50 == 0:
            assert journal.find("AB"[k % 2], k, (1,)) == [k]
    ends.set()
    thread.join()
    journal.close()
    assert [record.t for record in records(tmp_path)] == list(range(5_000))
    assert opened(tmp_path).segments > 3


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from test_journal import opened, Note
journal = opened(__import__("pathlib").Path({folder!r}))
for k in range(1000):
    journal.append(Note("A", k, "x" * 200))
    print(journal.commit(), flush=True)
"""


@pytest.mark.parametrize(
    "failpoint",
    ["journal.write:5", "journal.sync:5", "journal.synced:5", "journal.rotate:2", "journal.rotated:2"],
)
def test_killed_at_any_point_it_holds_what_was_acknowledged(tmp_path, failpoint):
    code = KILLED.format(tests=os.path.dirname(__file__), folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "CANDLEWICK_FAILPOINT": failpoint}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    acknowledged = len(done.stdout.split())
    left = records(tmp_path)
    assert acknowledged <= len(left) <= acknowledged + 1
    assert [record.t for record in left] == list(range(len(left)))


def test_a_record_of_unreasonable_size_is_refused(tmp_path):
    with pytest.raises(StorageError, match="bytes at most"):
        opened(tmp_path).append(Note("A", 1, "x" * 9_000_000))


def test_a_large_commit_is_written_in_pieces(tmp_path):
    journal = opened(tmp_path, segment_bytes=2**25)
    for k in range(40):
        journal.append(Note("A", k, "x" * 100_000))
    assert journal.commit() == 39
    assert [record.t for record in records(tmp_path)] == list(range(40))
