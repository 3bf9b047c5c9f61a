"""The accounting of one instrument, a bar at a time: the one step of back-tests and of accounts on paper.

What a step does is defined by the first lines of `evaluate/backtest.py`.
"""

import numpy as np
from numba import types

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.compiled import compiled
from candlewick.evaluate.costs import Costs, Fill

NS_PER_YEAR = 365.25 * NS_PER_DAY

SIZE = 12
"""Numbers that an account remembers; the first is the number of bars it has seen."""

_SEEN, _CASH, _UNITS, _ORDERED, _MARK, _ENTRY, _CAPITAL, _GROSS, _PAID, _WANTED, _T_HIGH, _T_LOW = range(SIZE)
_LOW_HALF = 2**32 - 1

_vector = types.float64[::1]
_matrix = types.float64[:, ::1]


class PaperAccount:
    """One instrument's account at work, bar by bar, with the back-test's own step.

    >>> account = PaperAccount(costs=Costs(fee=10, half_spread=0, slippage=0), fill="next_close")
    >>> [account.step(t, None, 50.0, target)[0] for t, target in enumerate((1.0, 0.0, 0.0))]
    [1.0, 0.999, 0.998]

    Attributes:
        state: float64 (12,), all there is to remember: `saved = account.state.copy()`, `account.state[:] = saved`.
    """

    def __init__(self, *, costs: Costs, fill: Fill) -> None:
        self.state = np.zeros(SIZE)
        self._rate, self._financing, self._at_open = costs.rate, costs.financing / NS_PER_YEAR, fill == "next_open"
        self._money, self._trades = np.zeros(4), np.zeros((2, 5))

    def step(self, t: int, open: float | None, close: float, target: float) -> tuple[float, float, float]:
        """One closed bar, at whose close `target` is decided; it is filled on the next one.

        Prices must be positive and finite; `open` is read where fills are at opens, and may be None elsewhere.

        Returns:
            Equity at this close, the position held there as a signed share of it, and what the bar cost.
        """
        fills = close if open is None or not self._at_open else open
        account_step(  # type: ignore[no-untyped-call]
            self.state, t, fills, close, target, self._rate, self._financing, self._money, self._trades, 0
        )  # fmt: skip
        equity, _, _, cost = self._money.tolist()
        return equity, position(self.state), cost


def position(state: np.ndarray) -> float:
    """What an account holds at the newest close, as a signed share of equity; 0 where it is ruined."""
    held = float(state[_UNITS] * state[_MARK])
    equity = float(state[_CASH]) + held
    return held / equity if equity > 0 else 0.0


@compiled(types.void(_vector, types.int64, types.int64, types.float64, types.float64, types.float64))
def record_trade(row, entry, exit, units, gross, paid):  # type: ignore[no-untyped-def]
    """Write a trade: entry, exit, side, profit before and after costs."""
    row[0], row[1], row[2], row[3], row[4] = entry, exit, np.sign(units), gross, gross - paid


@compiled(types.int64(_vector, types.int64, *[types.float64] * 5, _vector, _matrix, types.int64))
def account_step(state, t, fills, close, target, rate, financing, money, trades, count):  # type: ignore[no-untyped-def]
    """Take an account through a bar after `count` trades.

    Writes equity, held, traded and cost to `money`, trades that ended to rows of `trades` from `count` on, and gives
    how many there are now.
    """
    last = (np.int64(state[_T_HIGH]) << 32) + np.int64(state[_T_LOW])
    state[_T_HIGH], state[_T_LOW] = t >> 32, t & _LOW_HALF  # a float64 does not hold a stamp
    i = np.int64(state[_SEEN])
    state[_SEEN] = i + 1
    wanted = state[_WANTED]
    state[_WANTED] = target
    if i == 0:
        state[_CASH], state[_CAPITAL], state[_MARK] = 1.0, 1.0, close
        money[0], money[1], money[2], money[3] = 1.0, 0.0, 0.0, 0.0
        return count
    cash, units, mark, paid, gross = state[_CASH], state[_UNITS], state[_MARK], state[_PAID], state[_GROSS]
    notional, cost = 0.0, 0.0
    if units != 0.0 and financing > 0.0:
        borrowed = max(-cash, 0.0) if units > 0.0 else -units * mark
        cost = borrowed * financing * (t - last)
        cash -= cost
        paid += cost
    equity = cash + units * fills
    if not np.isnan(wanted) and wanted != state[_ORDERED] and equity > 0.0:
        state[_ORDERED] = wanted
        after = wanted * equity / fills
        gross += units * (fills - mark)
        mark = fills
        notional = abs(after - units) * fills
        cost += rate * notional
        cash -= (after - units) * fills + rate * notional
        if units * after > 0.0:
            paid += rate * notional
        else:
            closing = rate * abs(units) * fills
            if units != 0.0:
                paid += closing
                capital = state[_CAPITAL]
                record_trade(trades[count], np.int64(state[_ENTRY]), i, units, gross / capital, paid / capital)  # type: ignore[no-untyped-call]
                count += 1
            state[_ENTRY], state[_CAPITAL], gross, paid = i, equity - closing, 0.0, rate * abs(after) * fills
        units = after
    gross += units * (close - mark)
    mark = close
    equity = cash + units * mark
    if equity <= 0.0:
        if units != 0.0:
            capital = state[_CAPITAL]
            record_trade(trades[count], np.int64(state[_ENTRY]), i, units, gross / capital, paid / capital)  # type: ignore[no-untyped-call]
            count += 1
        cash, units, equity = 0.0, 0.0, 0.0
    state[_CASH], state[_UNITS], state[_MARK], state[_PAID], state[_GROSS] = cash, units, mark, paid, gross
    money[0], money[1], money[2], money[3] = equity, abs(units) * mark, notional, cost
    return count


@compiled(types.int64(_vector, _matrix, types.int64))
def mark_open_trade(state, trades, count):  # type: ignore[no-untyped-def]
    """Write the trade that is still open, marked at the newest close, as row `count`; gives how many there are now."""
    if state[_UNITS] == 0.0:
        return count
    entry, capital = np.int64(state[_ENTRY]), state[_CAPITAL]
    record_trade(
        trades[count], entry, np.int64(state[_SEEN]) - 1, state[_UNITS], state[_GROSS] / capital, state[_PAID] / capital
    )  # type: ignore[no-untyped-call]
    return count + 1
