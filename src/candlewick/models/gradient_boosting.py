"""Gradient-boosted histogram trees from scikit-learn, kept as plain arrays and walked by compiled code.

The loss follows the head: squared error; for a variance the gamma deviance, which is QLIKE, on labels raised to
`SMALLEST_VARIANCE_SHARE` of the training mean; log loss; one pinball fit a quantile level, sorted where they cross.

The number of rounds is chosen in time order: a first fit sees the samples whose label was known when the last fifth
of the training samples began, the rounds that forecast this fifth best are kept (none, if nothing beats a constant),
and the final fit runs that many on all training rows. scikit-learn's own early stopping draws its validation rows
at random, where overlapping labels leak, and is off. A normal head's deviation is that of the residuals of the
last fifth.

Reference: Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29 (2001).
Ke et al., "LightGBM", NeurIPS (2017). Chernozhukov et al., "Quantile and probability curves without crossing" (2010).
"""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from candlewick.core.random import seed_for
from candlewick.models._base import Estimator, LayerCount, Weights
from candlewick.models._heads import (
    SMALLEST_PROBABILITY,
    SMALLEST_VARIANCE_SHARE,
    Belief,
    Classes,
    Gaussian,
    Head,
    HeadScale,
    Quantile,
    Variance,
)
from candlewick.models._rows import forward_blocks, newest
from candlewick.models._spread import around, fit_spread
from candlewick.models._trees import flatten, require_walkable, stages, walk
from candlewick.samples.dataset import Samples

_INNER_BLOCKS = 5
_UNIT = HeadScale(0.0, 1.0)


class GradientBoosting(Estimator):
    """Trees on the newest feature rows.

    Raises:
        ConfigError: `lags` is more than the window's length.
        TrainingError: too few training rows to choose the number of rounds.
    """

    simple: ClassVar[bool] = True
    sizes: ClassVar[tuple[str, ...]] = ("rounds", "leaves")
    tiny: ClassVar[dict[str, Any]] = {"rounds": 40, "learning_rate": 0.1, "leaves": 8}

    lags: int = Field(1, ge=1, description="newest feature rows read, flattened")
    rounds: int = Field(200, ge=1, description="most rounds of boosting; the training rows choose how many are kept")
    learning_rate: float = Field(0.05, gt=0, le=1, description="share of each tree's answer that is added")
    leaves: int = Field(15, ge=2, description="most leaves of a tree")
    leaf_samples: int = Field(20, ge=1, description="fewest training samples of a leaf")
    l2: float = Field(1.0, ge=0, description="penalty on leaf values")

    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        """The most nodes there can be; a forecast compares, it multiplies nothing."""
        trees = self.rounds * (head.outputs if isinstance(head, Quantile | Classes) else 1)
        return (LayerCount("trees", trees * (2 * self.leaves - 1), 0),)

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        """The trees as arrays (see `models._trees`); `classes` that were met, or the `spread` of residuals."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        # One thread: the trees are small, and threads that wait for each other on a busy machine cost 50 times more.
        with threadpool_limits(limits=1):
            return self._fit(train, head, scale, seed)

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        """Raw outputs, equal to scikit-learn's own to the last bits."""
        raw = walk(weights, newest(samples, self.lags))
        if isinstance(head, Classes):
            return _logits(raw, weights["classes"], head.classes)
        if isinstance(head, Gaussian):
            return head.encode(around(head, raw[:, 0], weights["spread"]), _UNIT)
        if isinstance(head, Quantile):
            quantiles = np.sort(raw, axis=1)
            return head.encode(Belief(quantiles[:, head.middle], quantiles, head.levels), _UNIT)
        return raw

    def require_sound(self, weights: Weights, inputs: int) -> None:
        """Refuse trees whose nodes lead nowhere: compiled code would follow them."""
        require_walkable(weights, inputs * self.lags)

    def estimator(self, loss: str | float, rounds: int, seed: int) -> Any:
        """The scikit-learn estimator for a loss of that name, or for a quantile level."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        common: dict[str, Any] = {
            "learning_rate": self.learning_rate,
            "max_iter": rounds,
            "max_leaf_nodes": self.leaves,
            "min_samples_leaf": self.leaf_samples,
            "l2_regularization": self.l2,
            "early_stopping": False,
            "categorical_features": None,
            "random_state": seed_for(seed, "gradient_boosting") % 2**32,
        }
        if loss == "log_loss":
            return HistGradientBoostingClassifier(**common)
        if isinstance(loss, float):
            return HistGradientBoostingRegressor(loss="quantile", quantile=loss, **common)
        return HistGradientBoostingRegressor(loss=loss, **common)

    def _fit(self, train: Samples, head: Head, scale: HeadScale, seed: int) -> Weights:
        x, target = newest(train, self.lags), _target(head, train.y, scale)
        *_, (earlier, later) = forward_blocks(train, _INNER_BLOCKS)
        ensembles, rounds = [], []
        weights: Weights = {}
        for loss in _losses(head):
            first = self.estimator(loss, self.rounds, seed).fit(x[earlier], target[earlier])
            staged = stages(flatten([first], [self.rounds]), x[later])
            if isinstance(head, Classes):
                staged = np.stack([_logits(raw, first.classes_, head.classes) for raw in staged])
            best = int(np.argmin([_score(loss, raw, target[later]) for raw in staged]))
            ensembles.append(self.estimator(loss, max(best, 1), seed).fit(x, target))
            rounds.append(best)
            if isinstance(head, Gaussian):
                weights["spread"] = fit_spread(head, target[later] - staged[best][:, 0])
        if isinstance(head, Classes):
            weights["classes"] = ensembles[0].classes_.astype(np.int64)
        return flatten(ensembles, rounds) | weights


def _losses(head: Head) -> tuple[str | float, ...]:
    if isinstance(head, Quantile):
        return head.levels
    if isinstance(head, Classes):
        return ("log_loss",)
    return ("gamma",) if isinstance(head, Variance) else ("squared_error",)


def _target(head: Head, y: np.ndarray, scale: HeadScale) -> np.ndarray:
    if isinstance(head, Classes):
        return y.astype(np.int64)
    if isinstance(head, Variance):
        return np.maximum(y / scale.scale, SMALLEST_VARIANCE_SHARE)
    return (y - scale.center) / scale.scale


def _score(loss: str | float, raw: np.ndarray, target: np.ndarray) -> float:
    if loss == "log_loss":
        chosen = raw[np.arange(len(raw)), target]
        return float(np.mean(np.logaddexp.reduce(raw, axis=1) - chosen))
    if loss == "gamma":
        return float(np.mean(raw[:, 0] + target * np.exp(-raw[:, 0])))
    error = target - raw[:, 0]
    if isinstance(loss, float):
        return float(np.mean(np.maximum(loss * error, (loss - 1) * error)))
    return float(np.mean(np.square(error)))


def _logits(raw: np.ndarray, met: np.ndarray, classes: int) -> np.ndarray:
    if len(met) == 2:
        raw = np.concatenate([np.zeros_like(raw), raw], axis=1)
    # A class that the training rows do not hold is as good as impossible.
    logits = np.full((len(raw), classes), np.log(SMALLEST_PROBABILITY))
    logits[:, met] = raw - np.logaddexp.reduce(raw, axis=1, keepdims=True)
    return logits
