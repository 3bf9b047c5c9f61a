"""What a back-test leaves behind: net returns bar by bar, and trades."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Trades:
    """Positions of one sign held without a break, in order of their entry; one still open is marked at the last close.

    One after the other, the trades of an account make its equity: it is the product of 1 + `profit`.

    Attributes:
        entry: int64 (k,), stamp of the bar that filled the entry, ns UTC.
        exit: int64 (k,), stamp of the bar that filled the exit; of the last bar where the trade is still open.
        side: int64 (k,), 1 long, -1 short.
        bars: int64 (k,), bars between entry and exit.
        gross: float64 (k,), profit before costs as a share of the account's equity just before the entry.
        profit: float64 (k,), the same after costs.
    """

    entry: np.ndarray
    exit: np.ndarray
    side: np.ndarray
    bars: np.ndarray
    gross: np.ndarray
    profit: np.ndarray

    def __len__(self) -> int:
        return len(self.profit)


@dataclass(frozen=True, eq=False)
class Track:
    """The record of a strategy that the trading metrics read.

    Attributes:
        t: int64 (n,), closes of the bars, ns UTC.
        returns: float64 (n,), net simple return of equity over each bar, costs taken off.
        exposure: float64 (n,), gross notional held at the close as a share of equity at that close.
        traded: float64 (n,), notional traded in the bar as a share of equity at the close before.
        cost: float64 (n,), what trading and borrowing cost in the bar as a share of equity at the close before.
        trades: the trades of all instruments.
        bars_per_year: bars in a year of the market's own calendar.
    """

    t: np.ndarray
    returns: np.ndarray
    exposure: np.ndarray
    traded: np.ndarray
    cost: np.ndarray
    trades: Trades
    bars_per_year: float

    def __len__(self) -> int:
        return len(self.t)

    @property
    def equity(self) -> np.ndarray:
        """float64 (n,), equity at each close where 1 was put in before the first bar."""
        return np.cumprod(1.0 + self.returns)
