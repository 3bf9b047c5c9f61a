"""Heads: what a model's raw outputs mean, and how they become a belief in the label's units."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from candlewick.core.spec import Spec

SMALLEST_VARIANCE_SHARE = 1e-4
"""A variance forecast is never below this share of the training mean: QLIKE has no answer at zero."""


@dataclass(frozen=True)
class HeadScale:
    """Units of the raw outputs, fitted on training labels: z = (y - center) / scale."""

    center: float
    scale: float


@dataclass(frozen=True, eq=False)
class Belief:
    """Forecasts of m samples in the label's units.

    Attributes:
        value: float64 (m,), the point forecast (mean; for classes the most probable class).
        quantiles: float64 (m, levels) increasing along axis 1, or None.
        levels: the levels of `quantiles`.
        probabilities: float64 (m, classes), rows sum to 1, or None.
    """

    value: np.ndarray
    quantiles: np.ndarray | None = None
    levels: tuple[float, ...] = ()
    probabilities: np.ndarray | None = None


class Head(Spec):
    """Turns raw outputs (m, outputs) into a `Belief`."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Raw outputs per sample."""

    @abstractmethod
    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        """Raw float64 (m, outputs) -> a belief in label units."""

    @abstractmethod
    def fit_scale(self, y: np.ndarray) -> HeadScale:
        """Units from training labels, float64 (m,) without NaN."""


class Point(Head):
    """One number: raw is (y - center) / scale, center and scale the training mean and deviation."""

    head: Literal["point"] = "point"

    @property
    def outputs(self) -> int:
        return 1

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        return HeadScale(float(np.mean(y)), float(np.std(y)) or 1.0)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        return Belief(scale.center + scale.scale * raw[:, 0])


class Variance(Head):
    """One positive number: raw is log(y / scale), scale the training mean; raw 0 forecasts that mean."""

    head: Literal["variance"] = "variance"

    @property
    def outputs(self) -> int:
        return 1

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        return HeadScale(0.0, float(np.mean(y)) or 1.0)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        limit = -np.log(SMALLEST_VARIANCE_SHARE)
        return Belief(scale.scale * np.exp(np.clip(raw[:, 0], -limit, limit)))


class Gaussian(Head):
    """Mean and log deviation of (y - center) / scale; quantiles follow from the normal distribution."""

    head: Literal["gaussian"] = "gaussian"
    levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)

    @property
    def outputs(self) -> int:
        return 2

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        return Point().fit_scale(y)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        from scipy.special import ndtri

        mean = scale.center + scale.scale * raw[:, 0]
        deviation = scale.scale * np.exp(np.clip(raw[:, 1], -7.0, 7.0))
        return Belief(mean, mean[:, None] + deviation[:, None] * ndtri(np.array(self.levels)), self.levels)


class Quantile(Head):
    """Increasing quantiles of (y - center) / scale: the first is raw, each next adds softplus(raw)."""

    head: Literal["quantile"] = "quantile"
    levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)

    @field_validator("levels")
    @classmethod
    def _increasing(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if not levels or any(b <= a for a, b in zip((0.0, *levels), (*levels, 1.0), strict=True)):
            raise ValueError("levels must increase strictly between 0 and 1, such as [0.05, 0.5, 0.95]")
        return levels

    @property
    def outputs(self) -> int:
        return len(self.levels)

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        return Point().fit_scale(y)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        steps = np.concatenate([raw[:, :1], np.logaddexp(0.0, raw[:, 1:])], axis=1)
        quantiles = scale.center + scale.scale * np.cumsum(steps, axis=1)
        middle = int(np.argmin(np.abs(np.array(self.levels) - 0.5)))
        return Belief(quantiles[:, middle], quantiles, self.levels)


class Classes(Head):
    """One logit a class; labels are 0 .. classes-1."""

    head: Literal["classes"] = "classes"
    classes: int = Field(2, ge=2)

    @property
    def outputs(self) -> int:
        return self.classes

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        return HeadScale(0.0, 1.0)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
        probabilities = shifted / shifted.sum(axis=1, keepdims=True)
        return Belief(np.argmax(probabilities, axis=1).astype(float), probabilities=probabilities)


AnyHead = Annotated[Point | Variance | Gaussian | Quantile | Classes, Field(discriminator="head")]
"""A head as a configuration writes it: `{head: quantile, levels: [0.1, 0.5, 0.9]}`."""
