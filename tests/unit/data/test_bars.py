import sys
from subprocess import run

import numpy as np
import pytest

from candlewick.core.errors import DataError
from candlewick.data.bars import Bars, Panel

T = np.array([10, 20, 40], dtype=np.int64)


def some(symbol: str = "X", t: np.ndarray = T, **columns: object) -> Bars:
    return Bars.of(symbol, t, columns or {"close": np.array([1.0, 2.0, 3.0])})


def test_columns_stand_in_one_order_and_are_frozen_copies():
    close = np.array([1.0, 2.0, 3.0])
    bars = some(spread=[0, 1, 0], volume=[1, 2, 3], close=close, open=[1, 1, 1])
    assert bars.columns == ("open", "close", "volume", "spread")
    close[0] = 99
    assert bars.column("close")[0] == 1
    for array in (bars.values, bars.t, bars.column("close")):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert bars.values.flags.c_contiguous


def test_the_interval_is_the_median_step_unless_it_is_said():
    assert some().interval_ns == 15
    assert Bars.of("X", T, {"close": np.ones(3)}, interval_ns=10).interval_ns == 10


@pytest.mark.parametrize(
    ("t", "columns", "says"),
    [
        (T, {"close": [1.0, np.nan, 3.0]}, r"close at row 1 .* is nan"),
        (T, {"close": [1.0, np.inf, 3.0]}, r"close at row 1 .* is inf"),
        (T, {"close": [1.0, 2.0]}, "has shape"),
        (T, {"close": np.array(["1", "2", "3"])}, "has dtype"),
        (T, {"close": np.array([1, 2, None])}, "has dtype object"),
        (T[::-1], {"close": [1.0, 2.0, 3.0]}, "row 1 .* does not come after"),
        (np.array([10, 20, 20]), {"close": [1.0, 2.0, 3.0]}, "row 2 .* does not come after"),
        (T[:0], {"close": []}, "no bars"),
        (T, {}, "no bars"),
    ],
)
def test_what_are_no_bars_is_refused(t, columns, says):
    with pytest.raises(DataError, match=says):
        Bars.of("X", t, columns)


def test_a_missing_column_is_named_with_who_wanted_it():
    with pytest.raises(DataError, match="feature rsi needs the columns high, low, but X has close"):
        some().indices(("high", "close", "low"), wanted_by="feature rsi")


def test_a_slice_is_a_view():
    bars = some()
    assert np.shares_memory(bars[1:].values, bars.values)
    assert bars[1:].t.tolist() == [20, 40]
    assert bars[1:].interval_ns == bars.interval_ns


def test_other_values_keep_the_stamps():
    bars = some().with_values(np.array([[4.0], [5.0], [6.0]]))
    assert bars.column("close").tolist() == [4, 5, 6]
    assert bars.t.tolist() == T.tolist()


def test_a_panel_needs_instruments_of_different_names():
    with pytest.raises(DataError, match="different names"):
        Panel((some(), some()))
    with pytest.raises(DataError, match="one or more instruments"):
        Panel(())
    with pytest.raises(DataError, match="There are: X, Y"):
        Panel((some(), some("Y")))["Z"]


def test_the_hash_of_a_panel_moves_with_every_part_of_it():
    base = Panel((some(), some("Y"))).content_hash
    assert Panel((some(), some("Y"))).content_hash == base
    others = [
        Panel((some("Y"), some())),
        Panel((some(), some("Z"))),
        Panel((some(), some("Y", T + 1))),
        Panel((some(), some("Y", open=[1.0, 2.0, 3.0]))),
        Panel((some(), some("Y", close=[1.0, 2.0, np.nextafter(3.0, 4.0)]))),
    ]
    assert len({base, *(panel.content_hash for panel in others)}) == len(others) + 1


def test_slices_are_in_time_order_with_the_absent_marked():
    panel = Panel((some(), some("Y", np.array([20, 30, 40]))))
    events = list(panel.slices())
    assert [t for t, _, _ in events] == [10, 20, 30, 40]
    assert [present.tolist() for _, _, present in events] == [[True, False], [True, True], [False, True], [True, True]]
    np.testing.assert_array_equal(events[1][1], [[2.0], [1.0]])
    assert np.isnan(events[0][1][1, 0])


def test_instruments_with_different_columns_have_no_slices():
    with pytest.raises(DataError, match="same columns"):
        list(Panel((some(), some("Y", open=[1, 2, 3]))).slices())


def test_bars_are_read_where_polars_is_not_installed():
    code = "import sys; sys.modules['polars'] = sys.modules['pandas'] = None; import candlewick.data.bars"
    assert run([sys.executable, "-c", code], timeout=60).returncode == 0
