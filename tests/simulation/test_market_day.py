"""A market day of faults from one seed: nothing acknowledged is lost or done twice, and every bit is a replay's."""

import os
import shutil

import numpy as np
import pytest
from market_day import SYMBOLS, Day, Killed, releases

from candlewick.evaluate.backtest import backtest
from candlewick.release import journal, registry
from candlewick.release.bundle import open_bundle
from candlewick.release.journal import Journal
from candlewick.release.records import Anchored, Late, Revised, Taken
from candlewick.runtime.choose import open_session
from candlewick.runtime.engine import Engine
from candlewick.serve.live import history, snapshot, station, warming
from candlewick.serve.live import side as live
from candlewick.serve.live.replaying import retell

FIRST = int(os.environ.get("CANDLEWICK_FIRST_DAY", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("CANDLEWICK_DAYS", "1")))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases")
    return folder, releases(folder)


@pytest.fixture
def day_of(made, tmp_path, monkeypatch):
    """A day in a copy of the folder, in which bars come while a release is warmed, and failpoints are the day's."""
    folder, ids = made
    monkeypatch.setattr(station, "SNAPSHOT_BARS", 60)
    monkeypatch.setitem(Journal.__init__.__kwdefaults__, "segment_bytes", 100_000)

    def begun(seed, name="day", **options):
        shutil.copytree(folder, tmp_path / name)
        day = Day(tmp_path / name, ids, seed, **options)
        for module in (journal, registry, live, station, warming):
            monkeypatch.setattr(module, "reached", day.reached)
        monkeypatch.setattr(warming, "Child", day.child)
        return day

    return begun


def told(folder):
    found = history.open_journal(folder, writes=False)
    return list(found.read()), {r.number: r.names for _, r in found.read() if type(r).__name__ == "Columns"}


def each_bar_once(day, records, names):
    assert {seq: day_record(r, names) for seq, r in records if isinstance(r, Taken | Revised | Late)} == day.log
    for bars in day.panel.bars:
        own = [r for _, r in records if isinstance(r, Taken) and r.symbol == bars.symbol]
        assert (np.diff([r.t for r in own]) > 0).all(), "in order, and none twice"
        late = {r.t for _, r in records if isinstance(r, Late) and r.symbol == bars.symbol}
        came = {int(t) for t in bars.t if (bars.symbol, int(t)) not in day.dropped}
        assert {r.t for r in own} | late == came, "all that was sent until it was acknowledged"
        assert not {r.t for r in own} & late


def day_record(record, names):
    kind = {Taken: "accepted", Revised: "revision", Late: "late"}[type(record)]
    return kind, record.symbol, record.t, dict(zip(names[record.columns], record.values, strict=True))


def paper_is_the_backtest(day, records, names):
    card = open_bundle(day.folder / "releases" / day.ids[0]).card
    for symbol in SYMBOLS:
        own = [r for _, r in records if isinstance(r, Taken) and r.symbol == symbol]
        value = np.array([np.nan if r.told.value is None else r.told.value for r in own])
        wanted = card.policy_spec.targets(value, bars_per_year=card.bars_per_year)
        rows = [dict(zip(names[r.columns], r.values, strict=True)) for r in own]
        opens, closes = (np.array([row[name] for row in rows]) for name in ("open", "close"))
        account = backtest(np.array([r.t for r in own]), wanted, opens, closes, costs=card.costs, fill=card.fill)
        assert [r.told.equity for r in own] == account.equity.tolist()
        assert len(account.trades) > 0


def forecasts_are_a_replay(day, records, names):
    """Each from its recorded anchor, by a fresh engine over the bars as they were known there."""
    judged = 0
    for place, (_, anchor) in enumerate(records):
        if not isinstance(anchor, Anchored):
            continue
        own = [(seq, r) for seq, r in records if getattr(r, "symbol", "") == anchor.symbol]
        known = {r.t: r for seq, r in own if seq <= anchor.known and isinstance(r, Taken | Late | Revised)}
        before = [known[t] for t in sorted(known)][-anchor.before :] if anchor.before else []
        bundle = open_bundle(day.folder / "releases" / anchor.release)
        engine = Engine(bundle.exported, [anchor.symbol], open_session(bundle.exported, anchor.setting))

        def step(record, engine=engine, bundle=bundle):
            values = dict(zip(names[record.columns], record.values, strict=True))
            (forecast,) = engine.step(record.t, np.array([values[name] for name in bundle.exported.columns]))
            return () if forecast.status == "abstain" else tuple(engine.raw[0].tolist())

        for record in before:
            step(record)
        assert not before or before[0].t == anchor.first
        for seq, record in own:
            if isinstance(record, Anchored) and seq > records[place][0] and record.release == anchor.release:
                break
            if isinstance(record, Taken) and seq > anchor.known:
                raw = step(record)
                if seq > records[place][0] and record.told.release == anchor.release:
                    assert raw == record.told.raw, f"record {seq}"
                    judged += bool(raw)
    return judged


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_of_faults_leaves_what_a_day_without_them_leaves(day_of, seed):
    day = day_of(seed)
    day.run()
    records, names = told(day.folder)
    print(f"seed {seed}: {len(records):,} records; {dict(day.happened)} {day.disk.failed}")
    each_bar_once(day, records, names)
    paper_is_the_backtest(day, records, names)
    judged = forecasts_are_a_replay(day, records, names)
    assert judged == sum(bool(r.told.raw) for _, r in records if isinstance(r, Taken)) > 2_000
    found = retell(day.folder)
    assert (found.differing, found.skipped, found.forecasts) == ([], {}, judged)
    for what in (
        "duplicate", "revision", "late", "refused", "gaps", "kills", "losses of power", "swaps", "snapshots",
        "jumps of the clock", "ends that the disk forced", "forecasts degraded", "forecasts stale",
    ):  # fmt: skip
        assert day.happened[what] > 0 or seed, f"the test is about {what}"


def test_a_champion_that_served_once_is_the_champion_after_the_power_went(day_of):
    """Who moved the pointer was killed before he knew of the disk; the next process must not take it on trust."""
    for seed in range(6):
        day = day_of(seed, str(seed), minutes=5, calm=True)
        moving = registry.Registry(day.folder, disk=day.disk)
        day.armed = {"journal.sync": 1}
        with pytest.raises(Killed):
            moving.move("champion", day.ids[2])
        day.disk.kill()
        day.may_serve = [(day.ids[2], 2)]
        day.start()
        day.disk.crash()
        day.start()


def test_everything_follows_from_the_seed(day_of):
    days = []
    for name in ("one", "two"):  # each begun when the one before has ended: failpoints are of the newest
        days.append(day_of(5, name, minutes=400))
        days[-1].run()
    assert days[0].happened["swaps"] > 0
    assert days[0].happened == days[1].happened
    (one, _), (two, _) = (told(day.folder) for day in days)
    assert [pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]] == []


def not_synced(day, monkeypatch):
    monkeypatch.setattr(day.disk, "sync", lambda handle: None)


def states_forgotten(day, monkeypatch):
    monkeypatch.setattr(snapshot, "under", lambda arrays, prefix: None)


def twice(day, monkeypatch):
    """A bar that comes again makes a record again."""
    once = live.Live._again

    def again(self, bar, followed, now):
        answer = once(self, bar, followed, now)
        if answer.outcome == "duplicate":
            self.record(Late(bar.symbol, bar.t, followed.columns, tuple(bar.values.values()), now, bar.source))
        return answer

    monkeypatch.setattr(live.Live, "_again", again)


@pytest.mark.parametrize(
    ("fault", "words"),
    [(not_synced, "are missing|is damaged|is lost"), (states_forgotten, "differs"), (twice, "more items")],
)
def test_the_day_notices_a_mechanism_that_is_left_out(day_of, monkeypatch, fault, words):
    day = day_of(2, minutes=300)
    fault(day, monkeypatch)

    def lived():
        day.run()
        records, names = told(day.folder)
        each_bar_once(day, records, names)
        forecasts_are_a_replay(day, records, names)

    with pytest.raises(AssertionError, match=words):
        lived()
