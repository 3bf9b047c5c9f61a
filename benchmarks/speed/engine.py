"""Bar in to Forecast out: the 5 x 512 LSTM behind forty feature columns, one instrument, bar after bar.

    python benchmarks/speed/engine.py [--bars 100000 --layers 5 --precision int8 --spinning]

The whole of `Engine.step` is timed, by the engine's own histogram for each stage and by a clock outside it. Weights
are fresh: their values cost the same as trained ones. Kernel, precision and threads are those that `choose` takes, or
its best of `--precision`. Memory is what the system counts as resident, by half: what a library does once, such as a
thread that begins late, shows in one of them, what grows with the bars in both. Goals: p99 below 1 ms, p99.9 below
2 ms, no growth.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record
from speed.features import minutes

from candlewick.lab.claims.network import deployed, published
from candlewick.runtime.choose import Setting, candidates, choose, open_session
from candlewick.runtime.engine import Engine
from candlewick.runtime.exported import Exported
from candlewick.runtime.histogram import Histogram

WARM = 5_000
PAGE = 4096
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--bars", type=int, default=100_000)
    arguments.add_argument("--layers", type=int, default=5)
    arguments.add_argument("--precision", choices=("fp32", "bf16", "int8"))
    arguments.add_argument("--spinning", action="store_true", help="let threads stay awake between bars")
    asked = arguments.parse_args()
    exported = deployed(published(asked.layers))
    setting = chosen(exported, asked.precision, asked.spinning)
    market = minutes(asked.bars + WARM + exported.anchor)
    rows = np.column_stack([market.column(name) for name in exported.columns])
    engine = Engine(exported, ["BENCH"], open_session(exported, setting), interval_ns=60_000_000_000)
    first = WARM + exported.anchor
    stamps, taken = market.t.tolist(), np.ones(len(rows), dtype=np.int64)
    follow(engine, stamps[:first], rows[:first], taken[:first])
    engine.latency.update({stage: Histogram() for stage in engine.latency})
    middle = first + asked.bars // 2
    counted = [resident()]
    for part in (slice(first, middle), slice(middle, None)):
        follow(engine, stamps[part], rows[part], taken[part])
        counted.append(resident())
    figures: dict[str, object] = {
        "layers": asked.layers, "bars": asked.bars, "feature columns": exported.features.width, "setting": str(setting)
    }  # fmt: skip
    for stage, histogram in engine.latency.items():
        figures |= {f"{stage}, {name}, us": value for name, value in histogram.summary().items() if name != "count"}
    outside = np.quantile(taken[first:], list(QUANTILES.values())) / 1e3
    figures |= {f"from outside, {name}, us": float(us) for name, us in zip(QUANTILES, outside, strict=True)}
    figures["from outside, max, us"] = float(taken[first:].max()) / 1e3
    for half, (before, after) in zip(("first", "second"), pairwise(counted), strict=True):
        figures[f"growth of resident memory, {half} half, bytes"] = after - before
    figures["goals"] = "p99 below 1000 us, p99.9 below 2000 us, growth 0"
    record("engine" if asked.layers == 5 else f"engine_{asked.layers}_layers", figures)


def chosen(exported: Exported, precision: str | None, spinning: bool) -> Setting:
    possible = candidates(exported, spinning=spinning)
    return choose(exported, settings=[one for one in possible if precision in (None, one.precision)])[0]


def follow(engine: Engine, stamps: list[int], rows: np.ndarray, taken: np.ndarray) -> None:
    """Step through the bars; `taken` gets the nanoseconds of every step."""
    for place, t in enumerate(stamps):
        began = perf_counter_ns()
        engine.step(t, rows[place])
        taken[place] = perf_counter_ns() - began


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


if __name__ == "__main__":
    main()
