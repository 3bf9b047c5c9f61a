"""Features that look ahead, as people write them: computed over the whole series at once."""

# The class says what is wrong; what it overrides is explained by its base.
# ruff: noqa: D102

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from candlewick.data.bars import Bars
from candlewick.features._base import Feature

DAY = 86_400 * 10**9


class _WholeSeries(Feature):
    """One column from `series`, which is given all bars at once: what `run` must never be."""

    columns: ClassVar[tuple[str, ...]] = ("close",)
    step: ClassVar[Any] = None  # nothing here could run live

    @property
    def outputs(self) -> tuple[str, ...]:
        return (type(self).__name__.lower(),)

    @property
    def warmup(self) -> int:
        return 1

    @property
    def state_size(self) -> int:
        return 0

    def params(self) -> np.ndarray:
        return np.zeros(0)

    def run(self, bars: Bars) -> np.ndarray:
        return np.asarray(self.series(bars))[:, None]

    @abstractmethod
    def series(self, bars: Bars) -> np.ndarray:
        """float64 (n,): the column."""


def _log_close(bars: Bars) -> np.ndarray:
    return np.asarray(np.log(bars.column("close")))


class FourierFiltered(_WholeSeries):
    """The last move of a series whose high frequencies were taken out of all of it."""

    def series(self, bars: Bars) -> np.ndarray:
        spectrum = np.fft.rfft(_log_close(bars))
        spectrum[len(spectrum) // 10 :] = 0
        return np.diff(np.fft.irfft(spectrum, len(bars)), prepend=0.0)


class WaveletFiltered(_WholeSeries):
    """The gap to a series whose fine Haar coefficients were taken out of all of it: means of aligned blocks."""

    def series(self, bars: Bars) -> np.ndarray:
        logs = _log_close(bars)
        block = np.arange(len(logs)) // 8
        return logs - (np.bincount(block, weights=logs) / np.bincount(block))[block]


class ZscoreOfSeries(_WholeSeries):
    """Mean and deviation over the whole series."""

    def series(self, bars: Bars) -> np.ndarray:
        logs = _log_close(bars)
        return (logs - logs.mean()) / logs.std()


class CentredMean(_WholeSeries):
    """A moving mean whose window stands around the row."""

    def series(self, bars: Bars) -> np.ndarray:
        logs = _log_close(bars)
        return np.convolve(np.pad(logs, 2, mode="edge"), np.full(5, 0.2), mode="valid") - logs


class NextBar(_WholeSeries):
    """A return that is off by one row."""

    def series(self, bars: Bars) -> np.ndarray:
        return np.diff(_log_close(bars), append=_log_close(bars)[-1])


class BackFilledPivots(_WholeSeries):
    """Every tenth move, carried back to the rows before it."""

    def series(self, bars: Bars) -> np.ndarray:
        moves = np.diff(_log_close(bars), prepend=_log_close(bars)[0])
        return moves[np.minimum((np.arange(len(bars)) // 10 + 1) * 10, len(bars) - 1)]


class RankInSeries(_WholeSeries):
    """Share of all closes, later ones too, that are lower."""

    def series(self, bars: Bars) -> np.ndarray:
        return np.argsort(np.argsort(bars.column("close"))) / len(bars)


class HighOfDay(_WholeSeries):
    """Distance to the day's high, from the day's first bar on."""

    columns: ClassVar[tuple[str, ...]] = ("high", "close")

    def series(self, bars: Bars) -> np.ndarray:
        _, day = np.unique(bars.t // DAY, return_inverse=True)
        high = np.zeros(day.max() + 1)
        np.maximum.at(high, day, bars.column("high"))
        return np.log(high[day]) - _log_close(bars)


class CentralSlope(_WholeSeries):
    """`np.gradient`, whose difference is centred."""

    def series(self, bars: Bars) -> np.ndarray:
        return np.gradient(_log_close(bars))


class Detrended(_WholeSeries):
    """Distance from a straight line through all closes."""

    def series(self, bars: Bars) -> np.ndarray:
        logs, row = _log_close(bars), np.arange(len(bars))
        return logs - np.polyval(np.polyfit(row, logs, 1), row)


class ZeroPhaseMean(_WholeSeries):
    """An exponential mean run forward and then backward, so that it does not lag."""

    def series(self, bars: Bars) -> np.ndarray:
        logs = _log_close(bars)
        forward = _exponential_mean(logs)
        return logs - _exponential_mean(forward[::-1])[::-1]


class ShareOfHistory(_WholeSeries):
    """How far the row stands from the end of the data."""

    def series(self, bars: Bars) -> np.ndarray:
        return np.arange(len(bars)) / len(bars)


class TimeToNextBar(_WholeSeries):
    """Hours until the next bar: a night or a halt is seen before it begins."""

    def series(self, bars: Bars) -> np.ndarray:
        return np.diff(bars.t, append=bars.t[-1] + bars.interval_ns) / 3.6e12


class VolatilityOfSeries(_WholeSeries):
    """A return in units of the whole series' deviation."""

    def series(self, bars: Bars) -> np.ndarray:
        moves = np.diff(_log_close(bars), prepend=_log_close(bars)[0])
        return moves / moves.std()


class PriceLevel(_WholeSeries):
    """The close itself, declared scale-free."""

    def series(self, bars: Bars) -> np.ndarray:
        return bars.column("close")


class Column(_WholeSeries):
    """An extra column as it is: honest where the column is."""

    scale_free: ClassVar[bool] = False
    column: str = "extra"

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.column,)

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self.column,)

    def series(self, bars: Bars) -> np.ndarray:
        return bars.column(self.column)


class EndlessMemory(_WholeSeries):
    """The gap to the mean of all closes before: causal, but it remembers more than the warm-up it declares."""

    @property
    def warmup(self) -> int:
        return 20

    def series(self, bars: Bars) -> np.ndarray:
        logs = _log_close(bars)
        gap = logs - np.cumsum(logs) / np.arange(1, len(logs) + 1)
        gap[: self.warmup - 1] = np.nan
        return gap


def _exponential_mean(values: np.ndarray) -> np.ndarray:
    out = values.copy()
    for row in range(1, len(out)):
        out[row] = 0.8 * out[row - 1] + 0.2 * values[row]
    return out
