"""Maximum drawdown: the largest fall of equity from a peak, with how long it lasted."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
from candlewick.evaluate.track import Track


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall of a track.

    Attributes:
        depth: share of the peak that was lost, 0 .. 1.
        peak: stamp of the last close at the peak; None where the fall starts from the money put in.
        trough: stamp of the lowest close; None where equity never fell.
        recovery: stamp of the first close back at the peak; None where that has not happened.
        bars_down: bars from peak to trough.
        bars_to_recover: bars from trough to recovery; None where that has not happened.
        bars: bars from peak to recovery, or to the end of the track.
    """

    depth: float
    peak: int | None
    trough: int | None
    recovery: int | None
    bars_down: int
    bars_to_recover: int | None
    bars: int


def deepest(track: Track) -> Drawdown:
    """The deepest fall; the first of several equal ones. The money put in counts as the first peak."""
    checked_returns(track)
    equity = np.concatenate([[1.0], track.equity])
    peaks = np.maximum.accumulate(equity)
    fall = 1.0 - equity / peaks
    trough = int(np.argmax(fall))
    if fall[trough] <= 0:
        return Drawdown(0.0, None, None, None, 0, None, 0)
    peak = int(np.flatnonzero(equity[:trough] == peaks[trough])[-1])
    back = np.flatnonzero(equity[trough:] >= peaks[trough])
    recovery = trough + int(back[0]) if len(back) else None
    return Drawdown(
        depth=float(fall[trough]),
        peak=int(track.t[peak - 1]) if peak else None,
        trough=int(track.t[trough - 1]),
        recovery=int(track.t[recovery - 1]) if recovery is not None else None,
        bars_down=trough - peak,
        bars_to_recover=None if recovery is None else recovery - trough,
        bars=(len(equity) - 1 if recovery is None else recovery) - peak,
    )


class MaximumDrawdown(TradingMetric):
    """max(1 - equity / highest equity so far), a share in 0 .. 1; 0 where equity never fell.

    `deepest` gives its length and recovery.

    Reference: Magdon-Ismail, Atiya, Maximum drawdown, 2004.
    """

    reads: ClassVar[Literal["bars", "trades"]] = "bars"
    direction: ClassVar[Literal["lower", "higher"]] = "lower"
    units: ClassVar[str] = "share"

    def score(self, track: Track) -> float:
        """The depth of `deepest`."""
        return deepest(track).depth

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray:
        """Growth over each group, its lowest and highest equity where it starts with 1, and its own deepest fall."""
        return np.array([_course(part) for part in np.split(checked_returns(track), starts[1:])])

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """One group after the other: the deepest fall within one, or from a peak before it to its lowest equity."""
        growth, low, high, depth = groups.T
        before = np.concatenate([[1.0], np.cumprod(growth)[:-1]])
        peak = np.maximum.accumulate(np.concatenate([[1.0], (before * high)[:-1]]))
        return float(np.maximum(depth, 1.0 - before * low / peak).max())


def _course(returns: np.ndarray) -> tuple[float, float, float, float]:
    equity = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    fall = 1.0 - equity / np.maximum.accumulate(equity)
    return float(equity[-1]), float(equity.min()), float(equity.max()), float(fall.max())
