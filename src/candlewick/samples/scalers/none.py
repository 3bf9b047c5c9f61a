"""No scaling: features as they were computed."""

import numpy as np

from candlewick.samples.dataset import Dataset
from candlewick.samples.scalers._base import Fitted, Scaler, encoded


class NoScaling(Scaler):
    """Values as they are; only NaN (warm-up) becomes 0."""

    def _fit(self, data: Dataset, index: np.ndarray) -> Fitted:
        width = data.x.shape[1]
        return {
            "center": np.zeros((1, width)),
            "scale": np.ones((1, width)),
            "clip": np.array([np.inf]),
            "constant": np.zeros((1, width), dtype=bool),
            "symbols": encoded(()),
        }
