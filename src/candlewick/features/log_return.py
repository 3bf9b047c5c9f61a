"""Log return of the close over some bars."""

from math import nan
from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature
from candlewick.features._window import log_ratio, push


class LogReturn(Feature):
    """ln(close[t] / close[t - length]).

    >>> LogReturn(length=5).outputs, LogReturn(length=5).warmup
    (('log_return_5',), 6)
    """

    columns: ClassVar[tuple[str, ...]] = ("close",)

    length: int = Field(1, ge=1, description="bars between the two closes")

    @property
    def outputs(self) -> tuple[str, ...]:
        """`("log_return_1",)`."""
        return (f"log_return_{self.length}",)

    @property
    def warmup(self) -> int:
        """`length + 1`: both closes."""
        return self.length + 1

    @property
    def state_size(self) -> int:
        """A window of `length + 1` closes."""
        return self.length + 2

    def params(self) -> np.ndarray:
        """None: the state's size tells the length."""
        return np.zeros(0)

    @staticmethod
    @compiled(STEP)
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One bar."""
        full = push(state, row[0])
        out[0] = log_ratio(row[0], state[1]) if full else nan
