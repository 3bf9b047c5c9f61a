"""Small markets for contracts: an ordinary one, and every odd one that a member must survive."""

from collections.abc import Callable, Iterable

import numpy as np

from candlewick.core import random
from candlewick.core.clock import NS_PER_SECOND
from candlewick.data.bars import OHLCV, Bars

HOUR = 3600 * NS_PER_SECOND
_MONDAY = 1_704_067_200 * NS_PER_SECOND


def ordinary(n: int = 400, seed: int = 0, *, extra: Iterable[str] = (), start: int = _MONDAY) -> Bars:
    """Hourly bars of a random walk of 1 % a bar around 100, with volume; `extra` columns are random and positive."""
    rng = random.stream(seed, "ordinary market")
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.002, n))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.004, n)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.004, n)))
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": rng.lognormal(8, 0.5, n)}
    columns |= {name: rng.lognormal(0, 0.3, n) for name in extra if name not in OHLCV}
    return Bars.of("ODD", start + (1 + np.arange(n)) * HOUR, columns, interval_ns=HOUR)


def odd_markets(n: int = 400, seed: int = 0, *, extra: Iterable[str] = ()) -> dict[str, Bars]:
    """Markets with positive prices and valid candles that break careless code, by name."""
    usual = ordinary(n, seed, extra=extra)
    return {
        "flat": _edited(usual, lambda name, x: np.zeros(n) if name == "volume" else np.full(n, 100.1)),
        "stops": _stopped(usual),
        "gaps": _with_gaps(usual),
        "jumps": _edited(usual, lambda name, x: x if name == "volume" else x * np.where(_every_other_50(n), 10.0, 1.0)),
        "no volume": _edited(usual, lambda name, x: np.zeros(n) if name == "volume" else x),
        "huge": _edited(usual, lambda name, x: x * 1e12),
        "tiny": _edited(usual, lambda name, x: x * 1e-10),
        "coarse ticks": _edited(usual, lambda name, x: x if name == "volume" else np.maximum(np.round(x / 5) * 5, 5)),
        "one bar": usual[:1],
        "two bars": usual[:2],
    }


def negative(n: int = 400, seed: int = 0, *, extra: Iterable[str] = ()) -> Bars:
    """Prices that fall through zero, as oil futures did in April 2020."""
    usual = ordinary(n, seed, extra=extra)
    fall = np.linspace(0, 1.3 * usual.column("high").max(), n)
    return _edited(usual, lambda name, x: x - fall if name in OHLCV[:4] else x)


def scaled(bars: Bars, prices: float, volume: float) -> Bars:
    """Every column but volume times `prices`, and volume times `volume`."""
    return _edited(bars, lambda name, x: x * (volume if name == "volume" else prices))


def replaced_after(bars: Bars, row: int, seed: int) -> Bars:
    """The same bars up to `row`, and another market after it: other prices, other stamps, as many bars."""
    extra = [name for name in bars.columns if name not in OHLCV]
    other = scaled(ordinary(len(bars), seed, extra=extra), 3.0, 5.0)
    t, values = bars.t.copy(), bars.values.copy()
    t[row + 1 :] += HOUR // 3 + np.arange(len(bars) - row - 1) * HOUR
    values[row + 1 :] = other.values[row + 1 :]
    return Bars.of(bars.symbol, t, dict(zip(bars.columns, values.T, strict=True)), interval_ns=bars.interval_ns)


def with_bar(bars: Bars, row: int, values: np.ndarray) -> Bars:
    """The same bars with other `values` (columns,) in one row."""
    changed = bars.values.copy()
    changed[row] = values
    return bars.with_values(changed)


def _edited(bars: Bars, edit: Callable[[str, np.ndarray], np.ndarray]) -> Bars:
    columns = {name: edit(name, bars.column(name)) for name in bars.columns}
    return Bars.of(bars.symbol, bars.t, columns, interval_ns=bars.interval_ns)


def _every_other_50(n: int) -> np.ndarray:
    return (np.arange(n) // 50) % 2 == 1


def _stopped(bars: Bars) -> Bars:
    resting = _every_other_50(len(bars))
    last_traded = np.maximum.accumulate(np.where(resting, 0, np.arange(len(bars))))
    still = bars.column("close")[last_traded]
    return _edited(bars, lambda name, x: np.where(resting, 0.0 if name == "volume" else still, x))


def _with_gaps(bars: Bars) -> Bars:
    """A weekend after every 50 bars, over which prices move by a fifth."""
    weekends = np.arange(len(bars)) // 50
    columns = {name: bars.column(name) * (1.0 if name == "volume" else 1.2**weekends) for name in bars.columns}
    return Bars.of(bars.symbol, bars.t + weekends * 60 * HOUR, columns, interval_ns=HOUR)
