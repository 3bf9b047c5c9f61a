"""An account on paper, bar by bar, against the back-test of the same bars."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlewick.evaluate.account import PaperAccount
from candlewick.evaluate.backtest import backtest
from candlewick.evaluate.costs import Costs


@st.composite
def markets(draw):
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    close = 100 * np.exp(np.cumsum(rng.normal(0, draw(st.sampled_from([0.001, 0.05, 0.7])), n)))
    target = rng.choice([np.nan, -2.0, -1.0, 0.0, 0.3, 1.0, 3.0], n)
    t = 1_700_000_000_000_000_000 + np.cumsum(rng.integers(1, 10**13, n))
    return t, target, close * np.exp(rng.normal(0, 0.01, n)), close


@settings(max_examples=60, deadline=None)
@given(market=markets(), fill=st.sampled_from(["next_open", "next_close"]), financing=st.sampled_from([0.0, 0.5]))
def test_bar_by_bar_it_is_the_backtest_bit_for_bit(market, fill, financing):
    t, target, opens, close = market
    costs = Costs(fee=20, financing=financing)
    whole = backtest(t, target, opens, close, costs=costs, fill=fill)
    account = PaperAccount(costs=costs, fill=fill)
    told = np.array([account.step(*bar) for bar in zip(t.tolist(), opens, close, target, strict=True)])
    assert told[:, 0].tobytes() == whole.equity.tobytes()
    assert told[:, 2].tobytes() == whole.cost.tobytes()
    np.testing.assert_allclose(np.abs(told[:, 1]) * told[:, 0], whole.held, rtol=1e-12, atol=1e-300)


def test_it_goes_on_from_its_state_in_another_account():
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 50)))
    target = rng.choice([-1.0, 0.0, 1.0], 50)
    costs = Costs(financing=0.1)
    whole, first, second = (PaperAccount(costs=costs, fill="next_close") for _ in range(3))
    expected = [whole.step(k, None, close[k], target[k]) for k in range(50)]
    told = [first.step(k, None, close[k], target[k]) for k in range(20)]
    second.state[:] = first.state
    told += [second.step(k, None, close[k], target[k]) for k in range(20, 50)]
    assert told == expected


def test_the_position_is_signed_and_drifts_with_the_price():
    account = PaperAccount(costs=Costs(fee=0, half_spread=0, slippage=0), fill="next_close")
    positions = [account.step(k, None, price, target)[1] for k, (price, target) in enumerate(
        [(100.0, -1.0), (100.0, np.nan), (50.0, 0.0), (50.0, 0.0)])]  # fmt: skip
    assert positions == pytest.approx([0.0, -1.0, -1 / 3, 0.0])
