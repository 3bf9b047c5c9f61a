"""Back-test: target positions and bars to net returns and trades, one compiled pass.

The accounting, exactly:

* A target is a share of equity (1 = all of it long, -1 short, 2 = levered), decided at the close of bar i and filled
  on bar i + 1, at its open or its close. The last bar's target is never filled.
* A target gives an order when it differs from the one ordered last; the order brings the holding to that share of
  equity at the fill price. A target that repeats the last gives none: units are held and their weight drifts.
  NaN is no decision: nothing is ordered. Before the first order the account is flat.
* Costs (`Costs.rate` times the traded notional) leave the account at the fill. Financing leaves it at each bar for
  the time since the close before, on borrowed money and on short notional held at that close.
* Equity is marked at every close, starting from 1. When it reaches zero the account is closed and stays at zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numba import types

from candlewick.core.clock import iso
from candlewick.core.compiled import compiled
from candlewick.core.errors import ConfigError, DataError
from candlewick.evaluate.account import NS_PER_YEAR, SIZE, account_step, mark_open_trade
from candlewick.evaluate.costs import Costs, Fill
from candlewick.evaluate.track import Track, Trades


@dataclass(frozen=True, eq=False)
class Account:
    """One instrument's back-test in money, 1 being what was put in.

    Attributes:
        t: int64 (n,), closes of the bars.
        equity: float64 (n,), at each close, costs taken off.
        held: float64 (n,), gross notional at each close.
        traded: float64 (n,), notional traded in each bar.
        cost: float64 (n,), costs and financing paid in each bar.
        trades: positions from entry to exit.
    """

    t: np.ndarray
    equity: np.ndarray
    held: np.ndarray
    traded: np.ndarray
    cost: np.ndarray
    trades: Trades

    @property
    def ruined(self) -> bool:
        """Whether the account lost everything."""
        return bool(self.equity[-1] <= 0)


def backtest(
    t: np.ndarray, target: np.ndarray, open: np.ndarray | None, close: np.ndarray, *, costs: Costs, fill: Fill
) -> Account:
    """Trade `target` on the bars of one instrument; the module's first lines define every step.

    Args:
        t: int64 (n,), closes of the bars, increasing.
        target: float64 (n,), share of equity decided at each close; NaN orders nothing.
        open: float64 (n,), or None where the bars have none (then only `next_close` can fill).
        close: float64 (n,).
        costs: fees, spread, slippage, financing.
        fill: which price of the next bar fills an order, such as `costs.fill_for(...)` gives.

    Raises:
        DataError: lengths differ, an infinite target, or a price that is not positive and finite.
        ConfigError: a fill at opens that do not exist.
    """
    if fill == "next_open" and open is None:
        raise ConfigError("fill next_open needs bars with an open, and these have none. Use next_close.")
    close = _prices("close", close, t)
    fills = _prices("open", open, t) if fill == "next_open" and open is not None else close
    target = np.ascontiguousarray(target, dtype=np.float64)
    if target.shape != close.shape or np.isinf(target).any():
        raise DataError(
            f"targets must be one number or NaN for each of {len(close)} bars, was {target.shape}"
            f"{' with infinite values' if np.isinf(target).any() else ''}."
        )
    t = np.ascontiguousarray(t, dtype=np.int64)
    money = np.empty((4, len(t)))
    trades = np.empty((len(t) + 2, 5))
    count: int = _simulate(t, target, fills, close, costs.rate, costs.financing / NS_PER_YEAR, money, trades)  # type: ignore[no-untyped-call]
    equity, held, traded, cost = money
    return Account(t, equity, held, traded, cost, _trades(t, trades[:count].copy()))


def portfolio(accounts: Sequence[Account], *, bars_per_year: float, weights: Sequence[float] | None = None) -> Track:
    """Accounts side by side as one track: each starts with its share of the capital, and no money moves between them.

    Bars are the union of all; an instrument without a bar stands at its last value. `weights` are shares of the
    capital at the start, equal where not given.

    Raises:
        ConfigError: weights that are not one positive number an account.
    """
    shares = (
        np.full(len(accounts), 1.0 / max(len(accounts), 1)) if weights is None else np.asarray(weights, dtype=float)
    )
    if len(accounts) == 0 or shares.shape != (len(accounts),) or not np.all(shares > 0):
        raise ConfigError(f"a portfolio of {len(accounts)} accounts needs that many positive weights, was {weights}.")
    shares = shares / shares.sum()
    t = accounts[0].t
    if any(not np.array_equal(account.t, t) for account in accounts[1:]):
        t = np.unique(np.concatenate([account.t for account in accounts]))
    clocked = [_on_clock(t, account) for account in accounts]
    equity, held, traded, cost = (sum(s * part[k] for s, part in zip(shares, clocked, strict=True)) for k in range(4))
    # Shares may sum to a little less than 1: the start is summed as the bars are, so that resting money earns nothing.
    before = np.concatenate([[sum(shares)], equity[:-1]])
    return Track(
        t=t,
        returns=_share(equity - before, before),
        exposure=_share(held, equity),
        traded=_share(traded, before),
        cost=_share(cost, before),
        trades=merged([account.trades for account in accounts]),
        bars_per_year=bars_per_year,
    )


def _on_clock(t: np.ndarray, account: Account) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    if len(account.t) == len(t):  # its bars are among t, so they are all of t
        return account.equity, account.held, account.traded, account.cost
    last = np.searchsorted(account.t, t, side="right") - 1
    rows = np.searchsorted(t, account.t)
    traded, cost = np.zeros((2, len(t)))
    traded[rows], cost[rows] = account.traded, account.cost
    return np.where(last >= 0, account.equity[last], 1.0), np.where(last >= 0, account.held[last], 0.0), traded, cost


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _prices(name: str, prices: np.ndarray, t: np.ndarray) -> np.ndarray:
    prices = np.ascontiguousarray(prices, dtype=np.float64)
    if prices.shape != np.shape(t) or len(prices) == 0:
        raise DataError(f"{name} must hold one price for each of {len(t)} bars and at least one, was {prices.shape}.")
    fine = (prices > 0) & np.isfinite(prices)
    if not fine.all():
        row = int(np.argmin(fine))
        raise DataError(
            f"{name} at row {row} ({iso(t[row])}) is {prices[row]}. A share of equity needs positive prices; "
            "shift the series or leave the trading part out."
        )
    return prices


def _trades(t: np.ndarray, rows: np.ndarray) -> Trades:
    entry, exit_, side = (rows[:, column].astype(np.int64) for column in range(3))
    return Trades(t[entry], t[exit_], side, exit_ - entry, rows[:, 3], rows[:, 4])


def merged(parts: Sequence[Trades]) -> Trades:
    """The trades of several accounts together, in order of their entry."""
    if len(parts) == 1:
        return parts[0]
    columns = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Trades)]
    order = np.argsort(columns[0], kind="stable")
    return Trades(*(column[order] for column in columns))


_numbers = types.Array(types.float64, 1, "C", readonly=True)
_stamps = types.Array(types.int64, 1, "C", readonly=True)
_matrix = types.float64[:, ::1]


@compiled(types.int64(_stamps, _numbers, _numbers, _numbers, types.float64, types.float64, _matrix, _matrix))
def _simulate(t, target, fills, close, rate, financing, money, trades):  # type: ignore[no-untyped-def]
    state, row, count = np.zeros(SIZE), np.zeros(4), 0
    for i in range(len(t)):
        count = account_step(  # type: ignore[no-untyped-call]
            state, t[i], fills[i], close[i], target[i], rate, financing, row, trades, count
        )
        money[0, i], money[1, i], money[2, i], money[3, i] = row[0], row[1], row[2], row[3]
    return mark_open_trade(state, trades, count)  # type: ignore[no-untyped-call]
