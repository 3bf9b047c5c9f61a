"""Promotion and rollback while bars go on: nothing is lost, nothing is mixed, and the bits are those of a replay."""

import asyncio
import shutil

import pytest
from live_folders import HOUR, Hand, live_folder, messages

from candlewick.core.errors import CandlewickError, ConfigError, StorageError
from candlewick.release.gate import GateError
from candlewick.release.records import Anchored, Serving, Taken
from candlewick.release.registry import Registry
from candlewick.serve.live import warming
from candlewick.serve.live.replaying import retell
from candlewick.serve.live.station import Station


class Feed:
    """Bars offered one after the other by the loop, as long as something is under way."""

    def __init__(self, station, clock, bars):
        self.station, self.clock, self.bars, self.answers = station, clock, bars, []

    def post(self, count):
        for bar in self.bars[len(self.answers) : len(self.answers) + count]:
            self.clock.now = max(self.clock.now, bar.t + HOUR // 100)
            self.answers.append(self.station.live.offer(bar))
        self.station.live.journal.commit()

    async def until(self, task):
        while not task.done():
            if len(self.answers) < len(self.bars) - 200:
                self.post(1)
                await asyncio.sleep(0.03)
            self.station.settle(200_000)
            await asyncio.sleep(0.01)
        return await task


def opened(folder):
    clock = Hand(0)
    return Station.open(folder, clock=clock, wishes=("fp32", "1")), clock


@pytest.fixture(params=["linear"])
def served(request, tmp_path):
    ids, panel = live_folder(tmp_path, request.param, count=3, symbols=("A", "B"))
    station, clock = opened(tmp_path)
    yield station, Feed(station, clock, messages(panel)), ids
    station.close()


both_kinds = pytest.mark.parametrize("served", ["linear", "lstm"], indirect=True)


def changing(feed, change):
    async def carry_out():
        task = asyncio.ensure_future(change)
        return await feed.until(task)

    return asyncio.run(carry_out())


@both_kinds
def test_promoted_and_rolled_back_under_bars_no_answer_is_lost_or_mixed(served, tmp_path):
    station, feed, ids = served
    feed.post(200)
    told = changing(feed, station.promote(ids[1], reason="newer"))
    assert (told["generation"], told["release"]) == (2, ids[1])
    during = len(feed.answers)
    assert during > 200, "bars were answered while the release was loaded"
    feed.post(100)
    back = changing(feed, station.rollback(reason="worse"))
    assert (back["generation"], back["release"]) == (3, ids[0])
    assert back["seconds"] < 1
    feed.post(100)
    station.live.journal.commit()
    makers = [(answer.release, answer.generation) for answer in feed.answers]
    assert [maker for k, maker in enumerate(makers) if k == 0 or maker != makers[k - 1]] == [
        (ids[0], 1), (ids[1], 2), (ids[0], 3)
    ]  # fmt: skip
    assert all(answer.outcome == "accepted" for answer in feed.answers)
    assert all(answer.status != "abstain" for answer in feed.answers[200:]), "each one was warm when it began to serve"
    found = retell(tmp_path)
    assert (found.differing, found.skipped) == ([], {})
    assert found.forecasts > 300
    serving = [(r.release, r.why) for _, r in station.live.journal.read() if isinstance(r, Serving)]
    assert serving == [(ids[0], "start"), (ids[1], "promote"), (ids[0], "rollback")]


def test_the_anchor_of_a_promoted_release_is_recorded_with_its_bars(served):
    station, feed, ids = served
    feed.post(200)
    changing(feed, station.promote(ids[1]))
    live = station.live
    own = [r for _, r in live.journal.read() if isinstance(r, Anchored) and r.release == ids[1]]
    assert {record.symbol for record in own} == {"A", "B"}
    for record in own:
        taken = [r.t for k, r in live.journal.read() if isinstance(r, Taken) and r.symbol == record.symbol
                 and k <= record.known]  # fmt: skip
        assert record.before == live.champion.anchor
        assert record.first == taken[-record.before]


def test_a_third_promotion_and_two_rollbacks_lead_back_along_the_promoted(served):
    station, feed, ids = served
    feed.post(150)
    for release in ids[1:]:
        changing(feed, station.promote(release))
    assert station.live.standby.id == ids[1]
    for release in (ids[1], ids[0]):
        changing(feed, station.rollback())
        feed.post(10)
        assert station.live.champion.id == release
    with pytest.raises(ConfigError, match="no release before it"):
        changing(feed, station.rollback())


@both_kinds
def test_after_a_start_champion_and_standby_are_in_memory_and_warm(served, tmp_path):
    station, feed, ids = served
    feed.post(200)
    changing(feed, station.promote(ids[1]))
    feed.post(20)
    shutil.copytree(tmp_path, tmp_path / "copy")  # as it would be after a crash
    again, clock = opened(tmp_path / "copy")
    clock.now = feed.clock.now
    assert (again.live.champion.id, again.live.standby.id) == (ids[1], ids[0])
    other = Feed(again, clock, feed.bars)
    other.answers = list(feed.answers)
    feed.post(50)
    other.post(50)
    values = [answer.value for answer in feed.answers[-50:]]
    assert [answer.value for answer in other.answers[-50:]] == values
    back = changing(other, again.rollback())
    assert back["seconds"] < 1
    other.post(50)
    assert retell(tmp_path / "copy").differing == []


def test_a_release_promoted_while_no_server_ran_serves_warm_after_the_start(served, tmp_path):
    station, feed, ids = served
    feed.post(200)
    station.close()
    Registry(tmp_path).move("champion", ids[1])
    again, clock = opened(tmp_path)
    other = Feed(again, clock, feed.bars)
    other.answers = list(feed.answers)
    clock.now = feed.clock.now
    other.post(20)
    assert {(answer.release, answer.generation) for answer in other.answers[200:]} == {(ids[1], 2)}
    assert all(answer.status == "ok" for answer in other.answers[200:])
    again.live.journal.commit()
    assert retell(tmp_path).differing == []


def test_the_gate_keeps_the_champion_and_says_why(tmp_path):
    (first,), panel = live_folder(tmp_path)
    failed = live_folder(tmp_path, count=1, promote=False, passed=False, seed_from=5)[0][0]
    station, clock = opened(tmp_path)
    feed = Feed(station, clock, messages(panel))
    feed.post(100)
    with pytest.raises(GateError, match="did not pass"):
        changing(feed, station.promote(failed))
    assert station.live.champion.id == first
    assert station.live.warming is None
    assert station.registry.aliases["champion"] == first
    assert station.registry.decisions[-1].allowed is False
    feed.post(10)
    assert feed.answers[-1].status == "ok"


def test_a_release_that_reads_other_columns_is_refused_or_warmed_from_what_is_there(tmp_path):
    _, panel = live_folder(tmp_path)
    other = live_folder(tmp_path, promote=False, features=[{"name": "rolling_zscore", "length": 5, "column": "volume"}])
    station, clock = opened(tmp_path)
    bars = messages(panel)
    lean = [without_volume(bar) for bar in bars]
    feed = Feed(station, clock, [*lean[:300], *bars[300:]])
    feed.post(60)
    with pytest.raises(GateError, match="volume"):
        changing(feed, station.promote(other[0][0]))
    feed.post(330 - len(feed.answers))
    told = changing(feed, station.promote(other[0][0]))
    assert told["generation"] == 2
    feed.post(20)
    assert feed.answers[-1].release == other[0][0]
    assert feed.answers[-1].status == "ok"


def without_volume(bar):
    import msgspec

    return msgspec.structs.replace(bar, values={k: v for k, v in bar.values.items() if k != "volume"})


def test_a_child_that_idle_time_is_too_little_for_is_given_a_share(served, monkeypatch):
    station, feed, ids = served
    feed.post(100)
    monkeypatch.setattr(warming, "IDLE_S", 0.05)
    assert changing(feed, station.promote(ids[1]))["release"] == ids[1]
    monkeypatch.setattr(warming, "TIMEOUT_S", 0.05)
    with pytest.raises(StorageError, match="not loaded and warmed within"):
        changing(feed, station.promote(ids[2]))
    assert station.live.champion.id == ids[1]
    assert station.live.warming is None


def test_a_child_that_too_many_bars_overtake_is_given_up(served, monkeypatch):
    station, feed, ids = served
    feed.post(100)
    monkeypatch.setattr(warming, "MOST_OWED", 10)
    with pytest.raises(StorageError, match="before 10 more bars had come"):
        changing(feed, station.promote(ids[1]))
    feed.post(10)
    assert feed.answers[-1].release == ids[0]


def settled(station, folder):
    """The snapshot that is due, written."""
    station.live.journal.commit()
    while station.settle(10**9):
        pass
    found = station.snapshot()
    found.write(folder)
    return found


@both_kinds
def test_snapshots_go_on_while_a_release_is_loaded(served, tmp_path, monkeypatch):
    """Else a server that is killed meanwhile would have all bars of that time to step again."""
    monkeypatch.setattr("candlewick.serve.live.station.SNAPSHOT_BARS", 20)
    station, feed, ids = served
    feed.post(150)
    changing(feed, station.promote(ids[1]))
    feed.post(30)
    assert list(settled(station, tmp_path).settings()) == [ids[1], ids[0]]
    station.live.warm(warming.Warming(tmp_path, ids[2], known=station.live.journal.durable, symbols=("A", "B")))
    feed.post(30)
    meanwhile = settled(station, tmp_path)
    assert list(meanwhile.settings()) == [ids[1]], "the standby waits, and is not what the snapshot would say it is"
    feed.post(5)
    station.live.journal.commit()
    shutil.copytree(tmp_path, tmp_path / "copy")  # as it would be after a crash
    again, clock = opened(tmp_path / "copy")
    clock.now = feed.clock.now
    other = Feed(again, clock, feed.bars)
    other.answers = list(feed.answers)
    station.live.warming = None
    feed.post(30)
    other.post(30)
    assert [answer.value for answer in other.answers[-30:]] == [answer.value for answer in feed.answers[-30:]]
    assert list(settled(station, tmp_path).settings()) == [ids[1], ids[0]]
    assert changing(other, again.rollback())["release"] == ids[0]
    assert retell(tmp_path / "copy").differing == []
    again.close()


def test_only_one_change_at_a_time(served):
    station, feed, ids = served
    feed.post(100)

    async def both():
        first = asyncio.ensure_future(station.promote(ids[1]))
        await asyncio.sleep(0)
        with pytest.raises(ConfigError, match="under way"):
            await station.promote(ids[2])
        return await feed.until(first)

    assert asyncio.run(both())["release"] == ids[1]


def test_a_damaged_release_is_refused_and_the_champion_goes_on(served, tmp_path):
    station, feed, ids = served
    feed.post(100)
    path = tmp_path / "releases" / ids[1] / "golden.safetensors"
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CandlewickError, match="sha256"):
        changing(feed, station.promote(ids[1]))
    feed.post(10)
    assert feed.answers[-1].release == ids[0]


@pytest.mark.parametrize(("reason", "much"), [("SNAPSHOT_BARS", 50), ("SNAPSHOT_STEPPED_NS", 200_000)])
def test_a_snapshot_is_taken_in_time_and_kept_to_two(served, tmp_path, monkeypatch, reason, much):
    """Before many bars, or a few that take long, would have to be stepped again."""
    monkeypatch.setattr(f"candlewick.serve.live.station.{reason}", much)
    station, feed, _ = served
    written = []
    for _ in range(30):
        feed.post(10)
        station.live.journal.commit()
        while station.settle(1):
            pass
        found = station.snapshot()
        if found is not None:
            found.write(tmp_path)
            written.append(found.position)
    assert len(written) >= 4
    names = sorted(int(path.stem) for path in (tmp_path / "snapshots").iterdir())
    assert names == written[-2:]


def test_a_start_leaves_a_snapshot_so_that_the_next_one_is_quick(served, tmp_path):
    station, feed, _ = served
    feed.post(30)
    station.live.journal.commit()
    station.live.journal.close()
    again = Station.open(tmp_path, clock=feed.clock)
    while again.settle(10**9):
        pass
    assert again.snapshot().position == again.live.journal.seq
    again.live.journal.close()


def test_the_watchdog_runs_the_real_predict_path(served):
    station, feed, _ = served
    feed.post(50)
    assert station.live.watchdog() == ""
    assert station.live.reasons() == ()
    weights = station.live.champion.probe._engine
    original = weights.step

    def wrong(t, row):
        return original(t, row * 1.001)

    weights.step = wrong
    assert "golden bar" in station.live.watchdog()
    assert "golden bar" in station.live.reasons()[0]
    weights.step = original
    station.live.watchdog()
    assert station.live.reasons() == ()


def test_a_journal_that_fails_ends_the_taking_of_bars(served):
    station, feed, _ = served
    feed.post(50)

    def full(*_):
        raise OSError(28, "No space left on device")

    station.live.journal._disk.write = full
    for _ in range(2):  # the bar that could not be written, and the next one
        with pytest.raises(StorageError, match="No space"):
            feed.post(1)
    assert "No space" in station.live.reasons()[0]
