"""Scalers that estimate a center and a scale for each column, per instrument or pooled."""

from abc import abstractmethod

import numpy as np
from pydantic import Field

from candlewick.samples.dataset import Dataset
from candlewick.samples.scalers._base import Fitted, Scaler, encoded


class Moments(Scaler):
    """(x - center) / scale with center and scale from `moments` of the training rows, per instrument unless pooled."""

    pooled: bool = Field(False, description="one center and scale for all instruments instead of one for each")
    clip: float = Field(10.0, gt=0.0, description="scaled values are kept within +- clip")

    @staticmethod
    @abstractmethod
    def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float64 (m, width) -> center (width,) and scale (width,); a scale of 0 marks a constant column."""

    def _fit(self, data: Dataset, index: np.ndarray) -> Fitted:
        symbol = np.zeros(len(index), dtype=np.int64) if self.pooled else data.symbol[index]
        count = 1 if self.pooled else len(data.symbols)
        center, scale = np.full((2, count, data.x.shape[1]), np.nan)
        for k in np.unique(symbol):
            center[k], scale[k] = self.moments(data.x[index[symbol == k]].astype(np.float64))
        constant = scale == 0.0
        return {
            "center": center,
            "scale": np.where(constant, 1.0, scale),
            "clip": np.array([self.clip]),
            "constant": constant,
            "symbols": encoded(() if self.pooled else data.symbols),
        }


def deviation(x: np.ndarray) -> np.ndarray:
    """Population standard deviation of columns; exactly 0 where a column does not move."""
    return np.where(np.ptp(x, axis=0) == 0.0, 0.0, np.std(x, axis=0))
