"""Speed of the features: one live step of all of them, and a scan of a million bars, with pandas beside it.

Run from the root of the repository: `python benchmarks/speed/features.py`.
"""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from candlewick.data.bars import Bars
from candlewick.features import FEATURES
from candlewick.features._set import FeatureSet

sys.path.insert(0, str(Path(__file__).parent.parent))
from _record import record

SCANNED = 1_000_000
LIVE = 20_000
REPEATS = 7


def main() -> None:
    features = FeatureSet.of(FEATURES.names())
    transform = FeatureSet.of(["relative_transform"])
    bars = minutes(SCANNED)
    scan_s, history = best(lambda: transform.run(bars))
    pandas_s, expected = best(lambda: with_pandas(bars), repeats=3)
    gap = float(np.nanmax(np.abs(history[19:] - expected[19:])))
    rows = np.arange(19, SCANNED, 997)
    exact = np.array([zscore_of(bars.values[row - 19 : row + 1, :4]) for row in rows])
    live_us = {size: live_step_us(FeatureSet.of(names), bars) for size, names in
               {"all": FEATURES.names(), "relative_transform": ["relative_transform"]}.items()}  # fmt: skip
    figures = {
        "features together": len(features.features),
        "columns together": features.width,
        "live step of all features, us a bar": live_us["all"],
        "live step of relative_transform, us a bar": live_us["relative_transform"],
        "scan of 1,000,000 bars of relative_transform, s": scan_s,
        "scan of relative_transform, ns a bar": scan_s / SCANNED * 1e9,
        "the same with pandas rolling, s": pandas_s,
        "pandas over scan": pandas_s / scan_s,
        "largest difference from pandas": gap,
        "largest z-score error, against whole windows": float(np.abs(history[rows, 7:] - exact).max()),
        "the same of pandas": float(np.abs(expected[rows, 7:] - exact).max()),
        "scan of 1,000,000 bars of all features, s": best(lambda: features.run(bars), repeats=1)[0],
        "live equals history bit for bit, bars compared": bars_equal(features, bars[:LIVE]),
    }
    print(record("features", figures))
    assert figures["live step of all features, us a bar"] < 30
    assert figures["scan of 1,000,000 bars of relative_transform, s"] < 2
    assert figures["live equals history bit for bit, bars compared"] == LIVE


def minutes(n: int) -> Bars:
    """A random walk of 0.03 % a bar, with volume."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 3e-4, n)))
    open_ = np.append(100.0, close[:-1]) * np.exp(rng.normal(0, 5e-5, n))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 1e-4, n)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 1e-4, n)))
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": rng.lognormal(8, 0.5, n)}
    return Bars.of("BENCH", np.arange(n) * 60_000_000_000, columns)


def zscore_of(window: np.ndarray) -> np.ndarray:
    return np.asarray((window[-1] - window.mean(axis=0)) / window.std(axis=0))


def best(call, repeats: int = REPEATS):
    """Least seconds of several calls, and what the last gave; the first call, which warms up, does not count."""
    call()
    seconds = []
    for _ in range(repeats):
        began = perf_counter()
        value = call()
        seconds.append(perf_counter() - began)
    return min(seconds), value


def live_step_us(features: FeatureSet, bars: Bars) -> float:
    rows = [(int(t), row.copy()) for t, row in zip(bars.t[:LIVE], bars.values[:LIVE], strict=True)]

    def follow() -> None:
        live = features.begin(bars.columns)
        for t, row in rows:
            live.step(t, row)

    return best(follow)[0] / LIVE * 1e6


def bars_equal(features: FeatureSet, bars: Bars) -> int:
    live = features.begin(bars.columns)
    out = np.array([live.step(int(t), row).copy() for t, row in zip(bars.t, bars.values, strict=True)])
    same = out.view(np.int64) == features.run(bars).view(np.int64)
    return int(same.all(axis=1).sum())


def with_pandas(bars: Bars) -> np.ndarray:
    """The eleven columns of relative_transform as one writes them with pandas."""
    prices = pd.DataFrame({name: bars.column(name) for name in ("open", "high", "low", "close")})
    returns = np.log(prices).diff()
    extent = prices["high"] - prices["low"]
    shape = pd.DataFrame(
        {
            "body": (prices["close"] - prices["open"]).abs() / extent,
            "upper": (prices["high"] - prices[["open", "close"]].max(axis=1)) / extent,
            "lower": (prices[["open", "close"]].min(axis=1) - prices["low"]) / extent,
        }
    )
    rolling = prices.rolling(20)
    z = ((prices - rolling.mean()) / rolling.std(ddof=0)).clip(-10, 10)
    return np.hstack([returns.to_numpy(), shape.to_numpy(), z.to_numpy()])


if __name__ == "__main__":
    main()
