"""What a metric is: of a forecast against the truth, or of a strategy's track."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from candlewick.core.errors import DataError
from candlewick.core.spec import Spec
from candlewick.evaluate.statistics.groups import group_sums
from candlewick.evaluate.track import Track

Kind = Literal["number", "variance", "classes"]


class Metric(Spec):
    """A frozen spec of one number that says how good something was."""

    direction: ClassVar[Literal["lower", "higher"]]
    """Which way is better."""

    units: ClassVar[str]
    """What the number counts: `label`, `share`, `years`, `none` ..."""


class ForecastMetric(Metric):
    """Forecasts against the truth. A member gives `rows` where the metric is a mean over rows, else `score`.

    `truth` is float64 (n,), `value` the point forecasts (n,), `probabilities` (n, classes) for class labels.
    """

    kinds: ClassVar[tuple[Kind, ...]]
    """Label kinds it makes sense for."""

    def rows(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray | None:
        """float64 (n,), what each row adds, NaN in a row not counted; None where the metric is no mean of rows."""
        return None

    def score(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> float:
        """The metric over all rows; NaN where it is not defined.

        Raises:
            DataError: no rows, lengths that differ, NaN, or values outside the label kind's range.
        """
        rows = self.rows(truth, value, probabilities)
        assert rows is not None, "a metric that is no mean of rows overrides score"
        counted = rows[~np.isnan(rows)]
        return self.of_mean(float(counted.mean())) if len(counted) else float("nan")

    def of_mean(self, mean: float) -> float:
        """The score from the mean of the rows; most are that mean."""
        return mean

    def grouped(
        self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None, starts: np.ndarray
    ) -> np.ndarray | None:
        """float64 (groups, columns), what `of_groups` needs of the groups of consecutive rows that begin at `starts`.

        Intervals of long series are made of it. None where a score cannot be had from groups: its intervals then read
        every row in every resample.
        """
        rows = self.rows(truth, value, probabilities)
        if rows is None:
            return None
        counted = ~np.isnan(rows)
        return group_sums(np.column_stack([np.where(counted, rows, 0.0), counted]), starts)

    def of_groups(self, groups: np.ndarray) -> float:
        """The score of all rows of some of the groups, one of them perhaps several times."""
        total, count = groups.sum(axis=0)
        return self.of_mean(float(total / count)) if count else float("nan")


class TradingMetric(Metric):
    """A strategy's net track as one number, NaN where it is not defined (each member says where)."""

    reads: ClassVar[Literal["bars", "trades"]]
    """Whether it is made of the track's bars or of its trades."""

    @abstractmethod
    def score(self, track: Track) -> float:
        """The metric of the whole track.

        Raises:
            DataError: the track has no bars or a return that is not finite.
        """

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray | None:
        """float64 (groups, columns), what `of_groups` needs of the groups of what it reads that begin at `starts`.

        Intervals of long tracks are made of it. None where a score cannot be had from groups: its intervals then read
        every bar or trade in every resample.
        """
        return None

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """The score of all bars or trades of some of the groups, in their order."""
        raise AssertionError("a metric that gives groups overrides of_groups")


def checked_pair(truth: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 (n,), finite and of one length.

    Raises:
        DataError: they are not.
    """
    truth, value = np.asarray(truth, dtype=np.float64), np.asarray(value, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != value.shape or len(truth) == 0:
        raise DataError(
            f"a metric needs as many forecasts as truths and at least one, was {value.shape} and {truth.shape}."
        )
    for name, array in (("truth", truth), ("forecast", value)):
        bad = np.flatnonzero(~np.isfinite(array))
        if len(bad):
            raise DataError(
                f"the {name} at row {bad[0]} is {array[bad[0]]}, and {len(bad)} rows in all are not finite. "
                "Score only rows that have both a forecast and a label."
            )
    return truth, value


def checked_variances(truth: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`checked_pair`, the truth never negative and the forecast positive.

    Raises:
        DataError: they are not.
    """
    truth, value = checked_pair(truth, value)
    if np.any(truth < 0) or np.any(value <= 0):
        raise DataError(
            f"a variance is never negative and its forecast is positive, was {truth.min():.3g} (lowest truth) and "
            f"{value.min():.3g} (lowest forecast). Give variances, not returns or logarithms."
        )
    return truth, value


def checked_classes(truth: np.ndarray, probabilities: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The true class of each row as int64 (n,), and probabilities float64 (n, classes) whose rows sum to 1.

    Raises:
        DataError: no probabilities, a class outside them, or rows that are no distribution.
    """
    if probabilities is None:
        raise DataError("this metric needs the probability of every class, was None. Use a head that gives classes.")
    probabilities = np.asarray(probabilities, dtype=np.float64)
    truth, _ = checked_pair(truth, truth)
    if probabilities.ndim != 2 or len(probabilities) != len(truth):
        raise DataError(f"probabilities must be (rows, classes) for {len(truth)} rows, was {probabilities.shape}.")
    outside = ~((probabilities >= 0) & (probabilities <= 1)).all(axis=1)
    if outside.any() or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-6:
        raise DataError("probabilities must lie in 0 .. 1 and sum to 1 in every row. Normalise them first.")
    classes = truth.astype(np.int64)
    if np.any(classes != truth) or classes.min() < 0 or classes.max() >= probabilities.shape[1]:
        raise DataError(
            f"true classes must be whole numbers 0 .. {probabilities.shape[1] - 1}, "
            f"was {truth.min():g} .. {truth.max():g}."
        )
    return classes, probabilities


def checked_returns(track: Track) -> np.ndarray:
    """The track's returns, float64 (n,).

    Raises:
        DataError: there are none, or one is not finite.
    """
    if len(track.returns) == 0 or not np.all(np.isfinite(track.returns)):
        raise DataError("a track needs at least one bar and finite returns. Run the back-test on whole bars.")
    return track.returns


def ratio(numerator: float, denominator: float) -> float:
    """The quotient, NaN where the denominator is zero or within rounding of it."""
    if abs(denominator) <= 1e-12 * abs(numerator) or denominator == 0.0:
        return float("nan")
    return numerator / denominator
