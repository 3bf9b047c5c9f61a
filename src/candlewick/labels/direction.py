"""Whether the close rises over the next bars."""

from typing import ClassVar

import numpy as np

from candlewick.data.bars import Bars
from candlewick.labels._base import Kind, Label, LabelRows
from candlewick.labels._horizon import ahead, answered, fixed_end


class Direction(Label):
    """1 (up) where close[t + horizon] > close[t], else 0 (down), known at the close of bar t + horizon.

    An unchanged close is "down": it did not rise. Leaving ties out would choose rows by what happens to them later.
    """

    kind: ClassVar[Kind] = "classes"
    classes: ClassVar[tuple[str, ...]] = ("down", "up")

    def run(self, bars: Bars) -> LabelRows:
        """Labels of every bar."""
        close = bars.column("close")
        rises = (ahead(close, self.horizon) > close).astype(np.float64)
        return answered(bars, rises, fixed_end(len(bars), self.horizon), self.max_gap)

    @property
    def echo(self) -> None:
        """None: no feature states a past direction as a class."""
        return None
