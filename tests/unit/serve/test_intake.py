"""Bars that cannot be meant as they came, each with its reason."""

import pytest

from candlewick.core.clock import NS_PER_SECOND
from candlewick.serve.live.intake import Last, Terms, refusal
from candlewick.serve.protocol import Bar

MINUTE = 60 * NS_PER_SECOND
T = 1_700_000_040 * NS_PER_SECOND
TERMS = Terms(("high", "low", "close"), frozenset({"A", "B"}), MINUTE, nonpositive=False)
FINE = {"open": 100.0, "high": 102.0, "low": 99.0, "close": 101.0, "volume": 3.0}


def why(*, last=Last(T - MINUTE, 100.0), now=T + 5, terms=TERMS, **changes):  # noqa: B008 (frozen)
    values = FINE | changes.pop("values", {})
    bar = Bar(**{"symbol": "A", "t": T, "values": {k: v for k, v in values.items() if v is not None}, **changes})
    return refusal(bar, terms, last, now=now)


def test_a_sound_bar_is_taken():
    assert why() == ""
    assert why(last=None) == ""
    assert why(interval_ns=MINUTE) == ""
    assert why(values={"volume": 0.0, "open": None, "spread": -1.0}) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"symbol": "C"}, "does not know C"),
        ({"interval_ns": 5 * MINUTE}, "bars of 1m, this one is 5m long"),
        ({"t": T // 10**9}, "looks like seconds"),
        ({"t": T // 10**6}, "looks like milliseconds"),
        ({"t": T // 10**3}, "looks like microseconds"),
        ({"now": T - 2 * NS_PER_SECOND}, "has not come"),
        ({"values": {"close": float("nan")}}, "close is nan"),
        ({"values": {"volume": float("inf")}}, "volume is inf"),
        ({"values": {"low": None}}, "has no low"),
        ({"values": {"low": 0.0}}, "low is 0"),
        ({"values": {"close": -101.0}}, "close is -101"),
        ({"values": {"high": 100.5}}, "the high 100.5 is below"),
        ({"values": {"low": 100.5}}, "the low 100.5 is above"),
        ({"values": {"volume": -1.0}}, "volume is -1"),
        ({"last": Last(T - MINUTE // 3, 100.0)}, "is its stamp the close"),
        ({"last": Last(T - MINUTE, 10_100.0)}, "another unit or a split"),
        ({"last": Last(T - MINUTE, 1.01)}, "another unit or a split"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(changes, reason):
    assert reason in why(**changes)


def test_a_change_of_scale_can_be_confirmed_and_nothing_else_can():
    assert why(last=Last(T - MINUTE, 10_100.0), confirm=True) == ""
    assert why(values={"low": 0.0}, confirm=True) != ""


def test_clocks_may_be_a_second_apart():
    assert why(now=T - NS_PER_SECOND) == ""


def test_another_unit_is_seen_also_where_the_clock_has_jumped_back():
    assert "looks like seconds" in why(t=T // 10**9, now=T - 400 * 10**9)


def test_prices_below_zero_are_taken_where_the_release_was_fitted_on_such():
    terms = Terms(TERMS.columns, None, MINUTE, nonpositive=True)
    assert why(terms=terms, symbol="OIL", values={"open": -3.0, "high": -1.0, "low": -5.0, "close": -2.0}) == ""
