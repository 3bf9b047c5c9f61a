"""The back-test's accounting, worked out by hand."""

import numpy as np
import pytest

from candlewick.core.errors import ConfigError, DataError
from candlewick.evaluate.backtest import NS_PER_YEAR, backtest, portfolio
from candlewick.evaluate.costs import Costs

FREE = Costs(fee=0, half_spread=0, slippage=0)
NAN = np.nan


def run(target, close, opens=None, *, costs=FREE, fill="next_close", t=None):
    close = np.asarray(close, dtype=float)
    t = np.arange(len(close), dtype=np.int64) if t is None else np.asarray(t)
    return backtest(t, np.asarray(target, dtype=float), None if opens is None else np.asarray(opens, dtype=float),
                    close, costs=costs, fill=fill)  # fmt: skip


def test_a_position_earns_from_its_fill_on():
    account = run([1, 1, 1, 1], close=[100, 110, 121, 121], fill="next_close")
    np.testing.assert_allclose(account.equity, [1, 1, 1.1, 1.1])
    account = run([1, 1, 1, 1], close=[100, 110, 121, 121], opens=[100, 105, 110, 121], fill="next_open")
    np.testing.assert_allclose(account.equity, [1, 110 / 105, 121 / 105, 121 / 105])


def test_a_short_earns_what_the_price_falls():
    account = run([-1, -1, -1], close=[100, 100, 90])
    np.testing.assert_allclose(account.equity, [1, 1, 1.1])


def test_a_repeated_target_gives_no_order_and_the_weight_drifts():
    account = run([0.5] * 4, close=[100, 100, 200, 400], costs=Costs(fee=10, half_spread=0, slippage=0))
    np.testing.assert_allclose(account.traded, [0, 0.5, 0, 0])
    np.testing.assert_allclose(account.held, [0, 0.5, 1.0, 2.0])


def test_no_decision_leaves_the_position():
    held = run([1, NAN, NAN, NAN], close=[100, 100, 110, 120]).equity
    np.testing.assert_allclose(held, [1, 1, 1.1, 1.2])
    np.testing.assert_allclose(run([NAN, NAN, NAN], close=[100, 110, 120]).equity, 1.0)


def test_the_last_decision_is_never_filled():
    account = run([0, 0, 1], close=[100, 100, 100])
    assert account.traded.sum() == 0
    assert len(account.trades) == 0


def test_costs_are_taken_off_every_notional_traded():
    costs = Costs(fee=6, half_spread=3, slippage=1)
    account = run([1, -1, 0, 0, 0], close=[100] * 5, costs=costs)
    np.testing.assert_allclose(account.traded, [0, 1, 1.999, 0.999, 0], rtol=1e-9)
    np.testing.assert_allclose(account.cost, account.traded * costs.rate)
    assert account.equity[-1] == pytest.approx(1 - account.cost.sum())


def test_trades_split_at_a_flip_and_share_its_costs():
    costs = Costs(fee=10, half_spread=0, slippage=0)
    trades = run([1, -1, 0, 0, 0], close=[100, 100, 110, 99, 99], costs=costs).trades
    assert trades.side.tolist() == [1, -1]
    assert trades.entry.tolist() == [1, 2]
    assert trades.exit.tolist() == [2, 3]
    assert trades.bars.tolist() == [1, 1]
    np.testing.assert_allclose(trades.gross[0], 0.1)
    np.testing.assert_allclose(trades.profit[0], 0.1 - 0.001 - 0.0011)


def test_a_resized_position_is_one_trade_and_an_open_one_is_marked_at_the_end():
    trades = run([1, 0.5, 0.5, 0.5], close=[100, 100, 100, 120]).trades
    assert len(trades) == 1
    np.testing.assert_allclose(trades.profit, [0.1])
    assert trades.exit.tolist() == [3]


def test_financing_is_paid_on_what_is_borrowed_for_the_time_it_is_held():
    costs = Costs(fee=0, half_spread=0, slippage=0, financing=0.1)
    half_year = int(NS_PER_YEAR / 2)
    stamps = [0, 1, 1 + half_year]
    levered = run([3, 3, 3], close=[100] * 3, costs=costs, t=stamps).equity[-1]
    short = run([-1, -1, -1], close=[100] * 3, costs=costs, t=stamps).equity[-1]
    unlevered = run([1, 1, 1], close=[100] * 3, costs=costs, t=stamps).equity[-1]
    assert (levered, short, unlevered) == pytest.approx((1 - 2 * 0.05, 1 - 0.05, 1.0))


def test_an_account_that_lost_everything_stays_closed():
    account = run([-1, -1, 1, 1, 1], close=[100, 100, 250, 100, 300])
    assert account.ruined
    np.testing.assert_allclose(account.equity, [1, 1, 0, 0, 0])
    track = portfolio([account], bars_per_year=252.0)
    np.testing.assert_allclose(track.returns, [0, 0, -1, 0, 0])


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"close": [1.0, 0.0]}, DataError, "positive prices"),
        ({"close": [1.0, -3.0]}, DataError, "row 1"),
        ({"close": [1.0, NAN]}, DataError, "row 1"),
        ({"target": [np.inf, 0]}, DataError, "infinite"),
        ({"target": [0.0]}, DataError, "each of 2 bars"),
        ({"fill": "next_open"}, ConfigError, "bars with an open"),
        ({"fill": "next_open", "opens": [1.0]}, DataError, "open must hold one price"),
    ],
)
def test_what_cannot_be_traded_is_refused(how, error, words):
    with pytest.raises(error, match=words):
        run(**{"target": [1, 1], "close": [1.0, 1.0], **how})


def test_an_instrument_without_a_bar_stands_at_its_last_value():
    first = run([1, 1, 1, 1], close=[100, 100, 110, 121], t=[1, 2, 3, 4])
    second = run([1, 1, 1], close=[100, 100, 200], t=[2, 3, 5])
    track = portfolio([first, second], bars_per_year=252.0)
    assert track.t.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(track.equity, [1, 1, (1.1 + 1) / 2, (1.21 + 1) / 2, (1.21 + 2) / 2])
    np.testing.assert_allclose(track.exposure, [0, 0.5, 1, 1, 1])
    np.testing.assert_allclose(track.traded, [0, 0.5, 0.5, 0, 0])


def test_weights_are_shares_of_the_capital_at_the_start():
    rising, flat = run([1, 1, 1], close=[100, 100, 200]), run([1, 1, 1], close=[100, 100, 100])
    assert portfolio([rising, flat], bars_per_year=1.0, weights=[3, 1]).equity[-1] == pytest.approx(1.75)
    for wrong in ([1.0], [1.0, 0.0], [1.0, -1.0]):
        with pytest.raises(ConfigError, match="2 accounts"):
            portfolio([rising, flat], bars_per_year=1.0, weights=wrong)


def test_opens_that_repeat_the_close_move_the_fill_to_the_next_close():
    assert Costs().fill_for(0.10) == "next_open"
    assert Costs().fill_for(0.11) == "next_close"
    assert Costs(fill="next_open").fill_for(1.0) == "next_open"
    assert Costs(fill="next_close").fill_for(0.0) == "next_close"


@pytest.mark.parametrize("count", [3, 6, 49, 200])
def test_money_that_rests_in_many_accounts_earns_exactly_nothing(count):
    flat = run([0, 0, 0], close=[100, 50, 100])
    assert not portfolio([flat] * count, bars_per_year=252.0).returns.any()
