"""The parts of the audit, one by one."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from candlewick.core.errors import ConfigError
from candlewick.core.random import stream
from candlewick.data.bars import Bars, Panel
from candlewick.data.loading import load
from candlewick.data.synthetic import MARKETS
from candlewick.lab.audit import KINDS, audit, quick_checks
from candlewick.lab.audit.copies import duplicates_check
from candlewick.lab.audit.futures import cuts_of, first_difference, other_future, with_other_rows
from candlewick.lab.audit.preparation import future_echo_check, stamps_check
from candlewick.lab.audit.raw import moments, stamp_columns, until
from candlewick.lab.audit.splitting import _looking_back, _overlapping
from candlewick.lab.audit.statistical import LEVEL, Evidence, judged
from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import prepare
from candlewick.samples.roles import Fold, TestRows, TrainRows, ValidationRows
from candlewick.testing.datasets import odd_dataset
from candlewick.testing.planted import PLANTED, _listing
from candlewick.testing.planted._listing import HONEST

HOUR = 3_600 * 10**9


def market(bars: int = 600, name: str = "clustered", **parameters: object) -> Bars:
    return MARKETS.build({"name": name, **parameters}).bars(bars, 5)


class Recorder:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def stage(self, title: str, total: int) -> None:
        self.heard.append(f"stage {title} {total}")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.heard.append(note)

    def say(self, text: str) -> None:
        self.heard.append(text)


@pytest.fixture(scope="module")
def honest() -> Experiment:
    return Experiment.of(HONEST)


def test_the_cost_is_said_before_anything_is_checked(honest: Experiment) -> None:
    progress = Recorder()
    report = audit(honest, only=["features", "fit"], progress=progress)
    assert progress.heard[0].startswith("audit of forward_return: about ")
    assert "fits and 0 forecasts of linear" in progress.heard[0]
    assert progress.heard[1] == "stage auditing 2"
    assert progress.heard[2:] == ["features", "fit"]
    assert report.cost.seconds > 0


def test_an_instrument_that_cannot_be_scaled_is_told_before_anything_is_checked(honest: Experiment) -> None:
    panel = Panel((market(700), MARKETS.build("clustered").bars(700, 6, "LATE")[620:]))
    with pytest.raises(ConfigError, match=r"tests or validates LATE, .*pooled: true"):
        audit(honest, panel=panel, only=["features"])


def test_a_report_is_plain_json_and_says_what_failed() -> None:
    planted = next(planted for planted in PLANTED if planted.name == "shift by one row")
    report = audit(planted.build(), only=["features", "labels"])
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert not data["passed"]
    assert [(check["name"], check["kind"], check["passed"]) for check in data["checks"]] == [
        ("features", "structural", False), ("labels", "structural", True),
    ]  # fmt: skip
    # The column, the bar and the mend.
    for part in ("nextbar of SYN at 20", "(row ", "as Feature.step does"):
        assert part in data["checks"][0]["message"]


def test_the_same_seed_gives_the_same_figures(honest: Experiment) -> None:
    first, second = (audit(honest, only=["shuffle", "delay"], seed=3).checks for _ in range(2))
    assert [check.figures for check in first] == [check.figures for check in second]


def test_given_bars_are_audited_but_not_their_preparation(honest: Experiment) -> None:
    report = audit(honest, panel=Panel((market(900),)), only=["bars", "features"])
    assert [check.name for check in report.checks] == ["features"]


def test_an_unknown_check_is_refused_by_name(honest: Experiment) -> None:
    with pytest.raises(ConfigError, match="no check is called feature"):
        audit(honest, only=["feature"])


def test_the_quick_checks_take_part_in_every_run_and_little_time(honest: Experiment) -> None:
    from candlewick.core.clock import elapsed_s

    prepared = prepare(honest, Panel((market(5000),)))
    quick_checks(honest, prepared.panel, prepared.data, prepared.folds)
    started = elapsed_s()
    checks = quick_checks(honest, prepared.panel, prepared.data, prepared.folds)
    assert elapsed_s() - started < 2
    assert [check.name for check in checks] == ["features", "labels", "echo", "split"]
    assert all(check.passed for check in checks)


def test_every_check_has_a_kind() -> None:
    assert [name for name, kind in KINDS.items() if kind == "statistical"] == ["shuffle", "delay"]


def test_cuts_are_drawn_one_from_each_part_and_never_the_last() -> None:
    cuts = cuts_of(np.arange(101), 20, stream(0))
    assert len(cuts) == 20
    assert np.array_equal(cuts // 5, np.arange(20))
    assert len(cuts_of(np.arange(4), 20, stream(0))) == 3


@pytest.mark.parametrize("extreme", [False, True])
def test_another_future_keeps_the_past_to_the_bit_and_gives_valid_bars(extreme: bool) -> None:
    bars = market()
    other = other_future(bars, int(bars.t[300]), extreme=extreme)
    assert np.array_equal(other.values[:301], bars.values[:301])
    assert np.array_equal(other.t[:301], bars.t[:301])
    assert not np.any(other.t[301:] == bars.t[301:])
    assert np.all(other.values[301:, :4] != bars.values[301:, :4])
    open_, high, low, close = other.values[301:, :4].T
    assert np.all((low <= np.minimum(open_, close)) & (np.maximum(open_, close) <= high) & (low > 0))


def test_another_future_may_hold_prices_below_zero() -> None:
    bars = market()
    below = bars.with_values(bars.values - 100.0)
    assert np.all(np.isfinite(other_future(below, int(bars.t[300]), extreme=False).values))


def test_other_rows_change_where_they_should_and_nowhere_else() -> None:
    data = odd_dataset(1)
    rows = np.arange(len(data)) >= 100
    other = with_other_rows(data, x=rows, answers=rows, echo=rows, classes=0)
    assert np.array_equal(other.x[:100], data.x[:100], equal_nan=True)
    assert np.array_equal(other.y[:100], data.y[:100], equal_nan=True)
    finite = np.isfinite(data.x[100:])
    assert np.all(other.x[100:][finite] != data.x[100:][finite])
    assert np.array_equal(np.isnan(other.y), np.isnan(data.y))
    assert np.all(other.y[100:][~np.isnan(data.y[100:])] != data.y[100:][~np.isnan(data.y[100:])])


def test_the_first_difference_is_found_and_nan_is_no_difference() -> None:
    a = np.array([[1.0, np.nan], [2.0, 3.0], [4.0, 5.0]])
    b = a.copy()
    assert first_difference(a, b) is None
    b[1, 1], b[2, 0] = np.nan, 9.0
    assert first_difference(a, b) == (1, 1)
    assert first_difference(a[:0], b[:0]) is None


def raws() -> dict[str, object]:
    bars = market(50)
    table = {"time": bars.t, "close": bars.column("close")}
    return {
        "bars": bars,
        "panel": Panel((bars,)),
        "arrays": table,
        "polars": pl.DataFrame(table),
        "pandas": pd.DataFrame(table),
        "indexed": pd.DataFrame({"close": bars.column("close")}, index=pd.DatetimeIndex(bars.t, tz="UTC", name="time")),
        "loaded": load(table),
        "several": {"a": pl.DataFrame(table), "b": pl.DataFrame({"name": ["x"], "weight": [1.0]})},
    }


@pytest.mark.parametrize("kind", raws())
def test_raw_data_of_any_kind_is_cut_at_a_moment(kind: str) -> None:
    raw = raws()[kind]
    known, certain = moments(raw, None)
    assert certain
    assert len(known) == 50
    cut = int(known[29])
    short = until(raw, cut, None)
    assert type(short) is type(raw)
    assert np.array_equal(moments(short, None)[0], known[:30])


def test_stamps_without_an_offset_need_a_zone_to_be_times() -> None:
    raw = pl.DataFrame({"time": ["2024-01-02 09:30", "2024-01-02 09:31"], "close": [1.0, 2.0]})
    assert not moments(raw, None)[1]
    known, certain = moments(raw, "America/New_York")
    assert certain
    assert pd.Timestamp(known[0], tz="UTC") == pd.Timestamp("2024-01-02 14:30", tz="UTC")


def test_columns_of_stamps_are_known_by_their_names() -> None:
    frame = pl.DataFrame({"Open Time": [1], "close_time": [2], "Date": [3], "open": [4]})
    assert stamp_columns(frame) == {"close": "close_time", "open": "Open Time", "time": "Date"}


def test_sessions_show_stamps_of_opens() -> None:
    bars = market(1000)
    assert stamps_check(None, Panel((bars,))).passed
    early = Bars.of("SYN", bars.t - bars.interval_ns, {"close": bars.column("close")})
    check = stamps_check(None, Panel((early,)))
    assert not check.passed
    assert "stamp: open" in check.message


def with_extra(bars: Bars, extra: np.ndarray) -> Panel:
    columns = {name: bars.column(name) for name in bars.columns}
    return Panel((Bars.of("SYN", bars.t, {**columns, "extra": extra}),))


def test_columns_that_state_later_prices_are_told_from_those_that_state_earlier_ones() -> None:
    bars = market(1000)
    close, logs = bars.column("close"), np.log(bars.column("close"))
    ahead = {"shifted": np.roll(close, -3), "return": np.append(np.diff(logs), 0.0)}
    honest = {
        "last": np.roll(close, 3),
        "return": np.diff(logs, prepend=logs[0]),
        "copy": close.copy(),
        "flat": 0 * close,
    }
    for name, extra in ahead.items():
        assert not future_echo_check(with_extra(bars, extra)).passed, name
    for name, extra in honest.items():
        assert future_echo_check(with_extra(bars, extra)).passed, name
    assert "3 bars later" in future_echo_check(with_extra(bars, ahead["shifted"])).message


def test_prices_on_a_coarse_grid_are_no_echo_of_the_future() -> None:
    bars = market(1000)
    prices = np.round(bars.values[:, :4], 1)
    coarse = Bars.of("SYN", bars.t, dict(zip(bars.columns, prices.T, strict=False)))
    ask = np.round(coarse.column("close") + 0.1, 1)
    assert future_echo_check(with_extra(coarse, ask)).passed


def test_overlaps_are_those_of_the_definition() -> None:
    rng = stream(4)
    for seed in range(5):
        data = odd_dataset(seed)
        rows = np.flatnonzero(data.labelled)
        picked = rng.random(len(rows))
        train, test = rows[picked < 0.3], rows[picked > 0.8]
        meets = (data.t[train, None] < data.known_at[test]) & (data.t[test] < data.known_at[train, None])
        back = (data.t[test] < data.t[train, None]) & (data.start[train, None] <= data.known_at[test])
        for found, expected in ((_overlapping(data, train, test), meets), (_looking_back(data, train, test), back)):
            assert (found is not None) == bool(expected.any())
            if found is not None:
                assert expected[np.searchsorted(train, found)].any()


def test_copies_are_found_at_any_price_and_honest_markets_hold_none(honest: Experiment) -> None:
    for bars in (market(1200), market(1200, "iid"), market(1200, "planted")):
        assert copies(honest, bars).passed
    bars = market(600)
    noise = 1 + 1e-5 * stream(1).standard_normal((600, 1))
    twice = np.concatenate([bars.values, bars.values * noise * 1.7])
    t = np.concatenate([bars.t, bars.t + 60 * 24 * HOUR])
    check = copies(honest, Bars.of("SYN", t, dict(zip(bars.columns, twice.T, strict=True))))
    assert not check.passed
    assert "a little noise" in check.message


def test_a_market_that_hardly_moves_is_no_copy_of_itself(honest: Experiment) -> None:
    bars = market(1200)
    still = np.repeat(bars.values[::100], 100, axis=0)
    assert copies(honest, bars.with_values(still)).passed


def copies(honest: Experiment, bars: Bars):  # type: ignore[no-untyped-def]
    prepared = prepare(honest, Panel((bars,)))
    rows = np.flatnonzero(prepared.data.labelled)
    fold = Fold(0, TrainRows(rows[: len(rows) // 2]), ValidationRows(rows[:0]), TestRows(rows[len(rows) // 2 :]))
    return duplicates_check(prepared.panel, prepared.data, (fold,))


def test_holm_spends_one_percent_on_all_tests_together() -> None:
    def evidence(*ps: float) -> list[Evidence]:
        return [Evidence(name, p, 0.0, "said", "mend") for name, p in zip(("shuffle", "delay"), ps, strict=True)]

    assert [check.passed for check in judged(evidence(LEVEL, LEVEL))] == [True, True]
    assert [check.passed for check in judged(evidence(LEVEL / 2, LEVEL))] == [False, False]
    assert [check.passed for check in judged(evidence(LEVEL, LEVEL / 2))] == [False, False]
    assert [check.passed for check in judged(evidence(0.5, LEVEL / 2))] == [True, False]


def test_a_feature_that_remembers_its_last_answer_is_caught() -> None:
    from candlewick.features._set import FeatureSet
    from candlewick.features.log_return import LogReturn
    from candlewick.lab.audit.causality import features_check

    class Remembering(LogReturn):
        def run(self, bars: Bars) -> np.ndarray:
            return answers.setdefault(bars.symbol, super().run(bars))

    answers: dict[str, np.ndarray] = {}
    bars = market(200)
    check = features_check(FeatureSet.of([Remembering()]), Panel((bars,)), bars.t[[50, 100]])
    assert not check.passed
    assert "keep nothing between runs" in check.message


def csv_of(bars: Bars, path: Path, **extra: np.ndarray) -> str:
    wall = pl.Series(bars.t - bars.interval_ns).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("America/New_York")
    stamps = wall.dt.replace_time_zone(None).dt.strftime("%Y-%m-%d %H:%M")
    pl.DataFrame({"time": stamps, **{name: bars.column(name) for name in bars.columns}, **extra}).write_csv(path)
    return str(path)


def test_a_file_of_wall_clock_stamps_is_cut_and_prepared_again(honest: Experiment, tmp_path: Path) -> None:
    file = {"name": "file", "path": csv_of(market(900), tmp_path / "bars.csv"), "zone": "America/New_York"}
    opens, closes = (Experiment.of({**HONEST, "data": {**file, "stamp": stamp}}) for stamp in ("open", "close"))
    good, bad = (audit(experiment, only=["bars", "stamps"]) for experiment in (opens, closes))
    assert good.passed
    assert good.checks[0].message == "bars are the same from raw data that ends at 20 cuts"
    assert bad.failed == ("stamps",)


def test_levels_of_prices_that_were_adjusted_are_named(tmp_path: Path) -> None:
    bars = market(900)
    path = csv_of(bars, tmp_path / "bars.csv", adj_close=bars.column("close") * np.linspace(0.5, 1.0, 900))
    level = f"{_listing.HERE / 'features.py'}:Column"
    data = {"name": "file", "path": path, "zone": "America/New_York", "stamp": "open", "adjust": True}
    entry = {**HONEST, "data": data, "features": ["log_return", {"name": level, "column": "close"}]}
    assert audit(Experiment.of(entry), only=["scale"]).failed == ("scale",)
    assert audit(Experiment.of({**entry, "data": {**data, "adjust": False}}), only=["scale"]).passed
    assert audit(Experiment.of({**entry, "features": ["log_return"]}), only=["scale"]).passed
