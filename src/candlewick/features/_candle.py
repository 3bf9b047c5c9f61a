"""The shape of one bar: where its body and its wicks lie in its range."""

import numpy as np

from candlewick.core.compiled import compiled


@compiled()
def shape(open_: float, high: float, low: float, close: float, out: np.ndarray) -> None:
    """Write body, upper and lower wick as shares of high - low; three zeros for a bar without range."""
    extent = high - low
    if extent == 0.0:
        out[:3] = 0.0
        return
    out[0] = abs(close - open_) / extent
    out[1] = (high - max(open_, close)) / extent
    out[2] = (min(open_, close) - low) / extent
