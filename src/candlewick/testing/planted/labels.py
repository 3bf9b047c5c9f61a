"""Labels that lie about when they are known, or that use what nobody will know then."""

# The class says what is wrong; what it overrides is explained by its base.
# ruff: noqa: D102

from typing import Any, ClassVar

import numpy as np

from candlewick.data.bars import Bars
from candlewick.labels._base import UNKNOWN, Kind, Label, LabelRows


class _Return(Label):
    """ln(close[t + horizon] / close[t]), and its time."""

    kind: ClassVar[Kind] = "number"

    def run(self, bars: Bars) -> LabelRows:
        logs = np.log(bars.column("close"))
        value, known_at = np.full(len(bars), np.nan), np.full(len(bars), UNKNOWN)
        value[: -self.horizon] = logs[self.horizon :] - logs[: -self.horizon]
        known_at[: -self.horizon] = bars.t[self.horizon :]
        return self.spoilt(bars, value, known_at)

    def spoilt(self, bars: Bars, value: np.ndarray, known_at: np.ndarray) -> LabelRows:
        """What the leak makes of honest labels."""
        return _rows(value, known_at)

    @property
    def echo(self) -> dict[str, Any] | None:
        return None


def _rows(value: np.ndarray, known_at: np.ndarray) -> LabelRows:
    return LabelRows(value, known_at, np.zeros(len(value), dtype=bool))


class KnownTooEarly(_Return):
    """A return over many bars, said to be known after one: overlapping labels are not purged."""

    def spoilt(self, bars: Bars, value: np.ndarray, known_at: np.ndarray) -> LabelRows:
        next_close = np.append(bars.t[1:], UNKNOWN)
        return _rows(value, np.where(np.isnan(value), UNKNOWN, next_close))


class Smoothed(_Return):
    """Labels averaged with those of the rows around, which are known later."""

    def spoilt(self, bars: Bars, value: np.ndarray, known_at: np.ndarray) -> LabelRows:
        around = [np.roll(value, shift) for shift in (-2, -1, 0, 1, 2)]
        return _rows(np.mean(around, axis=0), np.where(np.isnan(np.mean(around, axis=0)), UNKNOWN, known_at))


class InUnitsOfSeries(_Return):
    """Returns in units of the whole series' deviation."""

    def spoilt(self, bars: Bars, value: np.ndarray, known_at: np.ndarray) -> LabelRows:
        return _rows(value / np.nanstd(value), known_at)


class Hindsight(_Return):
    """The return to the highest close of the next twenty bars, said to be known after `horizon`."""

    def spoilt(self, bars: Bars, value: np.ndarray, known_at: np.ndarray) -> LabelRows:
        logs = np.log(bars.column("close"))
        padded = np.append(logs, np.full(20, logs[-1]))
        best = np.lib.stride_tricks.sliding_window_view(padded, 20)[1 : len(logs) + 1].max(axis=1)
        return _rows(np.where(np.isnan(value), np.nan, best - logs), known_at)


class OfThePast(_Return):
    """The return that ends at t, said to be known later: anyone can forecast it."""

    def spoilt(self, bars: Bars, value: np.ndarray, known_at: np.ndarray) -> LabelRows:
        past = np.diff(np.log(bars.column("close")), prepend=np.nan)
        return _rows(np.where(np.isnan(value), np.nan, past), np.where(np.isnan(past), UNKNOWN, known_at))


class KnownBeforeItBegins(_Return):
    """A label said to be known at the bar that asks for it."""

    def spoilt(self, bars: Bars, value: np.ndarray, known_at: np.ndarray) -> LabelRows:
        return _rows(value, np.where(np.isnan(value), UNKNOWN, bars.t))


class EchoOfTheFuture(_Return):
    """An echo, the label's last known value, that is in truth the value to come."""

    look_ahead: str

    @property
    def echo(self) -> dict[str, Any]:
        return {"name": self.look_ahead}
