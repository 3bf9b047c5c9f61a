"""The compiled back-test equals an independent plain loop, and money is never made or lost by the bookkeeping."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlewick.evaluate.backtest import NS_PER_YEAR, backtest, portfolio
from candlewick.evaluate.costs import Costs


def plain_loop(t, target, open, close, rate, financing, fill):
    """Equity at each close, written from the definition without looking at the compiled pass."""
    cash, units, last_order, equity = 1.0, 0.0, 0.0, [1.0]
    for i in range(1, len(t)):
        years = (t[i] - t[i - 1]) / NS_PER_YEAR
        if units > 0 and cash < 0:
            cash -= -cash * financing * years
        if units < 0:
            cash -= -units * close[i - 1] * financing * years
        price = open[i] if fill == "next_open" else close[i]
        worth = cash + units * price
        order = target[i - 1]
        if order == order and order != last_order and worth > 0:
            last_order = order
            buy = order * worth / price - units
            cash -= buy * price
            cash -= abs(buy) * price * rate
            units += buy
        worth = cash + units * close[i]
        if worth <= 0:
            cash = units = worth = 0.0
        equity.append(worth)
    return np.array(equity)


def market(random, n):
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, n)))
    opens = close * np.exp(random.normal(0, 0.01, n))
    t = np.cumsum(random.integers(1, 10, n)) * 3_600_000_000_000
    target = random.choice([np.nan, -1.0, 0.0, 0.3, 0.3, 0.3, 1.0, 2.5], n)
    return t, target, opens, close


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 400),
    fee=st.floats(0, 100),
    financing=st.floats(0, 0.5),
    fill=st.sampled_from(["next_open", "next_close"]),
)
def test_it_equals_a_plain_loop(seed, n, fee, financing, fill):
    t, target, opens, close = market(np.random.default_rng(seed), n)
    costs = Costs(fee=fee, financing=financing)
    account = backtest(t, target, opens, close, costs=costs, fill=fill)
    expected = plain_loop(t, target, opens, close, costs.rate, financing, fill)
    np.testing.assert_allclose(account.equity, expected, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 300), fill=st.sampled_from(["next_open", "next_close"]))
def test_trades_hold_all_the_money_that_was_made(seed, n, fill):
    t, target, opens, close = market(np.random.default_rng(seed), n)
    account = backtest(t, target, opens, close, costs=Costs(fee=5, financing=0.1), fill=fill)
    trades = account.trades
    grown = np.prod(1 + trades.profit) if len(trades) else 1.0
    if not account.ruined:
        np.testing.assert_allclose(account.equity[-1], grown, rtol=1e-9)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), n=st.integers(20, 200), cut=st.integers(2, 19))
def test_the_future_changes_nothing_before_it(seed, n, cut):
    t, target, opens, close = market(np.random.default_rng(seed), n)
    costs = Costs(financing=0.02)
    whole = backtest(t, target, opens, close, costs=costs, fill="next_open")
    early = backtest(t[:cut], target[:cut], opens[:cut], close[:cut], costs=costs, fill="next_open")
    for name in ("equity", "held", "traded", "cost"):
        assert getattr(whole, name)[:cut].tobytes() == getattr(early, name).tobytes()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), weights=st.lists(st.floats(0.1, 5), min_size=3, max_size=3))
def test_a_portfolio_is_the_weighted_sum_of_its_accounts(seed, weights):
    random = np.random.default_rng(seed)
    accounts = []
    for n in (50, 80, 20):
        accounts.append(backtest(*market(random, n), costs=Costs(), fill="next_close"))
    track = portfolio(accounts, bars_per_year=252, weights=weights)
    finals = np.array([account.equity[-1] for account in accounts])
    assert track.equity[-1] == pytest.approx(np.dot(weights, finals) / np.sum(weights), rel=1e-9)
    assert len(track.trades) == sum(len(account.trades) for account in accounts)
    assert np.all(np.diff(track.t) > 0)
    assert np.all(np.diff(track.trades.entry) >= 0)
