"""HAR: the logarithm of variance on the logarithms of its averages over a day, a week and a month.

log y = b0 + sum_k b_k log(mean of the newest lags_k echoes), by ordinary least squares; the forecast is
exp(fitted) times the mean of exp(residual), Duan's smearing factor, because the mean of an exponential is
not the exponential of the mean.

Reference: Corsi, "A simple approximate long-memory model of realized volatility", Journal of Financial
Econometrics 7 (2009). Duan, "Smearing estimate: a nonparametric retransformation method", JASA 78 (1983).
"""

import logging
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from candlewick.core.errors import ConfigError, TrainingError
from candlewick.models._base import Estimator, LayerCount, Weights
from candlewick.models._heads import SMALLEST_VARIANCE_SHARE, Head, HeadScale, Variance
from candlewick.models._rows import require_rows
from candlewick.samples.dataset import Samples

_log = logging.getLogger("candlewick")


class Har(Estimator):
    """Heterogeneous autoregression of a variance on its own echoes; it reads no feature.

    Labels and averages below `SMALLEST_VARIANCE_SHARE` of the training mean are raised to it, because a
    logarithm needs a positive number.

    Samples must be at least as long as the longest lag, for only the rows of a sample's window are kept apart from
    test rows. An echo may be unknown in an instrument's first rows: a training row with such a window is left out,
    a forecast averages the echoes that are known, and is the training mean where none is. Both are counted in
    a warning.

    Raises:
        ConfigError: the head is not a variance head, or the longest lag exceeds the samples' length.
        TrainingError: fewer than ten rows a coefficient have a whole window of echoes.
    """

    simple: ClassVar[bool] = True
    needs_echo: ClassVar[bool] = True
    tiny: ClassVar[dict[str, Any]] = {"lags": (1, 3, 6)}

    lags: tuple[int, ...] = Field((1, 5, 22), description="bars each average runs over, increasing")

    @field_validator("lags")
    @classmethod
    def _increasing(cls, lags: tuple[int, ...]) -> tuple[int, ...]:
        if not lags or any(b <= a for a, b in zip((0, *lags), lags, strict=False)):
            raise ValueError("lags must be positive and increase, such as [1, 5, 22]")
        return lags

    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        """An intercept, a coefficient a lag, and the smearing factor."""
        self._check(head)
        require_rows(self.lags[-1], length)
        return (LayerCount("regression", len(self.lags) + 2, len(self.lags)),)

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        """`coefficients` (intercept first), `log_smear`, and how many rows were `left_out`."""
        self._check(head)
        echoes = train.echo_window(self.lags[-1])
        whole = ~np.isnan(echoes).any(axis=1)
        needed = 10 * (len(self.lags) + 1)
        if whole.sum() < needed:
            raise TrainingError(
                f"har needs {needed} training rows with {self.lags[-1]} known echoes each, was {whole.sum()}. "
                "Use more bars, shorter lags, or a label that has an echo."
            )
        if not whole.all():
            _log.warning("har: %d of %d training rows lack echoes and are left out", (~whole).sum(), len(whole))
        design = self._design(echoes[whole], scale)
        target = np.log(np.maximum(train.y[whole] / scale.scale, SMALLEST_VARIANCE_SHARE))
        coefficients = np.linalg.lstsq(design, target, rcond=None)[0]
        smear = np.mean(np.exp(target - design @ coefficients))
        return {
            "coefficients": coefficients,
            "log_smear": np.array([np.log(smear)]),
            "left_out": np.array([len(whole) - whole.sum()]),
        }

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        """log(forecast / scale) of every sample."""
        echoes = samples.echo_window(self.lags[-1])
        short = np.isnan(echoes).any(axis=1)
        unknown = np.isnan(echoes).all(axis=1)
        if short.any():
            _log.warning("har: %d of %d forecasts average fewer echoes than asked", short.sum(), len(short))
        raw = np.zeros((len(samples), 1))
        raw[~unknown, 0] = self._design(echoes[~unknown], scale) @ weights["coefficients"] + weights["log_smear"]
        return raw

    def _check(self, head: Head) -> None:
        if not isinstance(head, Variance):
            raise ConfigError(f"har forecasts variances only, was asked for a {type(head).__name__} head. Use linear.")

    def _design(self, echoes: np.ndarray, scale: HeadScale) -> np.ndarray:
        known = ~np.isnan(echoes)
        total = np.cumsum(np.where(known, echoes, 0.0)[:, ::-1], axis=1)
        number = np.cumsum(known[:, ::-1], axis=1)
        newest_first = np.array(self.lags) - 1
        # Where the newest echo alone is unknown, the shortest average has nothing: it takes the longest one.
        longest = total[:, -1:] / number[:, -1:]
        means = np.where(number > 0, total / np.maximum(number, 1), longest)[:, newest_first]
        logs = np.log(np.maximum(means / scale.scale, SMALLEST_VARIANCE_SHARE))
        return np.concatenate([np.ones((len(logs), 1)), logs], axis=1)
