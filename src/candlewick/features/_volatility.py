"""What volatility features share: their length, the unit of the answer, and its floor under a logarithm."""

from math import log, sqrt
from typing import Literal

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.features._base import Feature

Unit = Literal["volatility", "variance", "log_volatility"]
_CODES: dict[Unit, float] = {"volatility": 0.0, "variance": 1.0, "log_volatility": 2.0}


class VolatilityFeature(Feature):
    """A variance per bar over a window, told in the wanted unit. Nothing is annualised."""

    length: int = Field(20, ge=1, description="bars in the window")
    unit: Unit = Field(
        "volatility", description="volatility (standard deviation of a bar), variance of a bar, or ln of the volatility"
    )
    floor: float = Field(
        1e-6,
        gt=0,
        le=1,
        description="volatility that log_volatility states where a window moved less",
    )

    @property
    def outputs(self) -> tuple[str, ...]:
        """The member's name in the unit, with the length: `("parkinson_variance_20",)`."""
        stem = self.spec_name().rpartition(":")[2].removesuffix("_volatility")
        return (f"{stem}_{self.unit}_{self.length}",)

    def params(self) -> np.ndarray:
        """Unit code and floor."""
        return np.array([_CODES[self.unit], self.floor])


@compiled()
def in_unit(variance: float, params: np.ndarray) -> float:
    """A variance in the unit of `VolatilityFeature.params`; NaN stays NaN."""
    if params[0] == 0.0:
        return sqrt(variance)
    if params[0] == 1.0:
        return variance
    lowest = params[1] * params[1]
    return 0.5 * log(lowest if variance < lowest else variance)
