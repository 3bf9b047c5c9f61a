"""What a policy is: forecasts to target positions, and what it must beat."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from numba import types
from pydantic import Field

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

    band: float = Field(0.0, ge=0, description="smallest change of position worth an order")

    @abstractmethod
    def wanted(self, value: np.ndarray, probabilities: np.ndarray | None = None, *, bars_per_year: float) -> np.ndarray:
        """float64 (n,), the position that each bar's own forecast speaks for; NaN where there is none.

        `value` is float64 (n,) in label units, NaN where there is no forecast; `probabilities` (n, classes) for class
        labels, whose classes are ordered from down to up.

        Raises:
            DataError: forecasts of another kind than the policy understands.
        """

    def targets(
        self, value: np.ndarray, probabilities: np.ndarray | None = None, *, bars_per_year: float
    ) -> np.ndarray:
        """float64 (n,), the position held from each close of one instrument on: `wanted`, followed by `band`.

        Raises:
            DataError: forecasts of another kind than the policy understands.
        """
        return held_within(self.wanted(value, probabilities, bars_per_year=bars_per_year), self.band)

    def follow(self, wanted: float, held: float) -> float:
        """One step of `targets`: the position to hold where `wanted` is wanted and `held` is held.

        NaN, no decision, where nothing is wanted; `held` is NaN before the first decision.

        >>> from candlewick.evaluate.policies.proportional import Proportional
        >>> Proportional(band=0.1).follow(0.55, 0.5), Proportional(band=0.1).follow(0.65, 0.5)
        (0.5, 0.65)
        """
        return float(_followed(wanted, held, self.band))


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


@compiled(types.float64(types.float64, types.float64, types.float64))
def _followed(wanted: float, held: float, band: float) -> float:
    # Zero is always obeyed, so that a policy can leave the market.
    if np.isnan(wanted) or np.isnan(held) or abs(wanted - held) > band or wanted == 0.0:
        return wanted
    return held


@compiled()
def held_within(wanted: np.ndarray, band: float) -> np.ndarray:
    """Positions that follow `wanted` only when it is more than `band` away from the position held; NaN stays NaN."""
    out = np.empty_like(wanted)
    held = np.nan
    for i in range(len(wanted)):
        out[i] = _followed(wanted[i], held, band)
        if not np.isnan(out[i]):
            held = out[i]
    return out
