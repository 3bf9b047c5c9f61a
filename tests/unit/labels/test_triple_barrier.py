import numpy as np
import pytest

from candlewick.data.bars import Bars
from candlewick.labels import LABELS
from candlewick.labels._base import UNKNOWN
from candlewick.testing.odd_markets import HOUR, odd_markets, ordinary

LOWER, TIMEOUT, UPPER = 0.0, 1.0, 2.0
# Two returns of +1 % and -1 % (in logs) make a volatility of 1 %, so the barriers stand at 102.02 and 98.02.
PAST = [100.0, 100.0 * np.exp(0.01), 100.0]


def label_of_bar_2(*future, horizon=3, **parameters):
    """The label at the close of the third bar, where price is 100; `future` holds (high, low, close)."""
    bars = Bars.of(
        "X",
        np.arange(3 + len(future)) * HOUR,
        {
            "high": np.array([*PAST, *(bar[0] for bar in future)]),
            "low": np.array([*PAST, *(bar[1] for bar in future)]),
            "close": np.array([*PAST, *(bar[2] for bar in future)]),
        },
    )
    label = LABELS.build({"name": "triple_barrier", "length": 2, "horizon": horizon, **parameters})
    got = label.run(bars)
    ended = None if got.known_at[2] == UNKNOWN else int(got.known_at[2] // HOUR) - 2
    return got.value[2], ended


CALM = (101.0, 99.0, 100.0)
UP = (102.1, 99.0, 100.0)
DOWN = (101.0, 98.0, 100.0)


def test_the_first_touch_answers_at_its_own_bar():
    assert label_of_bar_2(CALM, UP, DOWN) == (UPPER, 2)
    assert label_of_bar_2(DOWN, UP, UP) == (LOWER, 1)


def test_no_touch_is_a_timeout_at_the_horizon():
    assert label_of_bar_2(CALM, CALM, CALM, UP) == (TIMEOUT, 3)


def test_a_bar_that_touches_both_counts_as_lower():
    assert label_of_bar_2((102.1, 98.0, 101.0)) == (LOWER, 1)


def test_a_touch_is_known_although_the_data_ends_before_the_horizon():
    assert label_of_bar_2(UP) == (UPPER, 1)
    value, ended = label_of_bar_2(CALM, CALM)
    assert np.isnan(value)
    assert ended is None


def test_reaching_the_barrier_exactly_is_a_touch():
    assert label_of_bar_2((100.0 * np.exp(0.02 + 1e-12), 99.0, 100.0)) == (UPPER, 1)
    assert label_of_bar_2((100.0 * np.exp(0.02 - 1e-9), 99.0, 100.0), horizon=1) == (TIMEOUT, 1)


def test_each_barrier_stands_at_its_own_multiple():
    assert label_of_bar_2(UP, horizon=1, upper=2.2) == (TIMEOUT, 1)
    assert label_of_bar_2(DOWN, horizon=1, lower=2.2) == (TIMEOUT, 1)
    assert label_of_bar_2(DOWN, horizon=1, upper=2.2) == (LOWER, 1)


def test_rows_without_volatility_have_no_barrier_and_no_label():
    got = LABELS.build({"name": "triple_barrier", "length": 20}).run(ordinary(100))
    assert (got.known_at[:20] == UNKNOWN).all()
    assert (got.known_at[20:80] != UNKNOWN).all()
    assert (LABELS.build("triple_barrier").run(odd_markets(100)["flat"]).known_at == UNKNOWN).all()


def test_a_touch_before_a_gap_is_not_lost_to_it():
    bars = odd_markets(300)["gaps"]
    label = LABELS.build({"name": "triple_barrier", "horizon": 40, "max_gap": "3h"})
    got = label.run(bars)
    ends_before = np.searchsorted(bars.t, got.known_at) // 50 == np.arange(300) // 50
    asked = got.known_at != UNKNOWN
    assert (got.crosses_gap == ~ends_before)[asked].all()
    assert ends_before[asked].sum() > 100


def naive(bars, *, horizon, upper, lower, length):
    high, low, close = (bars.column(name) for name in ("high", "low", "close"))
    returns = np.diff(np.log(close), prepend=np.nan)
    for i in range(length, len(bars)):
        v = np.sqrt(np.mean(returns[i - length + 1 : i + 1] ** 2))
        ahead = slice(i + 1, min(i + horizon, len(bars) - 1) + 1)
        down = np.flatnonzero(low[ahead] <= close[i] * np.exp(-lower * v))
        up = np.flatnonzero(high[ahead] >= close[i] * np.exp(upper * v))
        first = {LOWER: down[0] if len(down) else 10**9, UPPER: up[0] if len(up) else 10**9}
        if min(first.values()) < 10**9:
            value = LOWER if first[LOWER] <= first[UPPER] else UPPER
            yield i, value, i + 1 + first[value]
        elif i + horizon < len(bars):
            yield i, TIMEOUT, i + horizon


@pytest.mark.parametrize(
    ("horizon", "upper", "lower", "length"), [(10, 2.0, 2.0, 20), (5, 1.0, 3.0, 3), (1, 0.5, 0.5, 50)]
)
def test_the_compiled_label_equals_a_naive_one(horizon, upper, lower, length):
    bars = ordinary(600, seed=horizon)
    parameters = {"horizon": horizon, "upper": upper, "lower": lower, "length": length}
    got = LABELS.build({"name": "triple_barrier", **parameters}).run(bars)
    expected = list(naive(bars, **parameters))
    known = np.flatnonzero(got.known_at != UNKNOWN)
    assert known.tolist() == [i for i, _, _ in expected]
    assert got.value[known].tolist() == [value for _, value, _ in expected]
    assert got.known_at[known].tolist() == [bars.t[end] for _, _, end in expected]
    assert len(set(got.value[known])) > 1
