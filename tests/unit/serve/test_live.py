"""Bars in, answers out: what is taken, what is not, and that nothing of it is forgotten or done twice."""

from dataclasses import replace
from math import nan

import msgspec
import numpy as np
import pytest
from live_folders import HOUR, Hand, live_folder, messages, offered, opened

from candlewick.core.errors import ConfigError, StorageError
from candlewick.data.bars import Panel
from candlewick.evaluate.backtest import backtest
from candlewick.release.bundle import open_bundle
from candlewick.release.records import Gap, Late, Noticed, Revised, Taken
from candlewick.runtime.choose import candidates, open_session
from candlewick.runtime.replay import replay
from candlewick.serve.live import snapshot, views
from candlewick.serve.live.provenance import why
from candlewick.serve.live.recovery import recover
from candlewick.serve.live.replaying import retell


@pytest.fixture(params=["linear", "lstm"])
def served(request, tmp_path):
    _, panel = live_folder(tmp_path, request.param, symbols=("A", "B"))
    live, clock = opened(tmp_path)
    yield live, clock, messages(panel), panel
    live.journal.close()


@pytest.fixture
def plain(tmp_path):
    _, panel = live_folder(tmp_path)
    live, clock = opened(tmp_path)
    yield live, clock, messages(panel)
    live.journal.close()


def changed(bar, *, t=None, **values):
    return msgspec.structs.replace(bar, t=bar.t if t is None else t, values=bar.values | values)


def kinds(live):
    return [type(record) for _, record in live.journal.read()]


def test_live_forecasts_are_those_of_a_replay_bit_for_bit(served):
    live, clock, bars, panel = served
    answers = offered(live, clock, bars, commit=False)
    bundle, setting = live.champion.bundle, live.champion.setting
    for one in panel.bars:  # each alone, as live: libraries may give other last bits where several are multiplied
        expected = replay(bundle.exported, open_session(bundle.exported, setting), Panel((one,)))
        told = {a.t: a.value for a in answers if a.status == "ok" and a.symbol == one.symbol}
        assert told == dict(zip(expected.t.tolist(), expected.belief.value.tolist(), strict=True))
        assert len(told) > 300


def test_paper_equity_is_that_of_the_backtest_bit_for_bit(served):
    live, clock, bars, panel = served
    answers = offered(live, clock, bars, commit=False)
    card = live.champion.bundle.card
    for one in panel.bars:
        own = [answer for answer in answers if answer.symbol == one.symbol]
        value = np.array([nan if answer.value is None else answer.value for answer in own])
        target = card.policy_spec.targets(value, bars_per_year=card.bars_per_year)
        account = backtest(
            one.t, target, np.ascontiguousarray(one.column("open")), np.ascontiguousarray(one.column("close")),
            costs=card.costs, fill=card.fill,
        )  # fmt: skip
        assert [answer.equity for answer in own] == account.equity.tolist()
        assert len(account.trades) > 0


def test_without_a_champion_nothing_is_taken(tmp_path):
    _, panel = live_folder(tmp_path, promote=False)
    live, clock = opened(tmp_path)
    assert "promote" in live.reasons()[0]
    clock.now = 2**62
    with pytest.raises(ConfigError, match="no release serves"):
        live.offer(messages(panel)[0])


def test_a_bar_that_comes_again_has_no_effect_and_gets_the_same_answer(served):
    live, clock, bars, _ = served
    first = offered(live, clock, bars[:200])
    seq, state = live.journal.seq, live.champion.engines["A"].snapshot()
    again = offered(live, clock, bars[:200])
    assert live.journal.seq == seq
    assert all(np.array_equal(state[name], array) for name, array in live.champion.engines["A"].snapshot().items())
    assert {answer.outcome for answer in again} == {"duplicate"}
    blank = {"outcome": "", "timings_us": {}, "durable": True}
    assert [msgspec.structs.replace(a, **blank) for a in again] == [msgspec.structs.replace(a, **blank) for a in first]


def test_a_revision_is_recorded_and_changes_no_state(plain):
    live, clock, bars = plain
    offered(live, clock, bars[:60])
    state = live.champion.engines["A"].snapshot()
    (answer,) = offered(live, clock, [changed(bars[50], volume=7.0)])
    assert (answer.outcome, answer.seq) == ("revision", live.journal.seq)
    assert isinstance(live.journal.get(answer.seq), Revised)
    assert all(np.array_equal(state[name], array) for name, array in live.champion.engines["A"].snapshot().items())
    (again,) = offered(live, clock, [changed(bars[50], volume=7.0)])
    assert again.outcome == "duplicate", "the newest values are what counts"
    (later,) = offered(live, clock, bars[60:61])
    assert (later.status, "was revised" in later.reason) == ("degraded", True)
    last = offered(live, clock, bars[61:120])
    assert last[live.champion.anchor - 2].status == "degraded"
    assert last[live.champion.anchor].status == "ok"


def test_a_late_bar_is_recorded_and_steps_nothing(plain):
    live, clock, bars = plain
    offered(live, clock, [*bars[:40], *bars[41:60]])
    (answer,) = offered(live, clock, [bars[40]])
    assert answer.outcome == "late"
    assert isinstance(live.journal.get(answer.seq), Late)
    assert offered(live, clock, [bars[40]])[0].outcome == "duplicate"
    assert offered(live, clock, [bars[60]])[0].status == "degraded"


def test_a_gap_is_told_and_marked_until_it_has_left_the_memory(plain):
    live, clock, bars = plain
    offered(live, clock, bars[:40])
    answers = offered(live, clock, bars[45:120])
    assert [record for record in (r for _, r in live.journal.read()) if isinstance(record, Gap)] == [
        Gap("A", bars[39].t, bars[45].t, 5)
    ]
    assert (answers[0].outcome, answers[0].status) == ("accepted", "degraded")
    assert "5 bars after" in answers[0].reason
    assert answers[live.champion.anchor + 1].status == "ok"


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (lambda bar: changed(bar, t=bar.t + 100 * HOUR), "has not come"),
        (lambda bar: changed(bar, close=nan), "close is nan"),
        (lambda bar: changed(bar, low=0.0), "low is 0"),
        (lambda bar: changed(bar, low=-1.0), "low is -1"),
        (lambda bar: changed(bar, **{k: 100 * v for k, v in bar.values.items()}), "another unit or a split"),
        (lambda bar: changed(bar, t=bar.t // 10**9), "looks like seconds"),
        (lambda bar: msgspec.structs.replace(bar, symbol="C"), "does not know C"),
        (lambda bar: msgspec.structs.replace(bar, interval_ns=HOUR // 2), "bars of 1h"),
    ],
)
def test_what_is_refused_changes_nothing_and_the_next_bar_is_taken(plain, spoilt, reason):
    live, clock, bars = plain
    offered(live, clock, bars[:60])
    seq = live.journal.seq
    clock.now = bars[60].t + 1
    answer = live.offer(spoilt(bars[60]))
    assert (answer.outcome, answer.status, answer.seq) == ("refused", "abstain", -1)
    assert reason in answer.reason
    assert live.journal.seq == seq
    assert live.offer(bars[60]).status == "ok", "the watermark has not moved"


def test_a_confirmed_change_of_scale_is_taken(plain):
    live, clock, bars = plain
    offered(live, clock, bars[:60])
    split = changed(bars[60], **{k: v / 20 for k, v in bars[60].values.items()})
    assert offered(live, clock, [split])[0].outcome == "refused"
    assert offered(live, clock, [msgspec.structs.replace(split, confirm=True)])[0].outcome == "accepted"


def test_an_old_bar_gives_a_stale_forecast(plain):
    live, clock, bars = plain
    offered(live, clock, bars[:60])
    (answer,) = offered(live, clock, [bars[60]], after=2 * HOUR)
    assert (answer.status, answer.feed_age_ns) == ("stale", 2 * HOUR)
    assert answer.value is not None


def test_instruments_are_bounded(tmp_path):
    live_folder(tmp_path, symbols=("A", "B"), promote=True)
    live, clock = opened(tmp_path, most_symbols=1)
    _, panel = live_folder(tmp_path, symbols=("A", "B"), promote=False)
    bars = messages(panel)[:2]
    assert [answer.outcome for answer in offered(live, clock, bars)] == ["accepted", "refused"]


@pytest.mark.parametrize(("jump", "words"), [(-10 * HOUR, "back by 10"), (3 * HOUR, "forward by 3")])
def test_a_jump_of_the_clock_is_noticed_and_a_quiet_hour_is_not(plain, jump, words):
    live, clock, bars = plain
    steady = Hand(0)
    live._elapsed = steady
    for bar in bars[:3]:
        steady.now += HOUR
        clock.now = steady.now + bars[0].t
        live.offer(bar)
    assert list(live.notices) == []
    clock.now += jump
    live.offer(bars[0])
    assert len(live.notices) == 1
    assert words in live.notices[0]


def test_a_model_that_breaks_off_abstains_and_begins_anew(plain, monkeypatch):
    live, clock, bars = plain
    offered(live, clock, bars[:60])

    def broken(*_):
        raise StorageError("the graph broke off")

    with monkeypatch.context() as patched:
        patched.setattr(live.champion.engines["A"], "step", broken)
        (answer,) = offered(live, clock, bars[60:61])
    assert (answer.outcome, answer.status, answer.value) == ("accepted", "abstain", None)
    (later,) = offered(live, clock, bars[61:62])
    assert later.status == "ok", "its state was begun anew from the journal"
    assert Noticed in kinds(live)
    assert retell(live.journal.folder.parent).differing == []


# Starts


@pytest.mark.parametrize("snapshots", [False, True])
def test_after_a_start_everything_is_as_it_was(served, tmp_path, snapshots):
    live, clock, bars, _ = served
    offered(live, clock, [*bars[:300], changed(bars[250], volume=5.0), *bars[320:402]])
    if snapshots:
        taking = snapshot.Taking(live)
        while not taking.copied:
            taking.go_on(1)
        taking.finished().write(tmp_path)
        offered(live, clock, bars[402:450])
    live.journal.commit()
    again, clock_again = opened(tmp_path)
    clock_again.now = clock.now
    assert list(again.notices) == list(live.notices)
    for symbol in "AB":
        one, other = dict(vars(live.followed[symbol])), dict(vars(again.followed[symbol]))
        assert one.pop("account").tobytes() == other.pop("account").tobytes()
        assert one.pop("seq") <= other.pop("seq")
        assert one == other
    rest = bars[450:] if snapshots else bars[402:]
    expected = [replace_timings(answer) for answer in offered(live, clock, rest[:100], commit=False)]
    told = [replace_timings(answer) for answer in offered(again, clock_again, rest[:100], commit=False)]
    assert told == expected


def replace_timings(answer):
    return msgspec.structs.replace(answer, timings_us={}, seq=0)


def test_what_was_not_on_disk_is_asked_for_again_and_what_was_is_known(plain, tmp_path):
    live, clock, bars = plain
    offered(live, clock, bars[:60])
    offered(live, clock, bars[60:65], commit=False)  # lost with the process
    again, clock_again = opened(tmp_path)
    clock_again.now = clock.now
    assert again.followed["A"].t == bars[59].t
    outcomes = [answer.outcome for answer in offered(again, clock_again, bars[58:66])]
    assert outcomes == ["duplicate"] * 2 + ["accepted"] * 6


def test_a_snapshot_of_another_history_is_not_believed(plain, tmp_path):
    live, clock, bars = plain
    offered(live, clock, bars[:60])
    taking = snapshot.Taking(live)
    taking.go_on(10**9)
    taken = taking.finished()
    assert snapshot.newest(tmp_path, live.journal) is None
    replace(taken, about={**taken.about, "mark": "00" * 16}).write(tmp_path)
    assert snapshot.newest(tmp_path, live.journal) is None
    taken.write(tmp_path)
    assert snapshot.newest(tmp_path, live.journal).position == taken.position
    path = next((tmp_path / "snapshots").iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert snapshot.newest(tmp_path, live.journal) is None


def test_a_journal_that_has_lost_what_a_snapshot_knows_is_refused(plain, tmp_path):
    live, clock, bars = plain
    offered(live, clock, bars[:60])
    taking = snapshot.Taking(live)
    taking.go_on(10**9)
    taking.finished().write(tmp_path)
    live.journal.close()
    (segment,) = (tmp_path / "journal").glob("*.segment")
    segment.write_bytes(segment.read_bytes()[:-5])
    with pytest.raises(StorageError, match="records that were on disk are missing"):
        opened(tmp_path)


# Questions


def test_views_tell_what_happened(plain):
    live, clock, bars = plain
    offered(live, clock, bars[:60])
    found = views.status(live, started=0)
    assert found["ready"] is True
    assert found["symbols"][0]["bars"] == 60
    assert found["champion"]["label"]["kind"] == "variance"
    events = views.bars(live, "A", 10)["events"]
    assert [event["bar"]["t"] for event in events] == [bar.t for bar in bars[50:60]]
    assert events[-1]["bar"]["values"] == bars[59].values
    first = views.forecasts(live, since=0, limit=20)
    second = views.forecasts(live, since=first["next"], limit=100)
    assert [answer.t for answer in (*first["forecasts"], *second["forecasts"])] == [bar.t for bar in bars[:60]]
    tail = views.records(live, since=-3, limit=10)["records"]
    assert [record["kind"] for record in tail] == ["bar"] * 3
    assert tail[-1]["values"] == bars[59].values


def test_why_names_release_data_seed_and_anchor(plain, tmp_path):
    live, clock, bars = plain
    offered(live, clock, [*bars[:60], changed(bars[40], volume=7.0)])
    found = why(tmp_path, "A", bars[40].t + HOUR // 3)
    assert found["forecast"]["t"] == bars[40].t
    assert found["release"]["release"] == live.champion.id
    assert found["release"]["lineage"]["seed"] == 0
    assert found["anchor"]["release"] == live.champion.id
    assert [record["kind"] for record in found["since"]] == ["revision"]


def test_a_journal_that_is_told_again_gives_the_same_bits(served, tmp_path):
    live, clock, bars, _ = served
    offered(live, clock, [*bars[:200], changed(bars[150], volume=5.0), *bars[210:300]])
    found = retell(tmp_path)
    assert found.differing == []
    assert found.skipped == {}
    assert found.forecasts == sum(
        bool(record.told.raw) for _, record in live.journal.read() if isinstance(record, Taken)
    )


def test_a_wish_that_cannot_be_met_is_refused(tmp_path):
    live_folder(tmp_path)
    with pytest.raises(ConfigError, match="can be run by"):
        recover(tmp_path, wishes=["int8"])
    assert candidates(open_bundle(next((tmp_path / "releases").iterdir())).exported)


def test_verify_makes_every_forecast_again_and_tells_one_that_differs(plain, tmp_path, capsys):
    from candlewick.cli.main import call

    live, clock, bars = plain
    offered(live, clock, bars[:60])
    assert call(["verify", "--journal", "--folder", str(tmp_path), "--quiet"]) == 0
    assert "34 forecasts were made again" in capsys.readouterr().out
    last = live.journal.get(live.followed["A"].seq)
    told = msgspec.structs.replace(last.told, raw=(last.told.raw[0] + 1e-12,))
    live.journal.append(msgspec.structs.replace(last, t=bars[60].t, values=tuple(bars[60].values.values()), told=told))
    live.journal.commit()
    assert call(["verify", "--journal", "--folder", str(tmp_path), "--quiet"]) == 1
    assert "WRONG journal" in capsys.readouterr().out
    assert call(["verify", "--folder", str(tmp_path)]) == 2


def test_a_standby_that_cannot_keep_up_is_let_go_and_told(tmp_path, monkeypatch):
    import asyncio

    from candlewick.serve.live.station import Station

    monkeypatch.setattr("candlewick.serve.live.side._MOST_OWED", 10)
    ids, panel = live_folder(tmp_path, count=2)
    clock = Hand(0)
    station = Station.open(tmp_path, clock=clock, wishes=("fp32", "1"))
    bars = messages(panel)
    offered(station.live, clock, bars[:60])
    asyncio.run(station.promote(ids[1]))
    offered(station.live, clock, bars[60:70])
    assert station.live.standby is not None
    offered(station.live, clock, bars[70:80])  # nobody settles
    assert station.live.standby is None
    assert any("let go" in notice for notice in station.live.notices)
    assert asyncio.run(station.rollback())["release"] == ids[0]
    assert offered(station.live, clock, bars[80:81])[0].release == ids[0]
    station.close()
    assert retell(tmp_path).differing == []
