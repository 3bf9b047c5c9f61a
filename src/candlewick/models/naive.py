"""Last value, training mean, zero or class frequencies: what any other model must beat.

The forecasts are exact: decoded by the head they are the last known value, the mean of the training labels,
zero, or the share of each class among the training labels. For a normal or a quantile head the training
residuals around that point give the deviation or the quantiles.
"""

import logging
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from candlewick.core.errors import ConfigError
from candlewick.models._base import Estimator, LayerCount, Weights
from candlewick.models._heads import Belief, Classes, Head, HeadScale, Variance
from candlewick.models._spread import around, fit_spread
from candlewick.samples.dataset import Samples

_log = logging.getLogger("candlewick")


class Naive(Estimator):
    """One rule without parameters to choose.

    `last` forecasts `echo` at t, and the training mean in rows whose echo is not known yet (counted in a warning).

    Raises:
        ConfigError: the rule has no meaning for the head (`prior` is for classes and for nothing else, `zero` is
            no variance), or `last` meets a label that has no last known value.
    """

    simple: ClassVar[bool] = True
    needs_echo: ClassVar[bool] = True

    rule: Literal["last", "mean", "zero", "prior"] = Field(
        "last", description="last known value, training mean, zero, or class frequencies"
    )

    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        """Nothing is multiplied; the mean, the spread or the frequencies are kept."""
        self._check(head)
        return (LayerCount("rule", head.outputs, 0),)

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        """`mean` and `spread` of the training labels, or the `prior` of the classes."""
        self._check(head)
        if isinstance(head, Classes):
            counts = np.bincount(train.y.astype(np.int64), minlength=head.classes)
            return {"prior": counts / counts.sum()}
        mean = np.array([np.mean(train.y)])
        if self.rule == "last" and np.isnan(_echo(train)).all():
            raise ConfigError(
                "rule 'last' needs a label whose last value is known at t, was one without it. "
                "Use rule 'mean' or 'zero'."
            )
        return {"mean": mean, "spread": fit_spread(head, train.y - self._value(mean, train))}

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        """The rule's forecast of every sample, encoded by the head."""
        if isinstance(head, Classes):
            prior = np.tile(weights["prior"], (len(samples), 1))
            return head.encode(Belief(np.argmax(prior, axis=1).astype(float), probabilities=prior), scale)
        return head.encode(around(head, self._value(weights["mean"], samples), weights["spread"]), scale)

    def _check(self, head: Head) -> None:
        if isinstance(head, Classes) != (self.rule == "prior"):
            allowed = "'prior'" if isinstance(head, Classes) else "'last', 'mean' or 'zero'"
            raise ConfigError(f"rule {self.rule!r} has no meaning for a {type(head).__name__} head. Use {allowed}.")
        if isinstance(head, Variance) and self.rule == "zero":
            raise ConfigError("rule 'zero' is no forecast of a variance, which is positive. Use 'last' or 'mean'.")

    def _value(self, mean: np.ndarray, samples: Samples) -> np.ndarray:
        if self.rule == "zero":
            return np.zeros(len(samples))
        if self.rule == "mean":
            return np.repeat(mean, len(samples))
        echo = _echo(samples)
        unknown = np.isnan(echo)
        if unknown.any():
            _log.warning("naive: %d of %d rows have no last value yet and take the mean", unknown.sum(), len(echo))
        return np.where(unknown, mean[0], echo)


def _echo(samples: Samples) -> np.ndarray:
    return samples.data.echo[samples.index]
