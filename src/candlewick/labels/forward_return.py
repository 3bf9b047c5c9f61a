"""Log return of the close over the next bars."""

from typing import Any, ClassVar

import numpy as np

from candlewick.data.bars import Bars
from candlewick.labels._base import Kind, Label, LabelRows
from candlewick.labels._horizon import ahead, answered, fixed_end, positive_prices


class ForwardReturn(Label):
    """ln(close[t + horizon] / close[t]), known at the close of bar t + horizon.

    Raises:
        DataError: on `run`, a close that is not positive.
    """

    kind: ClassVar[Kind] = "number"

    def run(self, bars: Bars) -> LabelRows:
        """Labels of every bar."""
        close = positive_prices(bars, "close", self.spec_name())
        value = np.log(ahead(close, self.horizon) / close)
        return answered(bars, value, fixed_end(len(bars), self.horizon), self.max_gap)

    @property
    def echo(self) -> dict[str, Any]:
        """The return over the last `horizon` bars."""
        return {"name": "log_return", "length": self.horizon}
