"""A replay is the engine along history: the same bits each time, whatever comes later."""

from functools import cache

import numpy as np
import pytest
from small_exports import DIRECTION, RETURN, Small, market, small

from candlewick.core.errors import DataError
from candlewick.data.bars import Panel
from candlewick.runtime.engine import Engine
from candlewick.runtime.estimator_session import EstimatorSession
from candlewick.runtime.replay import Replayed, replay

SYMBOLS = ("A", "B", "C")


@cache
def har() -> Small:
    return small(market(SYMBOLS), {"name": "har", "lags": [1, 3, 6]})


def run(panel: Panel, **options) -> Replayed:
    return replay(har().exported, EstimatorSession(har().exported), panel, **options)


def assert_equal(one: Replayed, other: Replayed) -> None:
    for name in ("symbol", "row", "t", "raw", "degraded"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_array_equal(one.belief.value, other.belief.value)


def test_all_of_history_is_the_labs_forecast_of_every_ready_row():
    panel, case = market(SYMBOLS), har()
    found = run(panel)
    index = np.flatnonzero(case.data.ready)
    place = np.cumsum([0, *(len(bars) for bars in panel.bars)])[found.symbol] + found.row
    order = np.argsort(place)
    np.testing.assert_array_equal(place[order], index)
    np.testing.assert_array_equal(found.t[order], case.data.t[index])
    np.testing.assert_allclose(found.belief.value[order], case.forecast(index).value, rtol=1e-12)
    assert (np.diff(found.t) >= 0).all()
    assert found.latency["total"].count == len(np.unique(np.concatenate([bars.t for bars in panel.bars])))


@pytest.mark.parametrize("head", ["point", "gaussian", "quantile", "classes"])
def test_beliefs_have_the_bits_of_the_forecasts_that_were_given(head):
    asks, options = (DIRECTION, {}) if head == "classes" else (RETURN, {"head": {"head": head}})
    exported = small(market(SYMBOLS), "linear", asks=asks, **options).exported
    panel = market(SYMBOLS, 150)
    session = EstimatorSession(exported)
    engine, given = Engine(exported, SYMBOLS, session), []
    for t, rows, present in panel.slices():
        order = panel.bars[0].indices(exported.columns)
        given += [f for f in engine.step(t, rows[:, order], present) if f.status == "ok"]
    belief = replay(exported, session, panel).belief
    if belief.probabilities is not None:
        assert [list(f.probabilities) for f in given] == belief.probabilities.tolist()
        return
    assert [f.value for f in given] == belief.value.tolist()
    if belief.quantiles is not None:
        assert [[q for _, q in f.quantiles] for f in given] == belief.quantiles.tolist()


def test_twice_is_bit_equal():
    assert_equal(run(market(SYMBOLS)), run(market(SYMBOLS)))


def test_bars_that_come_later_change_no_forecast_before():
    panel = market(SYMBOLS)
    cut = int(panel["A"].t[300])
    later = [(bars, (bars.t > cut)[:, None]) for bars in panel.bars]
    other = Panel(tuple(b.with_values(np.where(after, 1.01 * b.values[::-1], b.values)) for b, after in later))
    one, two = run(panel), run(other)
    early = one.t <= cut
    assert 500 < early.sum() < len(one.t)
    np.testing.assert_array_equal(one.raw[early], two.raw[early])
    assert (one.raw[~early] != two.raw[~early]).any()


def test_each_instrument_begins_at_the_anchor_of_its_first_asked_row():
    panel, anchor = market(SYMBOLS), har().exported.anchor
    found = run(panel, first={"A": 200, "C": anchor + 5})
    assert set(found.symbol) == {0, 2}
    assert found.row[found.symbol == 0].tolist() == list(range(200, len(panel["A"])))
    assert found.row[found.symbol == 2].tolist() == list(range(anchor + 5, len(panel["C"])))


def test_rows_before_the_first_anchor_are_not_forecast():
    anchor = har().exported.anchor
    assert run(market(), first={"A": 3}).row[0] == anchor
    nothing = run(Panel((market()["A"][:anchor],)))
    assert nothing.raw.shape == (0, 1)
    assert len(nothing.belief.value) == 0


def test_a_bar_without_features_leaves_a_gap_and_marks_what_follows():
    bars = market()["A"]
    values = bars.values.copy()
    values[100, bars.indices(("close",))] = -1.0
    found = run(Panel((bars.with_values(values),)))
    missing = np.setdiff1d(np.arange(har().exported.anchor, len(bars)), found.row)
    assert missing[0] == 100
    assert found.degraded[np.searchsorted(found.row, missing[-1] + 1)]
    assert not found.degraded[-1]


def test_progress_is_told_of_every_slice():
    class Told:
        def __init__(self):
            self.total = self.done = 0

        def stage(self, title, total):
            self.total += total

        def advance(self, steps=1, note=""):
            self.done += steps

        def say(self, text):
            pass

    told = Told()
    run(market(SYMBOLS), progress=told)
    assert told.total == told.done == 500


def test_missing_columns_are_named():
    with pytest.raises(DataError, match=r"the model needs the columns? .*high"):
        replay(har().exported, EstimatorSession(har().exported), closes_only())


def closes_only() -> Panel:
    bars = market()["A"]
    return Panel((type(bars).of("A", bars.t, {"close": bars.column("close")}),))
