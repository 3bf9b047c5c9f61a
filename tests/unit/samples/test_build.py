"""One matrix, and for every row how far back it looks and when its label is known."""

import numpy as np
import pytest

from candlewick.core.errors import DataError
from candlewick.data.bars import Bars, Panel
from candlewick.features._set import FeatureSet
from candlewick.labels import LABELS
from candlewick.samples.build import build

FEATURES = FeatureSet.of([{"name": "log_return", "length": 3}])  # warm-up: 4 bars
LABEL = LABELS.build({"name": "forward_return", "horizon": 2})


def walk(symbol: str, n: int, *, seed: int = 0, gap_after: int | None = None) -> Bars:
    close = 100 * np.exp(np.random.default_rng(seed).standard_normal(n).cumsum() / 100)
    t = np.arange(1, n + 1) * 60 * 10**9
    if gap_after is not None:
        t[gap_after:] += 10**13
    return Bars.of(symbol, t, {"close": close})


def test_features_stand_in_one_float32_matrix_as_the_feature_set_gives_them():
    panel = Panel((walk("A", 40), walk("B", 30, seed=1)))
    data, _ = build(panel, FEATURES, LABEL, length=5)
    expected = np.concatenate([FEATURES.run(bars) for bars in panel.bars]).astype(np.float32)
    assert data.x.dtype == np.float32
    assert data.x.flags.c_contiguous
    np.testing.assert_array_equal(data.x, expected)
    assert data.columns == FEATURES.outputs
    assert [data.symbols[k] for k in data.symbol] == ["A"] * 40 + ["B"] * 30


def test_labels_are_those_of_each_instrument_alone():
    panel = Panel((walk("A", 40), walk("B", 30, seed=1)))
    data, _ = build(panel, FEATURES, LABEL, length=5)
    for bars, rows in zip(panel.bars, (slice(0, 40), slice(40, 70)), strict=True):
        np.testing.assert_array_equal(data.y[rows], LABEL.run(bars).value)
        np.testing.assert_array_equal(data.known_at[rows], LABEL.run(bars).known_at)


def test_start_is_the_close_of_the_earliest_bar_that_moves_the_sample():
    length, n, row = 5, 40, 20
    bars = walk("A", n)
    data, _ = build(Panel((bars,)), FEATURES, LABEL, length=length)
    base = data.x[row - length + 1 : row + 1]
    moving = []
    for bar in range(n):
        values = bars.values.copy()
        values[bar] *= 1.5
        changed, _ = build(Panel((bars.with_values(values),)), FEATURES, LABEL, length=length)
        if not np.array_equal(changed.x[row - length + 1 : row + 1], base):
            moving.append(bar)
    assert data.start[row] == bars.t[min(moving)]
    assert max(moving) == row


def test_a_row_is_ready_from_the_first_whole_and_warm_window_of_its_instrument():
    panel = Panel((walk("A", 40), walk("B", 30, seed=1)))
    data, _ = build(panel, FEATURES, LABEL, length=5)
    first = 4 + 5 - 2  # warm-up of 4 bars, then a window of 5
    assert np.flatnonzero(data.ready).tolist() == [*range(first, 40), *range(40 + first, 70)]
    for row in np.flatnonzero(data.ready):
        assert np.isfinite(data.x[row - 4 : row + 1]).all()


def test_the_echo_is_the_labels_last_known_value_and_its_warm_up_counts():
    n, horizon = 60, 9
    label = LABELS.build({"name": "forward_volatility", "estimator": "close_to_close", "horizon": horizon})
    data, _ = build(Panel((walk("A", n),)), FEATURES, label, length=5)
    np.testing.assert_allclose(data.echo[horizon : n - horizon], data.y[: n - 2 * horizon], rtol=1e-9)
    first = int(np.argmax(data.ready))
    assert np.isfinite(data.echo[first - 4 : first + 1]).all()
    assert np.isnan(data.echo[first - 5])


def test_notes_count_what_was_lost():
    label = LABELS.build({"name": "forward_return", "horizon": 2, "max_gap": "1h"})
    data, notes = build(Panel((walk("A", 40, gap_after=20),)), FEATURES, label, length=5)
    assert notes[0] == f"{40 - 7 - 2 - 2} of 40 bars are labelled samples"
    assert any("7 bars lost to warm-up" in note for note in notes)
    assert any("2 bars without a label: the data ends" in note for note in notes)
    assert any("2 bars without a label: it would cross a gap" in note for note in notes)
    assert data.labelled.sum() == 29


def test_labels_that_cross_a_night_are_counted_where_nothing_forbids_them():
    _, notes = build(Panel((walk("A", 40, gap_after=20),)), FEATURES, LABEL, length=5)
    assert notes[-1] == "2 bars with a label across a gap of more than 4 bars (see max_gap)"
    assert "gap" not in str(build(Panel((walk("A", 40),)), FEATURES, LABEL, length=5)[1])


def test_an_instrument_too_short_for_one_sample_is_left_aside_and_named():
    panel = Panel((walk("A", 40), walk("ONE", 1), walk("SHORT", 7)))
    data, notes = build(panel, FEATURES, LABEL, length=5)
    alone, _ = build(Panel((panel.bars[0],)), FEATURES, LABEL, length=5)
    np.testing.assert_array_equal(data.labelled, [*alone.labelled, *[False] * 8])
    np.testing.assert_array_equal(data.x[:40], alone.x)
    assert notes[-1] == (
        "2 of 3 instruments have too few bars for one sample, which takes 8, and are never forecast: ONE (1), SHORT (7)"
    )
    assert "too few" not in str(build(Panel((walk("A", 40), walk("B", 8))), FEATURES, LABEL, length=5)[1])


def test_many_short_instruments_are_one_readable_note():
    panel = Panel((walk("A", 40), *(walk(f"S{k}", 3) for k in range(60))))
    _, notes = build(panel, FEATURES, LABEL, length=5)
    assert notes[-1].endswith("S0 (3), S1 (3), S2 (3), S3 (3), S4 (3) and 55 more")


def test_a_panel_in_which_no_instrument_has_a_sample_is_refused():
    with pytest.raises(DataError, match=r"was SHORT \(7\), ONE \(1\)\. .*need 8 bars"):
        build(Panel((walk("SHORT", 7), walk("ONE", 1))), FEATURES, LABEL, length=5)


def test_a_value_beyond_float32_is_refused_with_its_row():
    bars = walk("A", 40)
    volume = np.full(40, 1.0)
    volume[30] = 1e39
    bars = Bars.of("A", bars.t, {"close": bars.column("close"), "volume": volume})

    class Volume:  # stands for a user's feature that passes a column on
        outputs, warmup = ("volume",), 1

        def run(self, bars: Bars) -> np.ndarray:
            return bars.values[:, 1:]

    with pytest.raises(DataError, match=r"A: feature volume at row 30 .*not finite"):
        build(Panel((bars,)), Volume(), LABEL, length=5)  # type: ignore[arg-type]
