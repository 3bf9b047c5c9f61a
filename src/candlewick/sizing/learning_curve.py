"""How many more labels would pay: a power law through the losses of fits on growing shares of the training rows.

loss(n) = a + b n^-c: a is what no number of labels takes away, c how fast they help. c is searched on a grid in which
a and b are least squares, weighted by n because fits on few rows scatter more; intervals come from resampling the
residuals.

Reference: Hestness et al., "Deep learning scaling is predictable, empirically" (2017); Viering and Loog, "The shape of
learning curves: a review" (2021).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from candlewick.core import random

_EXPONENTS = np.arange(0.1, 2.05, 0.1)
_RESAMPLES = 400
_LEVEL = 0.9
_FURTHER = (1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)


@dataclass(frozen=True)
class Fitted:
    """The loss of one fit: how many rows it was trained on, which seed, and its mean loss on validation rows."""

    rows: int
    seed: int
    loss: float


@dataclass(frozen=True)
class Change:
    """By how much the loss changes with more labels, in its own units; below zero is better.

    Attributes:
        times: how many times today's labels.
        middle: by the power law through all fits.
        low, high: 90 % interval.
    """

    times: float
    middle: float
    low: float
    high: float

    @property
    def tells(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class LearningCurve:
    """Fits of one model on growing shares of its training rows.

    Attributes:
        model: its label.
        metric: what the loss is.
        fits: in order of rows.
        trivial: label of the best forecast without skill.
        trivial_loss: its loss on the same rows.
    """

    model: str
    metric: str
    fits: tuple[Fitted, ...]
    trivial: str
    trivial_loss: float

    @property
    def rows(self) -> int:
        """All training rows: today's labels."""
        return max(fit.rows for fit in self.fits)

    @property
    def loss(self) -> float:
        """Mean loss of the fits on all of them."""
        return float(np.mean([fit.loss for fit in self.fits if fit.rows == self.rows]))

    @property
    def gain(self) -> float:
        """How far that is below the loss of the best forecast without skill."""
        return self.trivial_loss - self.loss

    @property
    def sentence(self) -> str:
        """What more labels would do, or that the fits cannot tell.

        Changes are told as shares of the gain over the trivial forecast: the loss itself may have any zero.
        """
        twice, ten = self.change(2.0), self.change(10.0)
        if self.gain <= 0:
            now = f"{self.model} is no better than {self.trivial} with {self.rows:,} labels ({self.metric})"
            told = f"twice as many change its {self.metric} by {_span(twice, 1.0, '.3g')}"
        else:
            now = f"{self.model} gains {self.gain:.3g} {self.metric} over {self.trivial} with {self.rows:,} labels"
            share = -1 / self.gain
            told = f"twice as many change that by {_span(twice, share, '.0%')}, ten times by {_span(ten, share, '.0%')}"
        return f"{now}; {told}." if twice.tells else f"{now}; these fits cannot tell what more would do: {told}."

    def expected(self, times: float) -> float:
        """The power law's loss with `times` today's labels."""
        level, slope, exponent = (law[0] for law in self._laws)
        return float(level + slope * times**-exponent)

    def change(self, times: float) -> Change:
        """What `times` as many labels would change, if the curve goes on as it is."""
        _, slope, exponent = self._laws
        changes = slope * (times**-exponent - 1)
        low, high = np.quantile(changes[1:], [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        return Change(times, float(changes[0]), float(low), float(high))

    @cached_property
    def _laws(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shares = np.array([fit.rows / self.rows for fit in self.fits])
        losses = np.array([fit.loss for fit in self.fits])
        [level], [slope], [exponent] = _laws(shares, losses[:, None])
        fitted = level + slope * shares**-exponent
        # Three numbers were fitted, so residuals are smaller than errors are.
        residuals = (losses - fitted) * np.sqrt(shares * len(losses) / max(len(losses) - 3, 1))
        drawn = random.stream(0, "learning curve").choice(residuals, (len(losses), _RESAMPLES))
        again = fitted[:, None] + drawn / np.sqrt(shares)[:, None]
        return _laws(shares, np.column_stack([losses, again]))


def _laws(shares: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """a, b and c, each (columns,), of the law closest to each column of `losses` (fits, columns)."""
    weight, best = np.sqrt(shares)[:, None], np.full(losses.shape[1], np.inf)
    laws = np.zeros((3, losses.shape[1]))
    for exponent in _EXPONENTS:
        design = weight * np.column_stack([np.ones_like(shares), shares**-exponent])
        coefficients = np.linalg.lstsq(design, weight * losses, rcond=None)[0]
        error = np.square(weight * losses - design @ coefficients).sum(axis=0)
        better = error < best
        best = np.where(better, error, best)
        laws[:2, better], laws[2, better] = coefficients[:, better], exponent
    return laws[0], laws[1], laws[2]


def beside(curve: LearningCurve, other: LearningCurve) -> str:
    """Which of two models has the lower loss today, and whether their power laws say that more labels turn it."""
    better, worse = sorted((curve, other), key=lambda own: own.loss)
    lead = f"{better.model} is ahead of {worse.model} by {worse.loss - better.loss:.3g} {curve.metric}"
    turn = [times for times in _FURTHER if worse.expected(times) < better.expected(times)]
    if not turn or not worse.change(2.0).tells:
        return f"{lead}; nothing says that more labels would turn it."
    return f"{lead}; if both go on as they do, {worse.model} passes it at about {turn[0] * curve.rows:,.0f} labels."


def _span(change: Change, unit: float, form: str) -> str:
    ends = sorted((change.low * unit, change.high * unit))
    return f"{change.middle * unit:+{form}} ({ends[0]:+{form}} to {ends[1]:+{form}})"
