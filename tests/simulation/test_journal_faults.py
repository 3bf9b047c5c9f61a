"""Journals on disks that fail and under hands that change them: what was acknowledged is there, or it is refused."""

from collections import Counter

import pytest

from candlewick.core.random import stream
from candlewick.release import frames, journal, places
from candlewick.testing.faulty_disk import FaultyDisk
from candlewick.testing.journal_mutations import CHANGES, journal_made, trial
from candlewick.testing.journal_trials import live_through

HISTORIES, MUTATIONS = 80, 300


def test_what_was_acknowledged_survives_kills_losses_of_power_and_disks_that_fail(tmp_path):
    happened = sum((live_through(tmp_path / str(seed), seed) for seed in range(HISTORIES)), Counter())
    for what in (
        "records acknowledged", "commits refused", "kills", "losses of power", "torn tails cut", "writes that failed",
        "syncs that failed",
    ):  # fmt: skip
        assert happened[what] > 20, f"{what}: the trials are about it"


class SaysItSynced(FaultyDisk):
    """A medium that acknowledges before it has anything."""

    def sync(self, handle):
        return


class WritesNothingAgain(FaultyDisk):
    """As if the newest frame were believed when a journal is opened, because it can be read."""

    def rewrite(self, path, offset, data):
        return


class NamesNothing(FaultyDisk):
    """As if nobody synced the folder after making a segment."""

    def sync_folder(self, folder):
        return


@pytest.mark.parametrize("disk", [SaysItSynced, WritesNothingAgain, NamesNothing])
def test_the_trials_notice_a_step_that_is_left_out(tmp_path, disk):
    def all_trials():
        for seed in range(200):
            live_through(tmp_path / str(seed), seed, disk=disk(seed, sync_fails=0.1))

    with pytest.raises(AssertionError, match=r"had been acknowledged|a crash alone"):
        all_trials()


def test_a_changed_journal_is_refused_or_tells_only_what_was_written(tmp_path):
    outcomes = Counter(trial(tmp_path, seed)[1] for seed in range(MUTATIONS))
    assert outcomes["refused at once"] > MUTATIONS / 10
    assert outcomes["refused when used"] > MUTATIONS / 10
    assert outcomes["whole"] > MUTATIONS / 20, "places that are lost are made again"


@pytest.mark.parametrize("kind", range(len(CHANGES)), ids=[change.__name__ for change in CHANGES])
def test_every_kind_of_change_changes_something(tmp_path, kind):
    journal_made(tmp_path / "one", 1)
    journal_made(tmp_path / "two", 2)
    before = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    for seed in range(20):
        CHANGES[kind](tmp_path / "one", tmp_path / "two", stream(seed, "kind"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()} != before


def some_mutations(folder):
    for seed in (*range(10, 25), *range(115, 125), *range(170, 180)):  # among them some that the checks are for
        trial(folder, seed)


@pytest.mark.parametrize("left_out", ["digests of frames", "digests in places"])
def test_the_mutations_notice_a_check_that_is_left_out(tmp_path, monkeypatch, left_out):
    if left_out == "digests of frames":
        monkeypatch.setattr(frames.Frame, "holds", lambda frame, payload: len(payload) == frame.length)
    else:
        monkeypatch.setattr(places, "digest_number", lambda digest: 0)
        monkeypatch.setattr(journal, "digest_number", lambda digest: 0)
    with pytest.raises(AssertionError, match="seed"):
        some_mutations(tmp_path)
