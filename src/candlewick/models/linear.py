"""Ridge regression for numbers and variances, logistic regression for classes, on the newest feature rows.

Features are standardised on the training rows and the intercept is not penalised. The penalty is chosen on the
training rows alone: each of `blocks - 1` later blocks is forecast by fits on the samples whose label was known
when it began.

A variance is fitted in logarithms, labels below `SMALLEST_VARIANCE_SHARE` of the training mean raised to it, and
multiplied by Duan's smearing factor, the mean of exp(residual). A normal or a quantile head receives the
deviation or the quantiles of the residuals of those later blocks: the same spread at every sample.

Reference: Hoerl and Kennard, "Ridge regression", Technometrics 12 (1970). Duan, "Smearing estimate: a
nonparametric retransformation method", JASA 78 (1983).
"""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from candlewick.models._base import Estimator, LayerCount, Weights
from candlewick.models._heads import SMALLEST_PROBABILITY, SMALLEST_VARIANCE_SHARE, Classes, Head, HeadScale, Variance
from candlewick.models._rows import forward_blocks, newest, require_rows
from candlewick.models._spread import around, fit_spread
from candlewick.samples.dataset import Samples

ALPHAS = tuple(float(alpha) for alpha in 10.0 ** np.arange(-4, 2))
"""Penalties tried, per sample: 1 shrinks the coefficient of a lone feature by half."""


class Linear(Estimator):
    """One coefficient a feature and an intercept.

    Raises:
        ConfigError: `lags` is more than the window's length.
        TrainingError: too few training rows for the inner blocks.
    """

    simple: ClassVar[bool] = True
    sizes: ClassVar[tuple[str, ...]] = ("lags",)

    lags: int = Field(1, ge=1, description="newest feature rows read, flattened")
    blocks: int = Field(5, ge=2, description="parts of the training time that choose the penalty")

    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        """A matrix and an intercept; a head with a spread keeps that too."""
        require_rows(self.lags, length)
        outputs = head.outputs if isinstance(head, Classes) else 1
        products = inputs * self.lags * outputs
        spread = 0 if isinstance(head, Classes) else fit_spread(head, np.zeros(1)).size
        smear = int(isinstance(head, Variance))
        return (LayerCount("regression", products + outputs + spread + smear, products),)

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        """`matrix`, `intercept` and `alpha`; for numbers `spread`, for variances the smearing factor's log."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        x = newest(train, self.lags)
        blocks = list(forward_blocks(train, self.blocks))
        # One thread: the matrices are small, and threads that wait for each other on a busy machine cost 20 times more.
        with threadpool_limits(limits=1):
            if isinstance(head, Classes):
                return _fit_classes(x, train.y.astype(np.int64), head.classes, blocks)
            return _fit_numbers(x, _target(head, train.y, scale), head, blocks)

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        """Raw outputs: standardised number, log variance, or logits."""
        linear = newest(samples, self.lags) @ weights["matrix"] + weights["intercept"]
        if isinstance(head, Classes):
            return np.asarray(linear)
        if isinstance(head, Variance):
            return np.asarray(linear + weights["log_smear"])
        return head.encode(around(head, linear[:, 0], weights["spread"]), HeadScale(0.0, 1.0))


def _target(head: Head, y: np.ndarray, scale: HeadScale) -> np.ndarray:
    if isinstance(head, Variance):
        return np.log(np.maximum(y / scale.scale, SMALLEST_VARIANCE_SHARE))
    return (y - scale.center) / scale.scale


def _fit_numbers(x: np.ndarray, z: np.ndarray, head: Head, blocks: list[tuple[np.ndarray, np.ndarray]]) -> Weights:
    errors: dict[float, np.ndarray] = {}
    for alpha in ALPHAS:
        fits = [(later, *_ridge(x[earlier], z[earlier], alpha)) for earlier, later in blocks]
        errors[alpha] = np.concatenate([z[later] - (x[later] @ matrix + b)[:, 0] for later, matrix, b in fits])
    alpha = min(ALPHAS, key=lambda alpha: float(np.mean(np.square(errors[alpha]))))
    matrix, intercept = _ridge(x, z, alpha)
    weights = {"matrix": matrix, "intercept": intercept, "alpha": np.array([alpha])}
    if isinstance(head, Variance):
        residuals = z - (x @ matrix + intercept)[:, 0]
        return weights | {"log_smear": np.array([np.log(np.mean(np.exp(residuals)))])}
    return weights | {"spread": fit_spread(head, errors[alpha])}


def _ridge(x: np.ndarray, z: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import Ridge

    mean, deviation = _standard(x)
    fitted = Ridge(alpha=alpha * len(x)).fit((x - mean) / deviation, z)
    return _unstandardise(fitted.coef_[None, :], np.array([fitted.intercept_]), mean, deviation)


def _fit_classes(x: np.ndarray, y: np.ndarray, classes: int, blocks: list[tuple[np.ndarray, np.ndarray]]) -> Weights:
    def loss(alpha: float) -> float:
        total = 0.0
        for earlier, later in blocks:
            matrix, intercept = _logistic(x[earlier], y[earlier], classes, alpha)
            logits = x[later] @ matrix + intercept
            normaliser = np.logaddexp.reduce(logits, axis=1)
            total += float(np.sum(normaliser - logits[np.arange(len(later)), y[later]]))
        return total

    alpha = min(ALPHAS, key=loss)
    matrix, intercept = _logistic(x, y, classes, alpha)
    return {"matrix": matrix, "intercept": intercept, "alpha": np.array([alpha])}


def _logistic(x: np.ndarray, y: np.ndarray, classes: int, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression

    coefficients = np.zeros((classes, x.shape[1]))
    # A class that the rows do not hold is as good as impossible.
    intercept = np.full(classes, np.log(SMALLEST_PROBABILITY))
    present = np.unique(y)
    intercept[present] = 0.0
    mean, deviation = _standard(x)
    if len(present) > 1:
        fitted: Any = LogisticRegression(C=1.0 / (alpha * len(x)), max_iter=1000)
        fitted.fit((x - mean) / deviation, y)
        which = present[1:] if len(present) == 2 else present
        coefficients[which], intercept[which] = fitted.coef_, fitted.intercept_
    return _unstandardise(coefficients, intercept, mean, deviation)


def _standard(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    deviation = x.std(axis=0)
    return x.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def _unstandardise(
    coefficients: np.ndarray, intercept: np.ndarray, mean: np.ndarray, deviation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    matrix = (coefficients / deviation).T
    return np.ascontiguousarray(matrix), intercept - mean @ matrix
