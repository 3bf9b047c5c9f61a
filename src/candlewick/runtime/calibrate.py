"""Calibrators: what validation forecasts say of a model's confidence, as one number applied to its raw outputs."""

from collections.abc import Callable

import numpy as np

from candlewick.core.errors import DataError
from candlewick.models._heads import Belief, Classes, Gaussian, Head, HeadScale, Quantile

_UNIT = HeadScale(0.0, 1.0)
_MOST = 20.0
"""Temperatures and spreads lie between its inverse and this."""

Calibration = dict[str, np.ndarray]


def fit(head: Head, raw: np.ndarray, z: np.ndarray) -> Calibration:
    """The factor that makes these forecasts most probable; {} for heads that state no confidence.

    * classes: `temperature`, which divides the logits; it minimises log loss;
    * gaussian: `spread`, which multiplies the deviation; it minimises the negative log likelihood;
    * quantile: `spread`, which multiplies every quantile's distance from the one nearest the median; it minimises
      the pinball loss.

    Args:
        raw: float64 (m, outputs), forecasts of rows that the model was not fitted on.
        z: float64 (m,), what came: the class, or (y - center) / scale.

    Raises:
        DataError: no rows, or values that are not finite.

    Reference: Guo et al., "On Calibration of Modern Neural Networks", ICML (2017).
    """
    if len(raw) == 0 or raw.shape != (len(z), head.outputs) or not (np.isfinite(raw).all() and np.isfinite(z).all()):
        raise DataError(
            f"calibration needs finite raw outputs (rows, {head.outputs}) and as many labels, was {raw.shape} and "
            f"{z.shape}. Give validation rows that have a forecast and a label."
        )
    if isinstance(head, Classes):
        chosen = np.arange(len(z)), z.astype(np.int64)
        return {"temperature": _best(lambda factor: _log_loss(raw / factor, chosen))}
    if isinstance(head, Gaussian):
        mean, log_deviation = raw.T
        return {"spread": _best(lambda factor: np.log(factor) + _squares(z, mean, log_deviation) / (2 * factor**2))}
    if isinstance(head, Quantile):
        return {"spread": _best(lambda factor: _pinball(head, _widened(head, raw, factor), z))}
    return {}


def apply(head: Head, raw: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Calibrated raw outputs, float64 (m, outputs); `raw` itself where the calibration is {}."""
    if not calibration:
        return raw
    if isinstance(head, Classes):
        return np.asarray(raw / calibration["temperature"])
    spread = calibration["spread"]
    if isinstance(head, Gaussian):
        return raw + np.array([0.0, np.log(spread[0])])
    assert isinstance(head, Quantile), "other heads are not calibrated"
    quantiles = _widened(head, raw, float(spread[0]))
    return head.encode(Belief(quantiles[:, head.middle], quantiles, head.levels), _UNIT)


def _best(loss: Callable[[float], float]) -> np.ndarray:
    from scipy.optimize import minimize_scalar

    bounds = -np.log(_MOST), np.log(_MOST)
    found = minimize_scalar(lambda log_factor: loss(np.exp(log_factor)), bounds=bounds, method="bounded")
    return np.array([np.exp(found.x)])


def _log_loss(logits: np.ndarray, chosen: tuple[np.ndarray, np.ndarray]) -> float:
    return float(np.mean(np.logaddexp.reduce(logits, axis=1) - logits[chosen]))


def _squares(z: np.ndarray, mean: np.ndarray, log_deviation: np.ndarray) -> float:
    return float(np.mean(np.square((z - mean) * np.exp(-log_deviation))))


def _widened(head: Quantile, raw: np.ndarray, factor: float) -> np.ndarray:
    quantiles = head.decode(raw, _UNIT).quantiles
    assert quantiles is not None
    middle = quantiles[:, head.middle, None]
    return middle + factor * (quantiles - middle)


def _pinball(head: Quantile, quantiles: np.ndarray, z: np.ndarray) -> float:
    error, levels = z[:, None] - quantiles, np.array(head.levels)
    return float(np.mean(np.maximum(levels * error, (levels - 1) * error)))
