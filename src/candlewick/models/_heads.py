"""Heads: what a model's raw outputs mean, and how they become a belief in the label's units."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from candlewick.core.spec import Spec

SMALLEST_VARIANCE_SHARE = 1e-4
"""A variance forecast is never below this share of the training mean: QLIKE has no answer at zero."""

SMALLEST_PROBABILITY = 1e-9
"""What `Classes.encode` writes for a probability of zero: a logarithm needs something."""

SMALLEST_QUANTILE_STEP = 1e-9
"""Distance, in units of the scale, that `Quantile.encode` leaves between quantiles that are equal."""

_LARGEST_LOG_DEVIATION = 7.0


@dataclass(frozen=True)
class HeadScale:
    """Units of the raw outputs, fitted on training labels: z = (y - center) / scale."""

    center: float
    scale: float


@dataclass(frozen=True, eq=False)
class Belief:
    """Forecasts of m samples in the label's units.

    Attributes:
        value: float64 (m,), the point forecast (mean; the quantile nearest the median; the most probable class).
        quantiles: float64 (m, levels) increasing along axis 1, or None.
        levels: the levels of `quantiles`.
        probabilities: float64 (m, classes), rows sum to 1, or None.
        deviation: float64 (m,), standard deviation of a normal belief, or None.
    """

    value: np.ndarray
    quantiles: np.ndarray | None = None
    levels: tuple[float, ...] = ()
    probabilities: np.ndarray | None = None
    deviation: np.ndarray | None = None


class Head(Spec):
    """Turns raw outputs (m, outputs) into a `Belief`, and back.

    `decode(encode(belief))` is `belief` again wherever the head can express it, so that a model which thinks
    in the label's units and one which is trained in the raw space give the same kind of answer.
    """

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Raw outputs per sample."""

    @abstractmethod
    def fit_scale(self, y: np.ndarray) -> HeadScale:
        """Units from training labels, float64 (m,) without NaN."""

    @abstractmethod
    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        """Raw float64 (m, outputs) -> a belief in label units. NaN stays NaN."""

    @abstractmethod
    def encode(self, belief: Belief, scale: HeadScale) -> np.ndarray:
        """A belief in label units -> raw float64 (m, outputs), the inverse of `decode`."""


class Point(Head):
    """One number: raw is (y - center) / scale, center and scale the training mean and deviation.

    >>> head = Point()
    >>> head.decode(np.array([[2.0]]), HeadScale(center=1.0, scale=0.5)).value
    array([2.])
    """

    head: Literal["point"] = "point"

    @property
    def outputs(self) -> int:
        """One: the number."""
        return 1

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        """Mean and population deviation of the training labels; deviation 1 where they are all equal."""
        return HeadScale(float(np.mean(y)), float(np.std(y)) or 1.0)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        """`value = center + scale * raw`."""
        return Belief(scale.center + scale.scale * raw[:, 0])

    def encode(self, belief: Belief, scale: HeadScale) -> np.ndarray:
        """`raw = (value - center) / scale`."""
        return (belief.value[:, None] - scale.center) / scale.scale


class Variance(Head):
    """One positive number: raw is log(y / scale), scale the training mean; raw 0 forecasts that mean.

    Forecasts lie between `SMALLEST_VARIANCE_SHARE` times the training mean and the mean over that share.

    >>> Variance().decode(np.array([[0.0], [-99.0]]), HeadScale(0.0, 4.0)).value.round(6)
    array([4.e+00, 4.e-04])
    """

    head: Literal["variance"] = "variance"

    @property
    def outputs(self) -> int:
        """One: the logarithm of the variance in units of its training mean."""
        return 1

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        """The mean of the training labels; 1 where they are all zero."""
        return HeadScale(0.0, float(np.mean(y)) or 1.0)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        """`value = scale * exp(raw)`, raw clipped to the limits above."""
        limit = -np.log(SMALLEST_VARIANCE_SHARE)
        return Belief(scale.scale * np.exp(np.clip(raw[:, 0], -limit, limit)))

    def encode(self, belief: Belief, scale: HeadScale) -> np.ndarray:
        """`raw = log(value / scale)`, values floored at `SMALLEST_VARIANCE_SHARE` times the scale."""
        share = belief.value[:, None] / scale.scale
        return np.log(np.maximum(share, SMALLEST_VARIANCE_SHARE))


def _increasing(levels: tuple[float, ...]) -> tuple[float, ...]:
    if not levels or any(b <= a for a, b in zip((0.0, *levels), (*levels, 1.0), strict=True)):
        raise ValueError("levels must increase strictly between 0 and 1, such as [0.05, 0.5, 0.95]")
    return levels


Levels = Annotated[tuple[float, ...], AfterValidator(_increasing)]
"""Quantile levels, strictly increasing in (0, 1)."""


class Gaussian(Head):
    """Mean and log deviation of (y - center) / scale; quantiles follow from the normal distribution."""

    head: Literal["gaussian"] = "gaussian"
    levels: Levels = (0.05, 0.25, 0.5, 0.75, 0.95)

    @property
    def outputs(self) -> int:
        """Two: the mean and the logarithm of the deviation."""
        return 2

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        """As for `Point`: raw (0, 0) is the normal distribution of the training labels."""
        return Point().fit_scale(y)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        """`value = center + scale * raw_0`, `deviation = scale * exp(raw_1)` with raw_1 clipped to +-7."""
        mean = scale.center + scale.scale * raw[:, 0]
        deviation = scale.scale * np.exp(np.clip(raw[:, 1], -_LARGEST_LOG_DEVIATION, _LARGEST_LOG_DEVIATION))
        quantiles = mean[:, None] + deviation[:, None] * self._deviations
        return Belief(mean, quantiles, self.levels, deviation=deviation)

    @cached_property
    def _deviations(self) -> np.ndarray:
        from scipy.special import ndtri

        return np.asarray(ndtri(np.array(self.levels)))

    def encode(self, belief: Belief, scale: HeadScale) -> np.ndarray:
        """Value and deviation of a normal belief; quantiles are not read."""
        assert belief.deviation is not None, "a normal belief has a deviation"
        with np.errstate(divide="ignore"):  # a deviation of zero becomes the smallest one
            log_deviation = np.log(belief.deviation / scale.scale)
        mean = (belief.value - scale.center) / scale.scale
        return np.stack([mean, np.clip(log_deviation, -_LARGEST_LOG_DEVIATION, _LARGEST_LOG_DEVIATION)], axis=1)


class Quantile(Head):
    """Increasing quantiles of (y - center) / scale: the first is raw, each next adds softplus(raw).

    They cannot cross, whatever the raw outputs are. The point forecast is the quantile nearest the median.
    """

    head: Literal["quantile"] = "quantile"
    levels: Levels = (0.05, 0.25, 0.5, 0.75, 0.95)

    @property
    def outputs(self) -> int:
        """One a level."""
        return len(self.levels)

    @cached_property
    def middle(self) -> int:
        """Position of the level nearest one half."""
        return int(np.argmin(np.abs(np.array(self.levels) - 0.5)))

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        """As for `Point`."""
        return Point().fit_scale(y)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        """`quantile_k = center + scale * (raw_0 + softplus(raw_1) + ... + softplus(raw_k))`."""
        steps = np.concatenate([raw[:, :1], np.logaddexp(0.0, raw[:, 1:])], axis=1)
        quantiles = scale.center + scale.scale * np.cumsum(steps, axis=1)
        return Belief(quantiles[:, self.middle], quantiles, self.levels)

    def encode(self, belief: Belief, scale: HeadScale) -> np.ndarray:
        """Raw outputs of increasing quantiles; equal ones are moved `SMALLEST_QUANTILE_STEP` apart."""
        assert belief.quantiles is not None, "a belief for a quantile head has quantiles"
        z = (belief.quantiles - scale.center) / scale.scale
        steps = np.maximum(np.diff(z, axis=1), SMALLEST_QUANTILE_STEP)
        # log(expm1(step)), the inverse of softplus, without overflow for a large step.
        return np.concatenate([z[:, :1], steps + np.log(-np.expm1(-steps))], axis=1)


class Classes(Head):
    """One logit a class; labels are 0 .. classes-1 and probabilities are the softmax of the logits."""

    head: Literal["classes"] = "classes"
    classes: int = Field(2, ge=2, description="how many classes the label has")

    @property
    def outputs(self) -> int:
        """One a class."""
        return self.classes

    def fit_scale(self, y: np.ndarray) -> HeadScale:
        """No units: center 0 and scale 1."""
        return HeadScale(0.0, 1.0)

    def decode(self, raw: np.ndarray, scale: HeadScale) -> Belief:
        """Softmax of the logits; the value is the most probable class, the lower one where two are equal."""
        shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
        probabilities = shifted / shifted.sum(axis=1, keepdims=True)
        return Belief(np.argmax(probabilities, axis=1).astype(float), probabilities=probabilities)

    def encode(self, belief: Belief, scale: HeadScale) -> np.ndarray:
        """Log probabilities, floored at `SMALLEST_PROBABILITY`."""
        assert belief.probabilities is not None, "a belief for a class head has probabilities"
        return np.log(np.maximum(belief.probabilities, SMALLEST_PROBABILITY))


AnyHead = Annotated[Point | Variance | Gaussian | Quantile | Classes, Field(discriminator="head")]
"""A head as a configuration writes it: `{head: quantile, levels: [0.1, 0.5, 0.9]}`."""
