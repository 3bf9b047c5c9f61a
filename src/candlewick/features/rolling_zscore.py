"""How unusual the newest value of a column is in its window."""

from math import nan

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature
from candlewick.features._window import push
from candlewick.features._zscore import zscore


class RollingZscore(Feature):
    """(newest - mean) / population standard deviation of the last `length` values, clipped at -10 and 10.

    0 where the window is flat. Works on any column, an extra one included.

    >>> RollingZscore(column="volume", length=50).outputs
    ('zscore_volume_50',)
    """

    length: int = Field(20, ge=2, description="bars in the window")
    column: str = Field("close", min_length=1, examples=["open", "volume"], description="column of the bars to look at")

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """The column."""
        return (self.column,)

    @property
    def outputs(self) -> tuple[str, ...]:
        """`("zscore_close_20",)`."""
        return (f"zscore_{self.column}_{self.length}",)

    @property
    def warmup(self) -> int:
        """`length`."""
        return self.length

    @property
    def state_size(self) -> int:
        """A window of `length` values."""
        return self.length + 1

    def params(self) -> np.ndarray:
        """None: the state's size tells the length."""
        return np.zeros(0)

    @staticmethod
    @compiled(STEP)
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One bar."""
        full = push(state, row[0])
        out[0] = zscore(state[1:]) if full else nan
