"""The disk that fails does so as a real one may, and no journal is kept shut by it."""

import pytest

from candlewick.core.errors import StorageError
from candlewick.release import frames, journal
from candlewick.release.journal import Journal
from candlewick.testing.faulty_disk import FaultyDisk
from candlewick.testing.journal_mutations import outcome
from candlewick.testing.journal_trials import Entry, live_through, opened


def test_power_takes_what_was_not_synced_and_nothing_else(tmp_path):
    left = set()
    for seed in range(40):
        disk, path = FaultyDisk(seed), tmp_path / f"{seed}"
        handle = disk.open(path)
        disk.sync_folder(tmp_path)
        disk.write(handle, b"a" * 1_000)
        disk.sync(handle)
        disk.write(handle, b"b" * 2_000)
        disk.crash()
        data = path.read_bytes()
        assert data[:1_000] == b"a" * 1_000
        assert set(data[1_000:]) <= set(b"b\0")
        left.add((len(data) == 1_000, data.count(b"b") == 2_000, b"\0b" in data))
    assert {(True, False, False), (False, True, False), (False, False, True)} <= left, "none, all, some out of order"


def test_a_file_whose_folder_was_not_synced_may_be_gone(tmp_path):
    there = []
    for seed in range(20):
        disk = FaultyDisk(seed)
        disk.sync(disk.open(tmp_path / f"{seed}"))
        disk.crash()
        there.append((tmp_path / f"{seed}").exists())
    assert set(there) == {True, False}


def test_a_failed_sync_is_not_made_good_by_the_next_one_but_by_writing_again(tmp_path):
    lost = {True: 0, False: 0}
    for seed in range(40):
        disk, path, again = FaultyDisk(seed, sync_fails=1.0), tmp_path / f"{seed}", seed % 2 == 0
        handle = disk.open(path)
        disk.write(handle, b"a" * 1_000)
        with pytest.raises(OSError, match="Input/output"):
            disk.sync(handle)
        with disk.well():
            disk.sync_folder(tmp_path)
            disk.sync(handle)
            if again:
                disk.rewrite(path, 0, b"a" * 1_000)
        assert path.read_bytes() == b"a" * 1_000, "it stays in view"
        disk.crash()
        lost[again] += path.read_bytes() != b"a" * 1_000
    assert lost[True] == 0
    assert lost[False] > 5


def test_a_full_disk_takes_a_part(tmp_path):
    disk = FaultyDisk(3, write_fails=1.0)
    handle = disk.open(tmp_path / "file")
    with pytest.raises(OSError, match="No space"):
        disk.write(handle, b"a" * 1_000)
    assert (tmp_path / "file").stat().st_size < 1_000
    disk.kill()


def test_everything_follows_from_the_seed(tmp_path):
    assert live_through(tmp_path / "one", 7) == live_through(tmp_path / "two", 7)


def test_rot_anywhere_in_the_only_segment_is_seen(tmp_path):
    written = [Entry("A", t, "text") for t in range(40)]
    made = opened(tmp_path, segment_bytes=10**6)
    for entry in written:
        made.append(entry)
        made.commit()
    made.close()
    (path,) = tmp_path.glob("*.segment")
    whole, disk = path.read_bytes(), FaultyDisk(1)
    for _ in range(100):
        disk.flip(path)
        assert outcome(tmp_path, written) in {"refused at once", "cut and told"}
        for other in tmp_path.iterdir():
            other.unlink()
        path.write_bytes(whole)


def histories(folder):
    for seed in range(60):
        live_through(folder / str(seed), seed)


def test_no_loss_of_power_keeps_a_journal_shut_whose_commit_had_several_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "_USUAL", 400)
    histories(tmp_path / "sound")

    def written(self, records):  # one sync for all: the second frame may be on the medium and the first not
        begin = self.durable + 1
        for part in frames.parted(records):
            payload = self._encode([journal.msgspec.Raw(encoded) for _, encoded in part])
            frame, data = journal.framed(begin, len(part), self._last, payload)
            self._disk.write(self._handle, data)
            self._places.put(frame.seq, frame.count, self._size, frame.digest)
            self._last, self._size, begin = frame.digest, self._size + frame.size, begin + len(part)
        self._disk.sync(self._handle)
        self.durable, self._flying = begin - 1, []

    monkeypatch.setattr(Journal, "_write", written)
    with pytest.raises((AssertionError, StorageError), match=r"keeps it from being opened|is damaged"):
        histories(tmp_path / "unsound")
