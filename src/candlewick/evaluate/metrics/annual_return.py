"""Annual return: the yearly growth that compounds to the whole."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
from candlewick.evaluate.statistics.groups import group_sums
from candlewick.evaluate.track import Track


class AnnualReturn(TradingMetric):
    """(final equity)^(bars a year / bars) - 1; -1 where everything was lost."""

    reads: ClassVar[Literal["bars", "trades"]] = "bars"
    direction: ClassVar[Literal["lower", "higher"]] = "higher"
    units: ClassVar[str] = "share a year"

    def score(self, track: Track) -> float:
        """Compounded by the track's own bars a year."""
        returns = checked_returns(track)
        final = float(np.prod(1.0 + returns))
        return float(max(final, 0.0) ** (track.bars_per_year / len(returns))) - 1.0

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray:
        """Bars and their logarithmic growth; one that loses everything counts as leaving next to nothing."""
        growth = np.maximum(1.0 + checked_returns(track), np.finfo(float).tiny)
        return group_sums(np.column_stack([np.ones(len(growth)), np.log(growth)]), starts)

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """The mean logarithm, a year, compounded."""
        count, growth = groups.sum(axis=0)
        return float(np.expm1(growth / count * bars_per_year))
