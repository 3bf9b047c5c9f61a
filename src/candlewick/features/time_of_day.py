"""Where in the UTC day and week a bar closes, as points on two circles."""

from math import cos, pi, sin
from typing import ClassVar

import numpy as np

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature

_NS_PER_WEEK = 7 * NS_PER_DAY
# 1970 began on a Thursday; a week begins on Monday.
_SINCE_MONDAY = 3 * NS_PER_DAY


class TimeOfDay(Feature):
    """Sine and cosine of the time of day and of the time of week of the close, UTC.

    Midnight is (0, 1) of the day, Monday midnight is (0, 1) of the week.
    """

    columns: ClassVar[tuple[str, ...]] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Sine and cosine of the day, then of the week."""
        return ("day_sin", "day_cos", "week_sin", "week_cos")

    @property
    def warmup(self) -> int:
        """1: the stamp alone."""
        return 1

    @property
    def state_size(self) -> int:
        """0."""
        return 0

    def params(self) -> np.ndarray:
        """None."""
        return np.zeros(0)

    @staticmethod
    @compiled(STEP)
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One bar."""
        day = 2.0 * pi * ((t % NS_PER_DAY) / NS_PER_DAY)
        week = 2.0 * pi * (((t + _SINCE_MONDAY) % _NS_PER_WEEK) / _NS_PER_WEEK)
        out[0] = sin(day)
        out[1] = cos(day)
        out[2] = sin(week)
        out[3] = cos(week)
