"""From bars to scaled training samples: what happens later moves nothing that was decided earlier."""

import numpy as np
import pytest

from candlewick.data.bars import Bars, Panel
from candlewick.features._set import FeatureSet
from candlewick.labels import LABELS
from candlewick.samples.build import build
from candlewick.samples.scalers import SCALERS
from candlewick.samples.splits import SPLITS

N = 400
FEATURES = FeatureSet.of([{"name": "log_return", "length": 2}, {"name": "rolling_zscore", "column": "close"}])
LABEL_ENTRIES = ["forward_return", "triple_barrier"]


def bars(symbol: str, seed: int) -> Bars:
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(rng.standard_normal(N).cumsum() / 50)
    spread = 1 + np.abs(rng.standard_normal(N)) / 100
    return Bars.of(symbol, np.arange(1, N + 1) * 3600 * 10**9, {
        "open": close, "high": close * spread, "low": close / spread, "close": close,
    })  # fmt: skip


def replaced_after(panel: Panel, t: int) -> Panel:
    def other(bars: Bars) -> Bars:
        values = bars.values.copy()
        values[bars.t > t] = values[bars.t > t][::-1] * 3.0
        return bars.with_values(values)

    return Panel(tuple(other(bars) for bars in panel.bars))


@pytest.fixture
def panel():
    return Panel((bars("A", 1), bars("B", 2)))


@pytest.mark.parametrize("cut", [60, 200, 399])
@pytest.mark.parametrize("name", LABEL_ENTRIES)
def test_replacing_all_bars_after_t_moves_no_bit_known_at_t(panel, cut, name):
    t = int(panel.bars[0].t[cut])
    label = LABELS.build({"name": name, "horizon": 6})
    before, _ = build(panel, FEATURES, label, length=10)
    after, _ = build(replaced_after(panel, t), FEATURES, label, length=10)
    past = before.t <= t
    assert before.x[past].tobytes() == after.x[past].tobytes()
    assert before.echo[past].tobytes() == after.echo[past].tobytes()
    np.testing.assert_array_equal(before.start, after.start)
    np.testing.assert_array_equal(before.ready, after.ready)
    known = before.known_at <= t
    assert known.any()
    assert before.y[known].tobytes() == after.y[known].tobytes()


@pytest.mark.parametrize("name", LABEL_ENTRIES)
def test_training_material_of_a_fold_is_settled_before_its_test_begins(panel, name):
    label = LABELS.build({"name": name, "horizon": 6})
    split, scaler = SPLITS.build("walk_forward"), SCALERS.build("standard")
    data, _ = build(panel, FEATURES, label, length=10)
    for fold in split.folds(data, streams=True):
        begin = int(data.t[fold.test.index].min())
        changed, _ = build(replaced_after(panel, begin), FEATURES, label, length=10)
        rows = fold.fitting
        assert data.known_at[rows.index].max() <= begin
        fitted, refitted = scaler.fit(data, fold.train), scaler.fit(changed, fold.train)
        assert all(fitted[key].tobytes() == refitted[key].tobytes() for key in fitted)
        assert scaler.apply(fitted, data)[rows.index].tobytes() == scaler.apply(refitted, changed)[rows.index].tobytes()
        assert data.y[rows.index].tobytes() == changed.y[rows.index].tobytes()


def test_the_same_check_catches_a_training_row_that_was_not_purged(panel):
    """Without the purge the last training labels would move: the test above can fail."""
    label = LABELS.build({"name": "forward_return", "horizon": 6})
    data, _ = build(panel, FEATURES, label, length=10)
    fold = SPLITS.build("holdout").folds(data, streams=True)[0]
    begin = int(data.t[fold.test.index].min())
    changed, _ = build(replaced_after(panel, begin), FEATURES, label, length=10)
    purged = np.setdiff1d(np.flatnonzero(data.labelled & (data.t < begin)), fold.fitting.index)
    late = purged[data.known_at[purged] > begin]
    assert len(late) == 2 * 5  # horizon - 1 rows of each instrument
    assert (data.y[late] != changed.y[late]).all()


def test_k_fold_training_samples_share_no_bar_with_the_test_labels(panel):
    """Replacing the bars that the test labels are made of changes no training sample behind the block."""
    label = LABELS.build({"name": "forward_return", "horizon": 6})
    data, _ = build(panel, FEATURES, label, length=10)
    fold = SPLITS.build({"name": "purged_kfold", "n_folds": 3, "validation": 0.0}).folds(data, streams=False)[1]
    begin, end = int(data.t[fold.test.index].min()), int(data.known_at[fold.test.index].max())

    def other(bars: Bars) -> Bars:
        values = bars.values.copy()
        values[(bars.t > begin) & (bars.t <= end)] *= 1.7
        return bars.with_values(values)

    changed, _ = build(Panel(tuple(other(bars) for bars in panel.bars)), FEATURES, label, length=10)
    after = fold.train.index[data.t[fold.train.index] > end]
    assert len(after) > 50
    for row in after:
        window = slice(row - data.length + 1, row + 1)
        assert data.x[window].tobytes() == changed.x[window].tobytes()
    first = after[0]  # one bar earlier would have been touched: the embargo is no longer than it must be
    window = slice(first - data.length, first)
    assert data.x[window].tobytes() != changed.x[window].tobytes()
