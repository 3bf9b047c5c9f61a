"""What a policy is: forecasts to target positions, and what it must beat."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from candlewick.core.compiled import compiled
from candlewick.core.errors import DataError
from candlewick.core.spec import Spec

Kind = Literal["number", "variance", "classes"]
Benchmark = Literal["buy_and_hold", "flat"]


class Policy(Spec):
    """A frozen spec: forecasts -> target positions as shares of equity, each from forecasts up to its own bar."""

    kinds: ClassVar[tuple[Kind, ...]]
    """Label kinds whose forecasts it understands."""

    benchmark: ClassVar[Benchmark]
    """What it is judged against: holding the instrument, or holding nothing."""

    @abstractmethod
    def targets(
        self, value: np.ndarray, probabilities: np.ndarray | None = None, *, bars_per_year: float
    ) -> np.ndarray:
        """float64 (n,), the position wanted at the close of each bar of one instrument; NaN where there is no forecast.

        `value` is float64 (n,) in label units, NaN where there is no forecast; `probabilities` (n, classes) for class
        labels, whose classes are ordered from down to up.

        Raises:
            DataError: forecasts of another kind than the policy understands.
        """


def benchmark_targets(benchmark: Benchmark, targets: np.ndarray) -> np.ndarray:
    """The benchmark's positions over the same bars, from the policy's first decision on.

    >>> benchmark_targets("buy_and_hold", np.array([np.nan, 0.4, 0.7]))
    array([nan,  1.,  1.])
    """
    position = 1.0 if benchmark == "buy_and_hold" else 0.0
    return np.where(np.maximum.accumulate(~np.isnan(targets)), position, np.nan)


def signal(value: np.ndarray, probabilities: np.ndarray | None) -> np.ndarray:
    """float64 (n,): the forecast itself; for classes the probability of the highest minus that of the lowest.

    Raises:
        DataError: lengths differ.
    """
    value = np.asarray(value, dtype=np.float64)
    if probabilities is None:
        return value
    if len(probabilities) != len(value):
        raise DataError(f"there are {len(probabilities)} rows of probabilities for {len(value)} forecasts.")
    return np.asarray(probabilities[:, -1] - probabilities[:, 0], dtype=np.float64)


@compiled()
def held_within(wanted: np.ndarray, band: float) -> np.ndarray:
    """Positions that follow `wanted` only when it is more than `band` away from the position held; NaN stays NaN."""
    out = np.empty_like(wanted)
    held = np.nan
    for i in range(len(wanted)):
        # Zero is always obeyed, so that a policy can leave the market.
        if not np.isnan(wanted[i]) and (np.isnan(held) or abs(wanted[i] - held) > band or wanted[i] == 0.0):
            held = wanted[i]
        out[i] = np.nan if np.isnan(wanted[i]) else held
    return out
