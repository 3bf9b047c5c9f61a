"""A back-test of a million bars with costs, an order at nearly every bar."""

import sys
import time
from pathlib import Path

import numpy as np

from candlewick.evaluate.backtest import backtest, portfolio
from candlewick.evaluate.costs import Costs

sys.path.insert(0, str(Path(__file__).parents[1]))
from _record import record

BARS = 1_000_000


def main() -> None:
    random = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, BARS)))
    opens = close * np.exp(random.normal(0, 1e-4, BARS))
    t = np.arange(BARS, dtype=np.int64) * 60_000_000_000
    target = random.choice([-0.02, -0.01, 0.0, 0.01, 0.02], BARS)
    costs = Costs(financing=0.05)

    tested, whole = [], []
    backtest(t[:10], target[:10], opens[:10], close[:10], costs=costs, fill="next_open")
    for _ in range(7):
        start = time.perf_counter()
        account = backtest(t, target, opens, close, costs=costs, fill="next_open")
        tested.append(time.perf_counter() - start)
        portfolio([account], bars_per_year=525_600.0)
        whole.append(time.perf_counter() - start)
    figures = {
        "bars": BARS,
        "trades": len(account.trades),
        "backtest, seconds": float(np.median(tested)),
        "backtest and track, seconds": float(np.median(whole)),
    }
    record("backtest", figures)
    if figures["backtest and track, seconds"] >= 0.1:
        raise SystemExit("a back-test of a million bars must take less than 0.1 s")


if __name__ == "__main__":
    main()
