"""What 100,000 windows of 105 x 11 cost: as views of one matrix, and as the usual copy."""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _record import record

from candlewick.data.bars import Bars, Panel
from candlewick.features._set import FeatureSet
from candlewick.labels import LABELS
from candlewick.samples.build import build
from candlewick.samples.dataset import Samples

WINDOWS, LENGTH, BATCH = 100_000, 105, 128
FEATURES = FeatureSet.of(["relative_transform"])
LABEL = LABELS.build("forward_return")

T = TypeVar("T")


def market(n: int) -> Panel:
    rng = np.random.default_rng(0)
    close = 100 * np.exp(rng.standard_normal(n).cumsum() / 1000)
    above, below = np.exp(np.abs(rng.standard_normal((2, n))) / 1000)
    columns = {"open": close, "high": close * above, "low": close / below, "close": close}
    return Panel((Bars.of("SYN", np.arange(1, n + 1) * 60 * 10**9, columns),))


def held(make: Callable[[], T]) -> tuple[T, float, float]:
    """What `make` gives, the MB that stay allocated with it, and the MB at the peak."""
    gc.collect()
    tracemalloc.start()
    made = make()
    gc.collect()
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return made, now / 1e6, peak / 1e6


def resident() -> float:
    """MB of this process in memory."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1e3


def main() -> None:
    panel = market(WINDOWS + LENGTH + FEATURES.warmup - 1)  # the label takes the last bar
    build(panel, FEATURES, LABEL, length=LENGTH)  # compiled and imported before anything is measured
    (data, _), dataset_mb, build_peak_mb = held(lambda: build(panel, FEATURES, LABEL, length=LENGTH))
    samples = Samples(data, np.flatnonzero(data.labelled))
    assert len(samples) == WINDOWS
    windows, views_mb, _ = held(lambda: samples.windows)
    assert np.shares_memory(windows, data.x)

    order = np.random.default_rng(0).permutation(len(samples))
    began = perf_counter()
    for first in range(0, len(order), BATCH):
        samples.batch(order[first : first + BATCH])
    epoch_s = perf_counter() - began

    before = resident()
    copied, copied_mb, _ = held(lambda: samples.batch(np.arange(len(samples))))
    copied_resident_mb = resident() - before
    np.testing.assert_array_equal(copied[777], samples.batch(np.array([777]))[0])
    record(
        "windows",
        {
            "windows": WINDOWS,
            "shape of a window": f"{LENGTH} x {len(data.columns)} float32",
            "matrix that all windows share, MB": data.x.nbytes / 1e6,
            "views of all windows, MB more": views_mb,
            "dataset with times, labels and echo, MB": dataset_mb,
            "peak while it is built, MB": build_peak_mb,
            "all windows copied, MB": copied_mb,
            "all windows copied, MB resident": copied_resident_mb,
            "copied / matrix": copied_mb / (data.x.nbytes / 1e6),
            f"one shuffled epoch in batches of {BATCH}, s": epoch_s,
        },
    )


if __name__ == "__main__":
    main()
